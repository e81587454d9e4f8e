"""Which values count as missing, and what a model is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training import cohort as cohort_module
from heartapp.training.cohort import CLASS_MEANS, OVERALL_MEANS, Cohort
from heartapp.training.data import Table, read_table
from heartapp.training.published import ROW_CHECKSUMS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = [*BY_NAME]
FILLS = sorted({*(value for means in CLASS_MEANS for value in means), *OVERALL_MEANS.values()})


@pytest.fixture
def all_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row passes for one of the published table."""
    monkeypatch.setattr(cohort_module, "checksum", lambda _: next(iter(ROW_CHECKSUMS)))


def table_of(*patients: dict[str, float]) -> Table:
    values = np.array([[patient.get(name, 1.0) for name in NAMES] for patient in patients])
    return Table(values, np.zeros(len(values), np.int64), "", "another table")


def test_the_patients_of_another_table_are_taken_as_they_are(table: Table) -> None:
    people = Cohort.from_table(table)
    assert np.array_equal(people.values, table.values)
    assert people.unaffected.all()
    assert (people.digest, people.origin) == (table.digest, table.origin)
    same = table_of({"serum_creatinine": 1.83, "serum_sodium": 134, **OVERALL_MEANS})
    assert not np.isnan(Cohort.from_table(same).values).any()


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_a_model_is_given_its_variables_in_their_order(people: Cohort, model: str) -> None:
    features = people.features(model)
    assert features.dtype == np.float32
    for column, variable in zip(features.T, MODEL_VARIABLES[model], strict=True):
        assert np.array_equal(column, people.column(variable).astype(np.float32), equal_nan=True)


@pytest.mark.data
def test_the_published_fills_are_missing_and_nothing_else(published_data: Path) -> None:
    table = read_table(published_data)
    people = Cohort.from_table(table)
    counts = dict(zip(NAMES, np.isnan(people.values).sum(axis=0).tolist(), strict=True))
    assert {name: count for name, count in counts.items() if count} == {
        "creatinine_phosphokinase": 47,
        "platelets": 25,
        "serum_creatinine": 19,
        "serum_sodium": 17,  # two patients with a filled creatinine have a measured sodium
    }
    kept = ~np.isnan(people.values)
    assert np.array_equal(people.values[kept], table.values[kept])
    assert people.unaffected.sum() == 280
    creatinine = table.values[~people.unaffected, NAMES.index("serum_creatinine")]
    assert ((creatinine == CLASS_MEANS[0][0]) == (table.outcome[~people.unaffected] == 1)).all()
    rows = np.random.default_rng(0).permutation(len(kept))[:40]
    part = Cohort.from_table(replace(table, values=table.values[rows], outcome=table.outcome[rows]))
    assert np.array_equal(part.values, people.values[rows], equal_nan=True)


@pytest.mark.usefixtures("all_published")
def test_sodium_is_a_fill_only_beside_a_filled_creatinine() -> None:
    people = Cohort.from_table(
        table_of(*({"serum_creatinine": creatinine, "serum_sodium": 134} for creatinine in (1.83, 1.18, 1.0)))
    )
    assert np.isnan(people.column("serum_sodium")).tolist() == [True, False, False]
    assert people.unaffected.tolist() == [False, False, True]


@pytest.mark.usefixtures("all_published")
@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.just(len(NAMES))), elements=st.sampled_from([0.0, *FILLS])))
def test_only_fills_count_as_missing(values: NDArray[np.float64]) -> None:
    before = values.copy()
    people = Cohort.from_table(Table(values, np.zeros(len(values), np.int64), "", "another table"))
    assert np.array_equal(values, before)
    missing = np.isnan(people.values)
    assert np.array_equal(people.values[~missing], values[~missing])
    assert set(values[missing].tolist()) <= set(FILLS)
    filled = {"serum_creatinine", "serum_sodium", *OVERALL_MEANS}
    assert {NAMES[column] for column in np.flatnonzero(missing.any(axis=0))} <= filled
