"""The tables come from the results, and the benchmarks' page holds the last ones."""

import msgspec
import pytest

from benchmarks import pages
from benchmarks.contender import Kind
from benchmarks.goals import HEARTAPP, goals
from benchmarks.results import Figure, Result, Results, Round, read_results


def result(name: str, kind: Kind, requests: list[float], cpu: list[float], failure: str | None = None) -> Result:
    rounds = [Round(*pair, 1, 2, 0.5, 100, 0) for pair in zip(requests, cpu, strict=True)]
    return Result(name, name.title(), kind, {name: "1.0"}, 150, rounds, failure)


@pytest.fixture
def results() -> Results:
    """Three rounds, of which the second was slow for everyone."""
    contenders = [
        result(HEARTAPP, "heartapp", [6000, 600, 6600], [180, 360, 180]),
        result("slow", "off-the-shelf", [500, 50, 510], [2000, 3600, 2000]),
        result("slower", "off-the-shelf", [400, 60, 410], [1800, 3600, 1800]),
        result("broken", "off-the-shelf", [], [], "it ended: no"),
    ]
    return Results("2026-01-01", "a processor", 3, 4, contenders)


def test_a_figure_has_median_range_and_spread() -> None:
    figure = Figure.of([9.0, 10.0, 13.0])
    assert figure == (10.0, 9.0, 13.0)
    assert figure.spread == pytest.approx(0.3)
    assert not figure.unsteady
    assert Figure.of([9.0, 10.0, 13.1]).unsteady


def test_ratios_compare_with_the_best_server_of_the_same_round(results: Results) -> None:
    requests, cpu, memory, ready, spread, wrong = goals(results)
    assert requests.measured == pytest.approx((12, 10, 6600 / 510))
    assert cpu.measured == pytest.approx((0.1, 0.1, 0.1))
    assert spread.measured.median == pytest.approx(0.9)
    assert [goal.reached for goal in (requests, cpu, memory, ready, spread, wrong)] == [True] * 4 + [False, True]


def test_goals_need_their_contenders(results: Results) -> None:
    alone = msgspec.structs.replace(results, contenders=results.contenders[:1])
    assert len(goals(alone)) == len(goals(results)) - 2


def test_the_page_shows_figures_flags_and_failures(results: Results) -> None:
    page = pages.full(results)
    assert "| Slow | 500 (50–510, **unsteady**) |" in page
    assert "- Broken: broken 1.0; **failed**: it ended: no" in page


def test_the_page_holds_the_last_results() -> None:
    page = pages.PAGE.read_text("utf-8")
    assert pages.with_block(page, pages.full(read_results())) == page
    assert pages.with_block("no markers\n", "a table\n") == "no markers\n"
