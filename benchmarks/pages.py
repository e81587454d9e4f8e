"""The tables, and the pages that hold them: everything that is said of a run is written from its results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.bundle import ROOT
from benchmarks.goals import goals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Figure, Result, Results

PAGE: Final = Path(__file__).with_name("README.md")
README: Final = ROOT / "README.md"
NOT_YET: Final = "Not measured yet: `make bench` does it.\n"
_BEGIN, _END = "<!-- results: written by `make bench` -->\n", "<!-- end of results -->\n"

COLUMNS: Final = {
    "requests_per_second": "requests/s",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "cpu_ms": "CPU per request, ms",
    "start_seconds": "start, s",
    "memory_mb": "memory, MB",
    "batch_rows_per_second": "rows/s of a batch",
}
QUOTED: Final = ("requests_per_second", "p99_ms", "cpu_ms", "start_seconds", "memory_mb")


def whole(results: Results | None) -> str:
    """For the benchmarks' own page: the conditions, every figure with its spread, the goals, the versions."""
    if results is None:
        return NOT_YET
    parts = ([_conditions(results)], _full_table(results), _goal_table(results), _told(results))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def short(results: Results | None) -> str:
    """For the README: the medians."""
    if results is None:
        return NOT_YET
    labels = [COLUMNS[name] for name in QUOTED]
    lines = [
        _row([_name(one), *(_median(one.figures.get(name)) for name in QUOTED), _installed(one)])
        for one in results.contenders
    ]
    return "\n".join([*_head(["", *labels, "installed, MB"]), *lines]) + "\n"


def write_pages(results: Results) -> None:
    """Put the tables where they stand."""
    for path, block in ((PAGE, whole(results)), (README, short(results))):
        path.write_text(with_block(path.read_text("utf-8"), block), "utf-8")


def with_block(page: str, block: str) -> str:
    """The page with its results replaced.

    Raises:
        ValueError: the page has no place for them.
    """
    begin, end = page.index(_BEGIN) + len(_BEGIN), page.index(_END)
    return page[:begin] + block + page[end:]


def number(value: float) -> str:
    """Three digits that count: 4,321 and 432 and 4.32 and 0.432."""
    if abs(value) >= 100:  # noqa: PLR2004 - from here on, whole numbers have three digits
        return f"{value:,.0f}"
    return re.sub(r"\.$", "", f"{value:#.3g}")


def _conditions(results: Results) -> str:
    machine = results.machine
    return (
        f"{results.date}: {results.rounds} × {results.seconds} s of load, {results.workers} workers, wrk "
        f"{machine.wrk} with {results.connections} connections, batches of {results.batch_rows:,} rows. "
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}. "
        "Medians, with the lowest and the highest round in brackets."
    )


def _full_table(results: Results) -> list[str]:
    lines = [
        _row([_name(one), *(_spread(one.figures.get(name)) for name in COLUMNS), _installed(one), str(one.errors)])
        for one in results.contenders
    ]
    if results.in_process_rows_per_second:
        in_process = {"batch_rows_per_second": results.in_process_rows_per_second}
        cells = [_spread(in_process.get(name)) for name in COLUMNS]
        lines.append(_row(["in process, without a server", *cells, "", ""]))
    return [*_head(["", *COLUMNS.values(), "installed, MB", "errors"]), *lines]


def _goal_table(results: Results) -> list[str]:
    lines = [
        _row(
            [
                goal.text,
                f"{'at most' if goal.most else 'at least'} {number(goal.limit)}",
                _spread(goal.measured),
                "yes" if goal.reached else "**no**",
            ]
        )
        for goal in goals(results)
    ]
    return [*_head(["heartapp's", "goal", "measured", "reached"]), *lines]


def _told(results: Results) -> list[str]:
    lines = []
    for one in results.contenders:
        versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
        failure = f"; **failed**: {one.failure}" if one.failure else ""
        lines.append(f"- {one.title}: {versions or 'no versions'}{failure}")
    return lines


def _head(labels: Sequence[str]) -> list[str]:
    return [_row(labels), "|---|" + "---:|" * (len(labels) - 1)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _name(result: Result) -> str:
    title = f"**{result.title}**" if result.kind == "heartapp" else result.title
    return f"{title} (failed)" if result.failure else title


def _installed(result: Result) -> str:
    return "" if result.kind == "limit" or not result.installed_mb else number(result.installed_mb)


def _median(figure: Figure | None) -> str:
    return number(figure.median) if figure else ""


def _spread(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.low == figure.high:
        return number(figure.median)
    return f"{number(figure.median)} ({number(figure.low)}–{number(figure.high)})"
