from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.cautions import Domain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NAN = float("nan")
FIELDS = ["age", "serum_creatinine", "ejection_fraction"]
values = st.tuples(*(st.floats(BY_NAME[name].low, BY_NAME[name].high) for name in FIELDS))


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


def test_a_patient_of_whom_nothing_is_known_is_at_the_centre() -> None:
    assert made_up(0).distance([NAN] * 3) == 0


@given(values)
def test_a_patient_is_covered_up_to_the_limit(row: tuple[float, ...]) -> None:
    domain = made_up(1)
    distance = domain.distance(row)
    assert msgspec.structs.replace(domain, limit=distance + 1e-9).covers(row)
    assert not msgspec.structs.replace(domain, limit=distance * 0.999 - 1e-9).covers(row)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_shipped_domain_is_of_the_numbers_in_use_and_its_precision_is_one(models: Path, name: str) -> None:
    manifest = read_bundle(models, name, read_served(models)[name]).manifest
    domain = manifest.domain
    assert domain.fields == [one for one in manifest.used if BY_NAME[one].kind == "number"]
    assert domain.logarithmic == [BY_NAME[one].logarithmic for one in domain.fields]
    precision = np.array(domain.precision)
    assert precision == pytest.approx(precision.T, rel=1e-6)
    assert np.all(np.linalg.eigvalsh(precision) > 0)


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
