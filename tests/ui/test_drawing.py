from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.explanation import Contribution, Explanation
from heartapp.inference.model import Survival
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
