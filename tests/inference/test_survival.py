from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.survival import (
    FIRST_DAY,
    GRID,
    LAST_DAY,
    LEAST_REFITS,
    MAX_BYTES,
    Fit,
    SurvivalModel,
    SurvivalParameters,
    Term,
    design,
    read_survival,
    write_survival,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = MODEL_VARIABLES["bedside"]
TERMS = [
    Term("age", log=False, typical=60.0, knots=[45.0, 60.0, 75.0]),
    Term("ejection_fraction", log=False, typical=38.0, knots=[25.0, 32.0, 40.0, 60.0]),
    Term("serum_creatinine", log=True, typical=1.1, knots=[]),
]
COLUMNS = 2 + 3 + 1
AGE, CREATININE = NAMES.index("age"), NAMES.index("serum_creatinine")
NAN = float("nan")

horizons = st.integers(FIRST_DAY, LAST_DAY)


def made_up_fit(generator: np.random.Generator) -> Fit:
    """Numbers of the size that real fits have, flat stretches included."""
    steps = generator.exponential(0.01, len(GRID)) * generator.integers(0, 2, len(GRID))
    return Fit(generator.normal(0, 0.05, COLUMNS).tolist(), steps.cumsum().tolist())


def made_up_parameters(seed: int) -> SurvivalParameters:
    generator = np.random.default_rng(seed)
    fits = [made_up_fit(generator) for _ in range(LEAST_REFITS + 1)]
    return SurvivalParameters(1, TERMS, list(GRID), fits[0], fits[1:])


PARAMETERS = made_up_parameters(0)
MODEL = SurvivalModel(PARAMETERS, NAMES)


def value_of(name: str) -> st.SearchStrategy[float]:
    return st.floats(BY_NAME[name].low, BY_NAME[name].high) | st.just(NAN)


patients = st.tuples(*map(value_of, NAMES))


@given(patients, st.integers(0, 20))
def test_risk_and_band_never_fall_from_one_day_to_a_later_one(patient: Sequence[float], seed: int) -> None:
    model = SurvivalModel(made_up_parameters(seed), NAMES)
    for values in model.risk_and_band([patient], range(FIRST_DAY, LAST_DAY + 1)):
        assert np.all(np.diff(values, axis=1) >= 0)


@given(patients, st.integers(0, 20), st.lists(horizons, min_size=1))
def test_the_risk_is_within_its_band_and_all_are_probabilities(
    patient: Sequence[float], seed: int, days: list[int]
) -> None:
    curve = SurvivalModel(made_up_parameters(seed), NAMES).curve(patient, days)
    for low, risk, high in zip(curve.low, curve.risk, curve.high, strict=True):
        assert 0 <= low <= risk <= high <= 1


@given(patients)
def test_a_missing_value_counts_as_the_typical_one(patient: Sequence[float]) -> None:
    typical = {term.variable: term.typical for term in TERMS}
    filled = [
        typical.get(name, value) if math.isnan(value) else value for name, value in zip(NAMES, patient, strict=True)
    ]
    assert MODEL.curve(patient) == MODEL.curve(filled)


def test_a_patient_without_any_known_value_has_the_typical_hazard() -> None:
    risk = MODEL.risk([[NAN] * len(NAMES)], GRID)[0]
    assert risk == pytest.approx(1 - np.exp(-np.array(PARAMETERS.fit.hazard)), abs=1e-12)


def test_the_band_holds_95_of_100_refits() -> None:
    row = [NAN] * len(NAMES)
    _, low, high = MODEL.risk_and_band([row], [180])
    refits = [1 - math.exp(-refit.hazard[-1]) for refit in PARAMETERS.refits]
    assert (low[0, 0], high[0, 0]) == pytest.approx(np.percentile(refits, [2.5, 97.5]))


def test_a_risk_outside_all_refits_widens_the_band() -> None:
    certain = Fit([0.0] * COLUMNS, [9.0] * len(GRID))
    model = SurvivalModel(msgspec.structs.replace(PARAMETERS, fit=certain), NAMES)
    risk, low, high = model.risk_and_band([[NAN] * len(NAMES)])
    assert np.array_equal(risk, high)
    assert np.all(low < risk)


@given(st.lists(patients, min_size=1, max_size=5), st.lists(horizons, min_size=1, max_size=6))
def test_an_answer_depends_neither_on_the_other_patients_nor_on_the_other_days(
    rows: list[tuple[float, ...]], days: list[int]
) -> None:
    together = MODEL.risk_and_band(rows, days)
    for index, row in enumerate(rows):
        alone = [
            np.hstack(parts)[0] for parts in zip(*(MODEL.risk_and_band([row], [day]) for day in days), strict=True)
        ]
        assert np.array([values[index] for values in together]) == pytest.approx(np.array(alone), abs=1e-12)


@pytest.mark.parametrize("day", [FIRST_DAY - 1, LAST_DAY + 1])
def test_a_day_outside_the_curve_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match=f"from {FIRST_DAY} to {LAST_DAY}"):
        MODEL.risk([[NAN] * len(NAMES)], [90, day])


def test_a_spline_is_smooth_at_its_knots_and_straight_beyond_them() -> None:
    term = Term("age", log=False, typical=60, knots=[45, 60, 75])
    step = 0.01
    ages = np.arange(18, 110, step)
    columns = design([term], ages[:, None])
    slope = np.diff(columns, axis=0) / step
    bend = np.diff(slope, axis=0) / step
    assert np.abs(np.diff(bend, axis=0)).max() < 2 * step * 6 * 2 / 30**2
    outside = (ages[1:-1] < 45 - step) | (ages[1:-1] > 75 + step)
    assert np.abs(bend[outside]).max() < 1e-6
    assert np.abs(bend[~outside]).max() > 1e-3


def test_what_is_written_is_read_again_and_the_same_parameters_give_the_same_bytes() -> None:
    content = write_survival(PARAMETERS)
    assert read_survival(content, NAMES) == PARAMETERS
    assert write_survival(read_survival(content, NAMES)) == content
    assert len(content) < MAX_BYTES


def altered(**changes: Any) -> bytes:
    return write_survival(msgspec.structs.replace(PARAMETERS, **changes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" " * (MAX_BYTES + 1), "larger"),
        (b"{", "truncated"),
        (b"\xff", "malformed|utf-8|invalid"),
        (altered(format=2), "format"),
        (altered(refits=PARAMETERS.refits[1:]), "length"),
        (altered(fit=Fit([0.0] * COLUMNS, [-1.0] * len(GRID))), "hazard"),
        (altered(terms=[msgspec.structs.replace(TERMS[0], variable="height"), *TERMS[1:]]), "'height'"),
        (altered(terms=[msgspec.structs.replace(TERMS[0], typical=0), *TERMS[1:]]), "age"),
        (altered(terms=[msgspec.structs.replace(TERMS[0], knots=[1, 2]), *TERMS[1:]]), "age"),
        (altered(terms=[msgspec.structs.replace(TERMS[0], knots=[3, 2, 1]), *TERMS[1:]]), "age"),
        (altered(days=[30, 180, 90]), "days"),
        (altered(days=[30, 90]), "days"),
        (altered(days=[1, 180]), "days"),
        (altered(terms=TERMS[1:]), "do not match"),
        (altered(days=[30, 180]), "do not match"),
        (altered(fit=Fit([0.0] * COLUMNS, [1.0, *[0.5] * (len(GRID) - 1)])), "falls"),
        (altered(refits=[*PARAMETERS.refits, Fit([], [])]), "do not match"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_survival(content, NAMES)
