"""The tables, and the pages that hold them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.bundle import ROOT
from benchmarks.goals import goals
from benchmarks.load import CONNECTIONS
from benchmarks.results import Figure, Result, Results

PAGE: Final = Path(__file__).with_name("README.md")
README: Final = ROOT / "README.md"
_BEGIN, _END = "<!-- results: written by `make bench` -->\n", "<!-- end of results -->\n"
_NOT_YET: Final = "Not measured yet. `make bench` measures.\n"

COLUMNS: Final = {
    "requests_per_second": "requests/s",
    "cpu_us": "CPU per request, µs",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "ready_seconds": "ready, s",
    "memory_mb": "memory, MB",
}


def full(results: Results | None) -> str:
    """For the benchmarks' page: the conditions, every figure with its spread, the goals, the versions."""
    if results is None:
        return _NOT_YET
    conditions = (
        f"{results.date}: {results.rounds} rounds of {results.seconds} s, 2 workers, {CONNECTIONS} connections. "
        f"{results.machine}. Medians (lowest–highest). **unsteady**: highest and lowest differ by more than 40 % of "
        "the median, which may hide two modes."
    )
    versions = "".join(_versions(one) for one in results.contenders)
    return "\n".join([f"{conditions}\n", figures(results), _goals(results), versions])


def figures(results: Results) -> str:
    """For the README too: every figure with its spread."""
    rows = []
    for one in results.contenders:
        cells = [_with_spread(Figure.of(one.series(measure))) if one.rounds else "" for measure in COLUMNS]
        rows.append([one.title, *cells, number(one.installed_mb), str(one.errors)])
    return _table(["", *COLUMNS.values(), "installed, MB", "wrong answers"], rows)


def write_pages(results: Results) -> None:
    """Put the tables into the benchmarks' page, and into the README if it has a place for one."""
    for path, block in ((PAGE, full(results)), (README, figures(results))):
        path.write_text(with_block(path.read_text("utf-8"), block), "utf-8")


def with_block(page: str, block: str) -> str:
    """The page with its results replaced; unchanged if it has no markers."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return before + begin + block + end + after if begin and end else page


def number(value: float) -> str:
    """Three significant digits, more for large numbers: 4,321 and 432 and 4.32 and 0.432."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits


def _with_spread(figure: Figure) -> str:
    if figure.low == figure.high:
        return number(figure.median)
    flag = ", **unsteady**" if figure.unsteady else ""
    return f"{number(figure.median)} ({number(figure.low)}–{number(figure.high)}{flag})"


def _goals(results: Results) -> str:
    rows = []
    for goal in goals(results):
        limit = f"{'at least' if goal.at_least else 'at most'} {number(goal.limit)}"
        rows.append([goal.text, limit, _with_spread(goal.measured), "yes" if goal.reached else "**no**"])
    return _table(["heartapp behind Granian", "goal", "measured", "reached"], rows)


def _versions(one: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
    return f"- {one.title}: {versions}" + (f"; **failed**: {one.failure}\n" if one.failure else "\n")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
