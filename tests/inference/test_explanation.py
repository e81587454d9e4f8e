import math
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.explanation import Explanation, explain
from heartapp.inference.model import Model, Options

Risk = Callable[[NDArray[np.float64]], NDArray[np.float64]]

NAMES = MODEL_VARIABLES["bedside"]
NAN = float("nan")
FEW = 5
VARIABLES = [BY_NAME[name] for name in NAMES[:FEW]]
values = st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=FEW, max_size=FEW)
typicals = st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=FEW, max_size=FEW)


def made_up(seed: int, columns: Sequence[int]) -> Risk:
    """A risk with interactions of the named columns, in which a missing value counts too."""
    generator = np.random.default_rng(seed)
    single, pair, missing = generator.normal(0, 1, FEW), generator.normal(0, 1, (FEW, FEW)), generator.normal(0, 1, FEW)
    mask = np.isin(np.arange(FEW), columns)

    def risk(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.where(mask, np.nan_to_num(rows), 0)
        gone = np.isnan(rows) & mask
        score = known @ single + np.einsum("ni,ij,nj->n", known, pair, known) + gone @ missing
        result: NDArray[np.float64] = 1 / (1 + np.exp(-score / 3))
        return result

    return risk


def by_permutations(risk: Risk, row: Sequence[float], typical: Sequence[float]) -> NDArray[np.float64]:
    """Shapley's definition: the mean, over all orders in which variables arrive, of what each one's arrival adds."""
    total = np.zeros(len(row))
    orders = list(permutations(range(len(row))))
    for order in orders:
        current = np.array(typical, np.float64)
        before = float(risk(current[None])[0])
        for index in order:
            current[index] = row[index]
            after = float(risk(current[None])[0])
            total[index] += after - before
            before = after
    return total / len(orders)


def contributions(explanation: Explanation, names: Sequence[str]) -> list[float]:
    """In the order of the variables."""
    by_name = {one.field: one.contribution for one in explanation.contributions}
    assert set(by_name) == set(names)
    return [by_name[name] for name in names]


@given(st.integers(0, 50), values, typicals)
@settings(max_examples=40)
def test_the_contributions_are_shapley_s_over_all_orders_of_arrival(
    seed: int, row: list[float], typical: list[float]
) -> None:
    risk = made_up(seed, range(FEW))
    told = explain(risk, VARIABLES, NAMES, row, typical)
    assert contributions(told, NAMES[:FEW]) == pytest.approx(by_permutations(risk, row, typical), abs=1e-12)
    sizes = [abs(one.contribution) for one in told.contributions]
    assert sizes == sorted(sizes, reverse=True)


@given(st.integers(0, 50), values, typicals, st.sets(st.integers(0, FEW - 1)))
def test_they_add_up_over_the_variables_in_use_and_one_without_effect_gets_exactly_nothing(
    seed: int, row: list[float], typical: list[float], used: set[int]
) -> None:
    risk = made_up(seed, sorted(used))
    told = explain(risk, VARIABLES, [NAMES[index] for index in used], row, typical)
    given_ = contributions(told, [NAMES[index] for index in sorted(used)])
    assert told.reference_risk == pytest.approx(risk(np.array([typical]))[0], abs=1e-12)
    assert math.fsum(given_) == pytest.approx(risk(np.array([row]))[0] - told.reference_risk, abs=1e-12)
    for index, contribution in zip(sorted(used), given_, strict=True):
        if row[index] == typical[index]:
            assert contribution == 0


def test_a_shipped_model_s_contributions_lead_from_the_typical_to_the_served_risk(
    model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    generator = np.random.default_rng(1)
    rows = np.array(random_patients(model.names, 25))
    optional = [index for index, name in enumerate(model.names) if name not in model.required]
    gone = generator.random((len(rows), len(optional))) < 0.2
    rows[:, optional] = np.where(gone, NAN, rows[:, optional])
    (reference,) = model.risk([model.bundle.manifest.typical])
    for row in rows.tolist():
        prediction = model.predict(row, Options(explain=True))
        assert isinstance(prediction.explanation, Explanation)
        assert prediction.explanation.reference_risk == reference
        total = math.fsum(one.contribution for one in prediction.explanation.contributions)
        assert total == pytest.approx(prediction.risk - reference, abs=1e-6)
        used = set(model.bundle.manifest.used)
        assert {one.field for one in prediction.explanation.contributions} == used
        for one in prediction.explanation.contributions:
            value = row[model.names.index(one.field)]
            assert one.value == (None if math.isnan(value) else value)
