from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.explanation import Contribution
from heartapp.inference.model import Survival
from heartapp.ui import drawing
from heartapp.ui.drawing import HEIGHT, WIDTH

DAYS = tuple(range(0, 181, 5))
SHARES = st.floats(-1, 1).filter(lambda share: abs(share) > 1e-9)


def survival(*risks: float) -> Survival:
    """A curve over the last of the days; its band is 0.1 wide on either side."""
    low, high = (tuple(min(max(risk + by, 0), 1) for risk in risks) for by in (-0.1, 0.1))
    return Survival(DAYS[-len(risks) :], risks, low, high)


def points(path: str) -> list[tuple[float, float]]:
    """The corners of an SVG path."""
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


@pytest.mark.parametrize(("risk", "top"), [(0.0, 0.25), (0.15, 0.25), (0.16, 0.5), (0.41, 0.75), (0.66, 1), (1.0, 1)])
def test_the_plot_is_as_high_as_the_band_needs(risk: float, top: float) -> None:
    assert drawing.curve(survival(risk)).top == top


def test_a_curve_has_a_line_and_a_band() -> None:
    drawn = drawing.curve(survival(0.2, 0.3, 0.35))
    assert drawn.line == "M283.3 66L291.7 44L300 33"
    assert drawn.band == "M283.3 44L291.7 22L300 11L300 55L291.7 66L283.3 88Z"


def test_a_curve_without_refits_has_no_band() -> None:
    drawn = drawing.curve(Survival((90, 180), (0.2, 0.3)))
    assert (drawn.top, drawn.band) == (0.5, "")
    assert drawn.line == "M150 66L300 44"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=len(DAYS)).map(sorted))
def test_a_curve_stays_in_the_plot_and_never_falls(risks: list[float]) -> None:
    drawn = drawing.curve(survival(*risks))
    line = points(drawn.line)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line + points(drawn.band))
    assert line == sorted(line, key=lambda point: (point[0], -point[1]))


@given(st.lists(SHARES, min_size=1, max_size=12))
def test_bars_start_at_zero_and_are_as_long_as_their_contributions(shares: list[float]) -> None:
    zero, bars = drawing.bars([Contribution("age", 60, share) for share in shares])
    scale = 100 / max(max(0, *shares) - min(0, *shares), drawing.LEAST_SPAN)
    for share, bar in zip(shares, bars, strict=True):
        assert (bar.x if share > 0 else bar.x + bar.width) == pytest.approx(zero, abs=0.15)
        assert bar.width == pytest.approx(abs(share) * scale, abs=0.051)
        assert -0.1 <= bar.x <= bar.x + bar.width <= 100.11
