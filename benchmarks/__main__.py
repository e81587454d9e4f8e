"""Measure heartapp, limits and other servers. A complete run writes its results into benchmarks/ and the README."""

import argparse
import shutil
import sys
from typing import Final

from benchmarks import pages
from benchmarks.contender import BENCH, CONTENDERS
from benchmarks.measure import measure
from benchmarks.results import write_results

ROUNDS: Final = 5
SECONDS: Final = 4


def main() -> None:
    """Measure and print. A shorter run changes no page."""
    arguments = read_arguments()
    if not shutil.which("wrk"):
        sys.exit("wrk, the load generator, is missing; on Debian or Ubuntu: apt install wrk")
    chosen = [one for one in CONTENDERS if one.name in arguments.only]
    results = measure(chosen, arguments.rounds, arguments.seconds)
    print(pages.full(results))
    if len(chosen) < len(CONTENDERS) or arguments.rounds < ROUNDS or arguments.seconds < SECONDS:
        write_results(results, BENCH / "results.json")
        print("Not a complete run: benchmarks/results.json and the pages stay as they are.", file=sys.stderr)
    else:
        write_results(results)
        pages.write_pages(results)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    names = [one.name for one in CONTENDERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of load in each round; default {SECONDS}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
