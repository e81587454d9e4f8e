from collections.abc import Callable, Sequence

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, list_labels
from heartapp.inference.cautions import AFTERWARDS, Cautions
from heartapp.inference.model import Model
from heartapp.inference.support import Support

NAN = float("nan")
NAMES = ("smoking", "serum_creatinine", "age")
VARIABLES = [BY_NAME[name] for name in NAMES]
NEAR = np.array([[0, 1], [2, 3], [4, 900]])
"""Patients near, by age 40, 60, 80 and creatinine 1, 2."""
SUPPORT = Support.from_counts({"age": [40, 60, 80], "serum_creatinine": [1, 2]}, NEAR, 4)


@pytest.mark.parametrize(
    ("creatinine", "age", "few"),
    [
        (1, 40, "hardly any patient"),
        (2, 40, "hardly any patient"),
        (1, 60, "hardly any patient"),
        (2, 65, "only 3 patients"),
        (1, 80, None),
        (9, 110, None),
    ],
)
def test_few_near_patients_are_a_caution_that_says_how_many(creatinine: float, age: float, few: str | None) -> None:
    for smoking in (0, 1, NAN):
        row = [smoking, creatinine, age]
        found = Cautions(VARIABLES, SUPPORT).of(row)
        assert [(one.field, one.kind) for one in found] == ([] if few is None else [("age", "little_support")])
        assert all(f"hold {few} with a similar age and serum creatinine" in one.message for one in found)
        assert Cautions(VARIABLES, SUPPORT).kinds(np.array([row])).tolist() == ["" if few is None else "little_support"]


def test_a_variable_known_only_afterwards_always_comes_with_a_caution() -> None:
    variables = [BY_NAME["age"], BY_NAME["time"]]
    (caution,) = Cautions(variables, None).of([300, NAN])
    assert (caution.field, caution.kind) == ("time", "known_afterwards")
    assert caution.message == AFTERWARDS.format(label="Follow-up time")
    assert Cautions(variables, None).kinds(np.ones((2, 2))).tolist() == ["known_afterwards"] * 2
    rare = Support.from_counts({"age": [40, 80]}, np.array([0, 9]), 1)
    assert [one.kind for one in Cautions(variables, rare).of([40, 5])] == ["known_afterwards", "little_support"]
    kinds = Cautions(variables, rare).kinds(np.array([[40, 5], [80, 5]])).tolist()
    assert kinds == ["known_afterwards little_support", "known_afterwards"]


def test_labels_are_listed_as_in_a_sentence() -> None:
    listed = [list_labels(["age", "sex", "serum_sodium"][:count]) for count in (1, 2, 3)]
    assert listed == ["age", "age and sex", "age, sex and serum sodium"]


def test_a_shipped_model_warns_only_about_variables_that_it_uses(
    model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    rows = [*random_patients(model.names, 300), model.bundle.manifest.typical]
    found = [model.predict(row).cautions for row in rows]
    assert {one.field for cautions in found for one in cautions} <= set(model.bundle.manifest.used)
    assert model.score(np.array(rows)).cautions.tolist() == [" ".join(one.kind for one in some) for some in found]
    assert len({*map(str, found)}) > (model.name == "bedside")


def test_old_patients_with_a_strong_heart_and_good_kidneys_have_little_support_in_the_shipped_data(
    bedside: Model,
) -> None:
    generator = np.random.default_rng(0)
    rows = np.tile(bedside.bundle.manifest.typical, (1_000, 1))
    ranges = {"age": (80, 95), "ejection_fraction": (55, 80), "serum_creatinine": (0.6, 1.2)}
    for name, (low, high) in ranges.items():
        step = BY_NAME[name].step
        rows[:, bedside.names.index(name)] = np.round(generator.uniform(low, high, 1_000) / step) * step
    assert np.mean(bedside.score(rows).cautions == "little_support") >= 0.9
