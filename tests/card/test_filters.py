from __future__ import annotations

import math

import pytest

from heartapp.card import filters
from heartapp.inference.report import NetBenefit
from tests.reports import goal_of, spread_of


@pytest.mark.parametrize(
    ("value", "three", "signed"),
    [
        (0.0512, "0.051", "+0.051"),
        (-0.0512, "−0.051", "−0.051"),
        (-0.0004, "0.000", "0.000"),
        (0.0004, "0.000", "0.000"),
        (math.nan, "undefined", "undefined"),
    ],
)
def test_a_figure_has_three_decimals_and_zero_has_no_sign(value: float, three: str, signed: str) -> None:
    assert (filters.three(value), filters.signed(value)) == (three, signed)


def test_a_spread_is_mean_and_standard_deviation() -> None:
    assert filters.spread(spread_of(0.5)) == "0.500 ± 0.050"


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ((0.8, 1), "at least 0.80"),
        ((0, 0.163), "at most 0.163"),
        ((-0.05, 0.05), "−0.05 to 0.05"),
        ((-0.0001, 0.5), "0.00 to 0.50"),
    ],
)
def test_a_goal_is_written_by_the_side_on_which_it_can_be_missed(limits: tuple[float, float], text: str) -> None:
    assert filters.span(limits) == text


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({}, "reached"),
        ({"reached": "stretch", "alarm": True}, "reached; too good: look for a leak"),
        ({"reached": "missed", "goal": (0.9, 1)}, "**missed** by 0.089"),
        ({"reached": "missed", "goal": (0, 0.5)}, "**missed** by 0.311"),
    ],
)
def test_a_result_says_by_how_much_a_goal_is_missed(changed: dict[str, object], text: str) -> None:
    assert filters.result(goal_of("roc_auc", 0.811, **changed)) == text


def test_variables_are_listed_by_their_labels() -> None:
    assert filters.labels(["age"]) == "age"
    assert filters.labels(["age", "sex", "time"]) == "age, sex and follow-up time"


def test_a_threshold_is_useful_above_treating_everyone_and_no_one() -> None:
    curve = [NetBenefit(0.1, 0.2, 0, 0.3), NetBenefit(0.2, 0.2, 0, 0.1), NetBenefit(0.9, -0.1, 0, -0.5)]
    assert filters.useful(curve) == [0.2]
