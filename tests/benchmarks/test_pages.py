"""The tables are made from the results, and the pages hold the last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from benchmarks import pages
from benchmarks.goals import goals
from benchmarks.machine import Machine
from benchmarks.results import Figure, Result, Results, Round, figures, read_results, write_results

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contender import Kind

MACHINE = Machine("a processor", 2, 16.0, "Linux", "3.11", "4.1")


def contender(name: str, kind: Kind, *rounds: Round, failure: str | None = None) -> Result:
    errors = sum(one.errors for one in rounds)
    return Result(name, name.title(), kind, {name: "1.0"}, 150.0, figures(rounds), errors, failure)


def measured(requests: float, cpu: float, batch: float | None = None, errors: int = 0) -> Round:
    return Round(requests, 1.0, 2.0, cpu, 0.5, 100.0, 50.0, batch, errors)


@pytest.fixture
def results() -> Results:
    """Three rounds, of which the second was slow for everyone."""
    contenders = [
        contender(
            "heartapp", "heartapp", measured(6000, 0.3, 90_000), measured(600, 0.6, 80_000), measured(6600, 0.3, 90_000)
        ),
        contender("flask-constant", "limit", measured(8000, 0.2), measured(700, 0.4), measured(8000, 0.2)),
        contender("slow", "server", measured(500, 3, 9_000), measured(50, 6, 9_000), measured(510, 3, 9_000, 2)),
        contender("slower", "server", measured(400, 4, 12_000), measured(60, 6, 2_000), measured(410, 4, 9_000)),
        contender("broken", "server", failure="it ended by itself: no"),
    ]
    return Results("2026-01-01", MACHINE, 3, 3, 16, 2, 10_000, contenders, Figure.of([150_000.0, 120_000.0, 150_000.0]))


def test_a_figure_is_the_median_of_the_rounds_with_the_lowest_and_the_highest() -> None:
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0, [3.0, 1.0, 2.0])


def test_results_are_read_as_they_were_written(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path / "results.json")

    assert read_results(tmp_path / "results.json") == results
    assert read_results(tmp_path / "none.json") is None


def test_a_ratio_is_of_the_same_round_and_to_the_best_server_of_it(results: Results) -> None:
    told = {goal.text: goal for goal in goals(results)}

    requests = told["requests/s ÷ the best off-the-shelf server's"]
    assert requests.measured.rounds == [12.0, 10.0, 6600 / 510]
    assert requests.reached
    cpu = told["CPU per request ÷ the best off-the-shelf server's"]
    assert cpu.measured.rounds == pytest.approx([0.1, 0.1, 0.1])
    assert cpu.reached
    assert not told["requests/s ÷ the constant Flask view's"].reached


def test_a_goal_whose_contenders_did_not_take_part_is_left_out(results: Results) -> None:
    alone = msgspec.structs.replace(results, contenders=results.contenders[:1], in_process_rows_per_second=None)

    assert [goal.text for goal in goals(alone)] == [
        "seconds from start to the first good answer",
        "memory of the largest process, MB",
        "memory of all processes, MB",
        "installed, MB",
        "batch rows/s ÷ row by row",
    ]


def test_the_table_tells_figures_errors_and_who_failed(results: Results) -> None:
    table = pages.whole(results)

    assert "| **Heartapp** | 6,000 (600–6,600) |" in table
    assert "| Slow | 500 (50.0–510) |" in table
    assert "| 150 | 2 |" in table
    assert "**failed**: it ended by itself: no" in table
    assert "a processor, 2 cores" in table


def test_the_readme_quotes_medians(results: Results) -> None:
    assert "| **Heartapp** | 6,000 | 2.00 | 0.300 | 0.500 | 100 | 150 |" in pages.short(results)


def test_the_pages_hold_what_the_last_run_measured() -> None:
    last = read_results()

    for path, block in ((pages.PAGE, pages.whole(last)), (pages.README, pages.short(last))):
        text = path.read_text("utf-8")
        assert pages.with_block(text, block) == text


def test_a_block_takes_the_place_of_the_one_before(results: Results) -> None:
    page = pages.PAGE.read_text("utf-8")
    once = pages.with_block(page, pages.whole(results))

    assert pages.whole(results) in once
    assert pages.with_block(once, pages.NOT_YET) == pages.with_block(page, pages.NOT_YET)


@pytest.mark.parametrize(
    ("value", "text"),
    [(43_210.4, "43,210"), (432.1, "432"), (43.21, "43.2"), (4.0, "4.00"), (0.04321, "0.0432")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert pages.number(value) == text
