import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.curve import Curve

CURVE = Curve([0, 30, 90, 180], [0.0, 0.3, 0.7, 1.0])
risks = st.floats(0, 1)


@given(risks)
def test_the_curve_leads_from_nothing_to_the_very_risk(risk: float) -> None:
    assert CURVE.risk(risk, 180) == risk
    assert CURVE.risk(risk, 0) == 0
    dated = CURVE.risk(risk, np.arange(181))
    assert np.all((dated >= 0) & (dated <= 1))
    assert np.all(np.diff(dated) >= -1e-15)


@given(risks, risks, st.integers(0, 180))
def test_patients_keep_their_order_on_every_day(one: float, other: float, day: int) -> None:
    low, high = CURVE.risk(sorted([one, other]), day)
    assert low <= high


def test_hazards_are_proportional_and_linear_between_the_stored_days() -> None:
    hazard = -np.log(1 - CURVE.risk(0.4, np.array([30, 60, 90, 135])))
    assert hazard / -np.log(0.6) == pytest.approx([0.3, 0.5, 0.7, 0.85])


def test_a_day_among_others_gives_the_same_risk_as_alone() -> None:
    risk = np.linspace(0, 1, 200)
    days = np.arange(0, 181, 3)
    table = CURVE.risk(risk[:, None], days)
    for row, one in zip(table, risk.tolist(), strict=True):
        assert row.tolist() == [float(CURVE.risk(one, day)) for day in days.tolist()]


@pytest.mark.parametrize(
    ("days", "exponents"),
    [
        ([], []),
        ([0], [0.0]),
        ([0], [1.0]),
        ([5, 180], [0.0, 1.0]),
        ([0, 90, 90, 180], [0.0, 0.5, 0.5, 1.0]),
        ([0, 90, 180], [0.0, 1.0]),
        ([0, 180], [0.1, 1.0]),
        ([0, 180], [0.0, 0.9]),
        ([0, 60, 90, 180], [0.0, 0.6, 0.5, 1.0]),
        ([0, 90, 180], [0.0, 1.5, 1.0]),
        ([0, 90, 180], [0.0, float("nan"), 1.0]),
    ],
)
def test_a_curve_that_cannot_be_is_refused(days: list[int], exponents: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^the curve's"):
        Curve(days, exponents)
