"""The variables are declared once: whatever is derived from them agrees with the declaration."""

from pathlib import Path

from heartapp.clinical.variables import MODEL_VARIABLES, OUTCOME, VARIABLES
from heartapp.inference.served import read_served
from heartapp.training.data import COLUMNS, read_table

NAMES = tuple(variable.name for variable in VARIABLES)


def test_the_names_are_the_published_columns_in_the_published_order(published_data: Path) -> None:
    with published_data.open(encoding="utf-8") as file:
        assert tuple(file.readline().strip().split(",")) == (*NAMES, OUTCOME)


def test_the_training_columns_are_the_variables_and_the_outcome() -> None:
    assert (*NAMES, OUTCOME) == COLUMNS


def test_bedside_is_given_what_is_known_at_the_bedside_and_followup_everything() -> None:
    assert {"bedside": tuple(name for name in NAMES if name != "time"), "followup": NAMES} == MODEL_VARIABLES


def test_every_published_value_is_within_the_declared_limits(published_data: Path) -> None:
    values = read_table(published_data).values
    for variable, column in zip(VARIABLES, values.T, strict=True):
        assert all(map(variable.allows, column.tolist())), variable.name


def test_every_trained_model_is_shipped_and_served(models: Path) -> None:
    assert set(read_served(models)) == set(MODEL_VARIABLES)
