"""Which values count as missing, and what a model is given."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training.cohort import CLASS_MEANS, OVERALL_MEANS, Cohort
from heartapp.training.data import read_table
from tests.training.small import lacking

NAMES = [*BY_NAME]


def table_of(*patients: dict[str, float], published: bool) -> Cohort:
    values = np.array([[patient.get(name, 1.0) for name in NAMES] for patient in patients])
    marks = np.full(len(values), published)
    return Cohort(values, np.zeros(len(values), np.int64), "", "another table", marks, horizon=180)


def test_the_patients_of_another_table_are_taken_as_they_are(table: Cohort) -> None:
    people = table.without_fills()
    assert np.array_equal(people.values, table.values)
    assert people.unaffected.all()
    assert (people.digest, people.origin, people.horizon) == (table.digest, table.origin, 180)
    same = table_of({"serum_creatinine": 1.83, "serum_sodium": 134, **OVERALL_MEANS}, published=False)
    assert not np.isnan(same.without_fills().values).any()


def test_a_model_is_given_its_variables_in_their_order_without_those_that_the_table_lacks(people: Cohort) -> None:
    for model, names in MODEL_VARIABLES.items():
        expected = np.column_stack([people.column(name) for name in names]).astype(np.float32)
        assert np.array_equal(people.features(model), expected, equal_nan=True)
        assert people.features(model).dtype == np.float32
    fewer = lacking(people, "sex")
    assert fewer.names("bedside") == tuple(name for name in MODEL_VARIABLES["bedside"] if name != "sex")
    assert fewer.features("bedside").shape[1] == len(MODEL_VARIABLES["bedside"]) - 1
    assert people.models == [*MODEL_VARIABLES]
    assert people.sample("bedside").time is not None
    undated = replace(people, horizon=None)
    assert (undated.models, undated.sample("bedside").time) == (["bedside"], None)


@pytest.mark.data
def test_the_published_fills_are_missing_and_nothing_else(published_data: Path) -> None:
    table = read_table(published_data)
    people = table.without_fills()
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


def test_sodium_is_a_fill_only_beside_a_filled_creatinine() -> None:
    rows = [{"serum_creatinine": creatinine, "serum_sodium": 134} for creatinine in (1.83, 1.18, 1.0)]
    people = table_of(*rows, published=True).without_fills()
    assert np.isnan(people.column("serum_sodium")).tolist() == [True, False, False]
    assert np.isnan(people.column("serum_creatinine")).tolist() == [True, True, False]
    assert people.unaffected.tolist() == [False, False, True]
