import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.explanation import Contribution, Explanation
from heartapp.inference.model import Survival
from heartapp.inference.response import ResponseCurve
from heartapp.ui import drawing

DAYS = tuple(range(0, 181, 5))


def points(path: str) -> list[tuple[float, float]]:
    """The corners of an SVG path."""
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_a_curve_has_a_line_and_a_band() -> None:
    line, band = drawing.curve(Survival((0, 90, 180), (0.0, 0.2, 0.3), (0.0, 0.1, 0.2), (0.0, 0.3, 0.4)))
    assert line == "M0 100L50 80L100 70"
    assert band == "M0 100L50 70L100 60L100 80L50 90L0 100Z"


def test_a_curve_without_refits_has_no_band() -> None:
    assert drawing.curve(Survival((90, 180), (0.2, 0.3))) == ("M50 80L100 70", "")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=len(DAYS)).map(sorted))
def test_a_curve_stays_in_the_plot_and_never_falls(risks: list[float]) -> None:
    line, _ = drawing.curve(Survival(DAYS[-len(risks) :], tuple(risks)))
    corners = points(line)
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in corners)
    assert corners == sorted(corners, key=lambda point: (point[0], -point[1]))


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_waterfall_leads_from_the_reference_risk_to_the_risk(start: float, risks: list[float]) -> None:
    steps = zip([start, *risks], risks, strict=False)
    contributions = tuple(Contribution("age", 60, after - before) for before, after in steps)
    bars = drawing.waterfall(Explanation(start, contributions))
    for before, after, bar in zip([start, *risks], risks, bars, strict=False):
        assert bar.x == pytest.approx(100 * min(before, after), abs=0.051)
        assert bar.x + bar.width == pytest.approx(100 * max(before, after), abs=0.11)
        assert bar.end == pytest.approx(100 * after, abs=0.051)


def test_a_response_is_drawn_over_its_range_and_again_where_it_is_supported() -> None:
    one = ResponseCurve("age", (40, 50, 60, 80), (0.1, 0.2, 0.3, 0.4), (True, True, False, True), 1)
    xs, line, known = drawing.response(one, BY_NAME["age"])
    assert xs == [0, 25, 50, 100]
    assert line == "M0 90L25 80L50 70L100 60"
    assert known == "M0 90L25 80M100 60"


def test_a_response_is_drawn_by_ratios_where_they_matter_more() -> None:
    one = ResponseCurve("serum_creatinine", (0.5, 1, 2), (0.1, 0.2, 0.3), (False, False, False), None)
    assert drawing.response(one, BY_NAME["serum_creatinine"]) == ([0, 50, 100], "M0 90L50 80L100 70", "")


def test_a_response_of_one_value_is_a_point() -> None:
    one = ResponseCurve("age", (40,), (0.1,), (True,), 0)
    assert drawing.response(one, BY_NAME["age"]) == ([0], "M0 90", "M0 90")


def test_values_stand_along_the_width_of_a_response_curve() -> None:
    curve = ResponseCurve("serum_creatinine", (0.5, 1.0, 8.0), (0.1, 0.2, 0.3), (True, True, True), None)
    assert drawing.along(curve, BY_NAME["serum_creatinine"], [0.5, 2.0, 8.0]) == [0.0, 50.0, 100.0]
