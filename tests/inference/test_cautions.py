from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.cautions import AFTERWARDS, Caution, Domain, Limits, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PLATELETS = Seen("platelets", 25_100, 62_000, 543_000, 850_000)
SMOKING = Seen("smoking", 0, 0, 0, 0)
AGE = Seen("age", 40, 42, 90, 95)
EJECTION = Seen("ejection_fraction", 14, 17, 62, 80)
TIME = Seen("time", 4, 8, 271, 285)
NAN = float("nan")
FIELDS = ["age", "serum_creatinine", "ejection_fraction"]
values = st.tuples(*(st.floats(BY_NAME[name].low, BY_NAME[name].high) for name in FIELDS))


def anywhere(*fields: str) -> Domain:
    """A domain that every combination of these fields is in."""
    size = len(fields)
    return Domain([*fields], [False] * size, [0.0] * size, [[0.0] * size for _ in fields], 1.0)


def found(seen: Sequence[Seen], values: Sequence[float], domain: Domain | None = None) -> tuple[Caution, ...]:
    names = [one.name for one in seen]
    return Limits([BY_NAME[name] for name in names], seen, domain or anywhere(*names)).cautions(values)


def cautions_for(seen: Seen, value: float) -> list[tuple[str, str]]:
    """Kind and message of each caution about one variable."""
    all_ = found([seen], [value])
    assert {caution.field for caution in all_} <= {seen.name}
    return [(caution.kind, caution.message.replace("\N{NARROW NO-BREAK SPACE}", " ")) for caution in all_]


@pytest.mark.parametrize("value", [62_000, 265_000, 543_000])
def test_a_common_value_has_no_caution(value: float) -> None:
    assert cautions_for(PLATELETS, value) == []


@pytest.mark.parametrize("value", [25_100, 61_999, 543_001, 850_000])
def test_a_rare_value_is_at_the_edge_of_the_range(value: float) -> None:
    ((kind, message),) = cautions_for(PLATELETS, value)
    assert kind == "edge_of_range"
    assert message.endswith("per µL is at the edge of what the model has seen")


@pytest.mark.parametrize("value", [25_099, 850_001, 3_000_000])
def test_a_value_outside_the_range_is_named_with_the_range(value: float) -> None:
    ((kind, message),) = cautions_for(PLATELETS, value)
    assert kind == "outside_range"
    assert message.endswith("per µL is outside what the model has seen (25 100 to 850 000 per µL)")


def test_a_missing_value_has_no_caution() -> None:
    assert cautions_for(PLATELETS, NAN) == []


def test_a_choice_has_no_caution_even_if_training_held_one_answer_only() -> None:
    assert cautions_for(SMOKING, 1) == []


def test_followup_time_always_carries_the_caution_that_it_is_known_afterwards() -> None:
    leak = ("known_afterwards", AFTERWARDS.format(label="Follow-up time"))
    assert cautions_for(TIME, 100) == [leak]
    assert cautions_for(TIME, 4) == [leak, ("edge_of_range", "4 days is at the edge of what the model has seen")]
    assert cautions_for(TIME, NAN) == [leak]


def test_the_leak_comes_first_then_the_variables_in_their_order_and_the_combination_last() -> None:
    strange = Domain(["time", "platelets"], [False, False], [0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], 1.0)
    order = [(caution.field, caution.kind) for caution in found([PLATELETS, TIME], [1_000, 100], strange)]
    assert order == [
        ("time", "known_afterwards"),
        ("platelets", "outside_range"),
        ("time", "unusual_combination"),
    ]


def test_an_unusual_combination_of_common_values_is_named_by_its_variables() -> None:
    # Age and ejection fraction rise together here, within a few units of one another.
    together = Domain(
        ["age", "ejection_fraction"], [False, False], [60.0, 40.0], [[1.0, -0.99], [-0.99, 1.0]], limit=5.0
    )
    assert found([AGE, EJECTION], [80, 60], together) == ()
    (caution,) = found([AGE, EJECTION], [80, 20], together)
    assert (caution.field, caution.kind) == ("age", "unusual_combination")
    assert caution.message == "The model has not seen patients with such a combination of age, ejection fraction"


def made_up(seed: int) -> Domain:
    generator = np.random.default_rng(seed)
    root = generator.normal(0, 1, (3, 3))
    return Domain(
        FIELDS,
        [False, True, False],
        generator.normal(0, 3, 3).tolist(),
        (root @ root.T + np.eye(3)).tolist(),
        limit=5.0,
    )


def independent_distance(domain: Domain, row: Sequence[float]) -> float:
    """By whitening with the precision's Cholesky factor, one patient at a time."""
    scaled = [float(np.log(value)) if log else value for value, log in zip(row, domain.logarithmic, strict=True)]
    difference = np.array(scaled) - domain.centre
    return float(np.linalg.norm(np.linalg.cholesky(np.array(domain.precision)).T @ difference))


@given(values, st.integers(0, 20))
def test_the_distance_is_the_length_of_the_whitened_difference(row: tuple[float, ...], seed: int) -> None:
    domain = made_up(seed)
    assert domain.distance(row) == pytest.approx(independent_distance(domain, row), rel=1e-9)


@given(values, st.integers(0, 20), st.sets(st.integers(0, 2)))
def test_a_missing_value_is_taken_at_the_centre(row: tuple[float, ...], seed: int, gone: set[int]) -> None:
    domain = made_up(seed)
    centre = [
        np.exp(min(value, 600)) if log else value for value, log in zip(domain.centre, domain.logarithmic, strict=True)
    ]
    missing = [NAN if index in gone else value for index, value in enumerate(row)]
    central = [centre[index] if index in gone else value for index, value in enumerate(row)]
    assert domain.distance(missing) == pytest.approx(independent_distance(domain, central), rel=1e-9, abs=1e-6)


@given(values)
def test_a_patient_is_covered_up_to_the_limit(row: tuple[float, ...]) -> None:
    domain = made_up(1)
    distance = domain.distance(row)
    assert msgspec.structs.replace(domain, limit=distance + 1e-9).covers(row)
    assert not msgspec.structs.replace(domain, limit=distance * 0.999 - 1e-9).covers(row)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_shipped_domain_covers_the_typical_patient_and_not_one_at_the_ends_of_the_limits(
    models: Path, name: str, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    manifest = read_bundle(models, name, read_served(models)[name]).manifest
    typical = dict(zip(manifest.variable_names, manifest.typical, strict=True))
    assert manifest.domain.covers([typical[field] for field in manifest.domain.fields])
    assert not manifest.domain.covers([BY_NAME[field].high for field in manifest.domain.fields])
    for row in random_patients(manifest.domain.fields, 50):
        distance = manifest.domain.distance(row)
        assert distance == pytest.approx(independent_distance(manifest.domain, row), rel=1e-5)
