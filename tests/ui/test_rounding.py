from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.numbers import of_hundred, per_cent
from heartapp.ui.rounding import nonzero, points, rounded

THRESHOLDS = st.integers(1, 99).map(lambda number: number / 100)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "under 1"),
        (0.0049, "under 1"),
        (0.005, "1"),
        (0.32, "32"),
        (0.9949, "99"),
        (0.995, "over 99"),
        (1, "over 99"),
    ],
)
def test_a_share_is_rounded_but_never_to_0_or_100(share: float, text: str) -> None:
    assert rounded(share) == text


@pytest.mark.parametrize(
    ("share", "threshold", "text"),
    [
        (0.3149, 0.32, "31"),
        (0.315, 0.32, "just under 32"),
        (0.3199, 0.32, "just under 32"),
        (0.32, 0.32, "32"),
        (0.3201, 0.32, "32"),
        (0.005, 0.01, "just under 1"),
    ],
)
def test_a_share_that_rounds_up_to_the_threshold_is_marked(share: float, threshold: float, text: str) -> None:
    assert rounded(share, threshold) == text


@given(st.floats(0, 1), THRESHOLDS)
def test_a_rounded_share_is_on_the_same_side_of_the_threshold(share: float, threshold: float) -> None:
    text = rounded(share, threshold)
    number = int(re.findall(r"\d+", text)[0])
    below = text.startswith(("just under", "under")) or number < of_hundred(threshold)
    assert below is (share < threshold)
    assert per_cent(threshold) == f"{of_hundred(threshold)}%"


@pytest.mark.parametrize(
    ("contribution", "text"),
    [(0.29, "29 points"), (-0.05, "5 points"), (0.0149, "1 point"), (-0.0049, "less than 1 point")],
)
def test_a_contribution_is_given_in_percentage_points(contribution: float, text: str) -> None:
    assert points(contribution) == text


@pytest.mark.parametrize(("contribution", "answer"), [(0.1, True), (-1e-3, True), (8e-18, False), (0.0, False)])
def test_rounding_errors_are_not_contributions(contribution: float, answer: bool) -> None:  # noqa: FBT001 - the expected answer
    assert nonzero(contribution) is answer
