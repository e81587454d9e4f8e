import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.calibration import EPSILON, Calibration

ONE = int(np.float32(1).view(np.uint32))

slopes = st.floats(0.2, 3)
intercepts = st.floats(-3, 3)
thresholds = st.floats(0.01, 0.99)
probabilities = st.floats(0, 1, width=32)


def float32(bits: int) -> float:
    return float(np.uint32(bits).view(np.float32))


def neighbours(probability: float) -> list[float]:
    """The probability itself and the next single-precision ones on both sides, within [0, 1]."""
    bits = int(np.float32(probability).view(np.uint32))
    return [float32(near) for near in (bits - 1, bits, bits + 1) if 0 <= near <= ONE]


def risk_of(calibration: Calibration, *members: float) -> float:
    return float(calibration.risk(np.array(members, np.float32)))


@given(slopes, intercepts, thresholds, st.data())
def test_two_votes_or_more_mean_a_risk_at_or_above_the_threshold_and_fewer_below(
    slope: float, intercept: float, threshold: float, data: st.DataObject
) -> None:
    calibration = Calibration(slope, intercept)
    cutoff = calibration.cutoff(threshold)
    near = st.sampled_from(neighbours(min(cutoff, 1)))
    members = data.draw(st.tuples(*[probabilities | near] * 3))
    votes = sum(probability >= cutoff for probability in members)
    assert (votes >= 2) == (risk_of(calibration, *members) >= threshold)


@given(slopes, intercepts, st.lists(probabilities, min_size=2, max_size=20))
def test_the_risk_rises_with_the_median_probability(slope: float, intercept: float, medians: list[float]) -> None:
    risks = Calibration(slope, intercept).transform(np.array(sorted(medians), np.float32))
    assert np.all(np.diff(risks) >= 0)
    assert np.all((risks > 0) & (risks < 1))


@given(slopes, intercepts, thresholds)
def test_the_cutoff_is_the_smallest_probability_whose_risk_reaches_the_threshold(
    slope: float, intercept: float, threshold: float
) -> None:
    calibration = Calibration(slope, intercept)
    cutoff = calibration.cutoff(threshold)
    reaching = [one for one in neighbours(min(cutoff, 1)) if risk_of(calibration, one, one, one) >= threshold]
    assert reaching[:1] == ([] if math.isinf(cutoff) else [cutoff])


def test_the_cutoff_is_infinite_where_no_probability_reaches_the_threshold() -> None:
    calibration = Calibration(1, -3)
    assert calibration.cutoff(0.99) == math.inf
    assert risk_of(calibration, 1, 1, 1) < 0.99


@given(probabilities, probabilities, probabilities)
def test_only_the_median_of_the_members_counts(one: float, two: float, three: float) -> None:
    calibration = Calibration(1.3, -0.2)
    median = sorted([one, two, three])[1]
    assert risk_of(calibration, one, two, three) == risk_of(calibration, median, median, median)


@pytest.mark.parametrize(("extreme", "held"), [(0, EPSILON), (1, 1 - EPSILON)])
def test_certainty_is_held_within_one_in_a_hundred(extreme: float, held: float) -> None:
    calibration = Calibration(1, 0)
    assert calibration.transform(np.array([extreme]))[0] == pytest.approx(held)
