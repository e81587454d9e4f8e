from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.training.cohort import Cohort
from heartapp.training.data import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path


def test_the_patients_of_another_table_are_taken_as_they_are(table: Table) -> None:
    people = Cohort.from_table(table)
    assert np.array_equal(people.values, table.values)
    assert people.unaffected.all()
    assert (people.digest, people.origin) == (table.digest, table.origin)
    assert np.array_equal(people.outcome, table.outcome)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_model_is_given_its_variables_in_their_order(people: Cohort, name: str) -> None:
    features = people.features(name)
    assert features.dtype == np.float32
    assert people.names(name) == MODEL_VARIABLES[name]
    for column, variable in zip(features.T, MODEL_VARIABLES[name], strict=True):
        assert np.array_equal(column, people.column(variable).astype(np.float32), equal_nan=True)


@pytest.mark.data
def test_the_published_fills_are_missing_and_their_rows_known(published_data: Path) -> None:
    people = Cohort.from_table(read_table(published_data))
    missing = dict(zip((one.name for one in VARIABLES), np.isnan(people.values).sum(axis=0).tolist(), strict=True))
    assert {name: count for name, count in missing.items() if count} == {
        "creatinine_phosphokinase": 47,
        "platelets": 25,
        "serum_creatinine": 19,
        "serum_sodium": missing["serum_sodium"],
    }
    assert 0 < missing["serum_sodium"] <= 19
    assert people.unaffected.sum() == 280
