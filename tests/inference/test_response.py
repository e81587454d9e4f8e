from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import Seen
from heartapp.inference.registry import ModelRegistry
from heartapp.inference.response import ResponseCurve, responses

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from heartapp.inference.model import Model

VARIABLES = [BY_NAME["age"], BY_NAME["smoking"], BY_NAME["serum_creatinine"]]
SEEN = [Seen("age", 40, 60), Seen("smoking", 0, 1), Seen("serum_creatinine", 1, 2)]


@pytest.fixture(scope="module")
def bedside(models: Path) -> Model:
    return ModelRegistry(models, default="bedside").get("bedside")


def respond(row: list[float], used: tuple[str, ...] = ("age", "smoking")) -> list[ResponseCurve]:
    """The responses of a risk that is a hundredth of the age, with support below an age of 50."""

    def risk(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return rows[:, 0] / 100

    return [*responses(risk, lambda rows: (rows[:, 0] < 50).tolist(), VARIABLES, used, SEEN, row)]


def test_a_response_covers_the_training_data_and_the_patient() -> None:
    (age,) = respond([62.5, 0, 1.5])
    assert age.field == "age"
    assert age.values == (*range(40, 61), 62.5)
    assert age.risks == pytest.approx([value / 100 for value in age.values])
    assert age.supported == tuple(value < 50 for value in age.values)
    assert age.place == 21


def test_numbers_in_use_have_a_response_and_choices_have_none() -> None:
    assert [one.field for one in respond([50, 0, 1.5], ("age", "smoking", "serum_creatinine"))] == [
        "age",
        "serum_creatinine",
    ]


def test_a_missing_value_has_a_response_and_no_place() -> None:
    (age,) = respond([MISSING, 0, 1.5])
    assert (len(age.values), age.place) == (21, None)


def test_the_response_at_the_patient_s_own_values_is_the_risk(bedside: Model) -> None:
    row = [BY_NAME[name].example for name in MODEL_VARIABLES["bedside"]]
    risk = bedside.predict(row).risk
    curves = bedside.responses(row)
    assert [one.field for one in curves] == bedside.bundle.manifest.used
    for one in curves:
        assert one.place is not None
        assert one.values[one.place] == BY_NAME[one.field].example
        assert one.risks[one.place] == risk
        assert one.supported[one.place]


def test_where_a_response_has_no_support_its_prediction_has_a_caution(bedside: Model) -> None:
    row = [BY_NAME[name].example for name in MODEL_VARIABLES["bedside"]]
    found = set()
    for one in bedside.responses(row):
        for value, supported in zip(one.values, one.supported, strict=True):
            other = [value if name == one.field else old for name, old in zip(bedside.names, row, strict=True)]
            assert bedside.predict(other).familiar is supported
            found.add(supported)
    assert found == {True, False}
