"""Measure heartapp against limits and other servers; a whole run writes its results into benchmarks/ and the README."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from benchmarks import pages
from benchmarks.contest import Contest
from benchmarks.environments import BENCH
from benchmarks.everyone import CONTENDERS
from benchmarks.load import missing
from benchmarks.results import write_results

ROUNDS: Final = 5
SECONDS: Final = 3


def main() -> int:
    """Run what was asked for. A quick look is printed and changes no page."""
    arguments = read_arguments()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 1
    contest = Contest([one for one in CONTENDERS if one.name in arguments.only], arguments.seconds)
    contest.prepare()
    contest.play(arguments.rounds)
    results = contest.results(arguments.rounds)
    print(pages.whole(results))
    if len(arguments.only) < len(CONTENDERS) or arguments.rounds < ROUNDS or arguments.seconds < SECONDS:
        write_results(results, BENCH / "results.json")
        print("A quick look: benchmarks/results.json and the pages stay as they are.", file=sys.stderr)
    else:
        write_results(results)
        pages.write_pages(results)
    return 0


def read_arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    names = [one.name for one in CONTENDERS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"some of: {', '.join(names)}"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of load in each round; default {SECONDS}")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds start at 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
