import math

import msgspec
import pytest

from heartapp.card import filters
from heartapp.inference.report import Estimate, NetBenefit
from tests.reports import estimate_of, evaluation_of, spread_of


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


def test_a_figure_is_named_with_its_day_and_written_with_its_interval() -> None:
    assert [filters.figure(name) for name in ("mcc", "brier_180")] == ["Matthews correlation", "Brier score by day 180"]
    assert filters.interval(spread_of(0.5)) == "0.500 (0.400 to 0.600)"
    assert filters.interval(Estimate(0.5, -0.1, 0.7)) == "0.500 (−0.100 to 0.700)"
    assert filters.difference(Estimate(0.1, -0.1, 0.3)) == "+0.100 (−0.100 to +0.300)"


def test_a_goal_is_written_by_the_side_on_which_it_can_be_missed() -> None:
    goals = ((0.8, 1), (0, 0.163), (-0.05, 0.05), (-0.0001, 0.5))
    assert [*map(filters.span, goals)] == ["at least 0.80", "at most 0.163", "−0.05 to 0.05", "0.00 to 0.50"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({}, "**No clear difference**"),
        ({"auc_180": Estimate(0.02, 0.01, 0.03)}, "**Better in AUC by day 180**"),
        ({"auc_180": Estimate(-0.02, -0.03, -0.01)}, "**Worse in AUC by day 180**"),
        (
            {"mcc": Estimate(0.02, 0.01, 0.03), "brier_180": Estimate(0.02, 0.01, 0.03)},
            "**Better in Matthews correlation, Worse in Brier score by day 180**",
        ),
        ({"sensitivity": Estimate(0.02, 0.01, 0.03)}, "**No clear difference**"),
    ],
)
def test_the_comparison_goes_by_the_intervals_of_the_differences(changed: dict[str, Estimate], text: str) -> None:
    evaluation = evaluation_of()
    difference = evaluation.difference | changed
    compared = filters.verdict(msgspec.structs.replace(evaluation, difference=difference))
    assert compared.startswith(f"{text}: AUC by day 180 {filters.difference(difference['auc_180'])}, ")
    assert "Harrell" not in compared


def test_a_threshold_is_useful_above_treating_everyone_and_no_one() -> None:
    curve = [
        NetBenefit(threshold, *map(estimate_of, benefits))
        for threshold, *benefits in ((0.1, 0.2, 0, 0.3), (0.2, 0.2, 0, 0.1), (0.9, -0.1, 0, -0.5))
    ]
    assert filters.useful(curve) == [0.2]
