import pytest

from heartapp.clinical.variables import OUTCOME, VARIABLES
from heartapp.errors import ColumnsError
from heartapp.inference.model import Model, ModelIdentity
from heartapp.tables.columns import ADDED_NAMES, find_columns, find_misspelled, model_label

NAMES = tuple(variable.name for variable in VARIABLES)


def test_columns_are_found_in_any_order_case_and_spacing(bedside: Model) -> None:
    names = ["id", *(f" {name.upper()} " for name in reversed(bedside.names)), OUTCOME]
    found = find_columns(names, bedside.names, bedside.required, "x.csv")
    assert [names[position or 0].strip().lower() for position in found] == list(bedside.names)


def test_an_optional_column_may_be_absent(bedside: Model) -> None:
    found = find_columns(bedside.required, bedside.names, bedside.required, "x.csv")
    absent = {name for name, position in zip(bedside.names, found, strict=True) if position is None}
    assert absent == {*bedside.names} - {*bedside.required}


@pytest.mark.parametrize(
    ("names", "faulty", "remedy"),
    [
        (["age", "serum_creatinine"], ["ejection_fraction"], "needed: age, ejection_fraction, serum_creatinine"),
        (["age", "ejection_fracton", "serum_creatinine"], ["ejection_fraction"], "the column 'ejection_fracton'?"),
        ([], ["age", "ejection_fraction", "serum_creatinine"], "needed: age"),
        ([*NAMES, "Age"], ["age"], "give each a name of its own"),
        ([*NAMES, "x", "x", "y", "y"], ["x", "y"], "give each a name of its own"),
        ([*NAMES, *ADDED_NAMES], sorted(ADDED_NAMES), "rename or drop"),
    ],
)
def test_columns_that_do_not_fit_are_named_with_the_remedy(
    bedside: Model, names: list[str], faulty: list[str], remedy: str
) -> None:
    with pytest.raises(ColumnsError, match=r"^x\.csv: column") as caught:
        find_columns(names, bedside.names, bedside.required, "x.csv")
    assert [(fault.field, fault.row) for fault in caught.value.faults] == [(name, None) for name in faulty]
    assert all(remedy in fault.message for fault in caught.value.faults)


def test_a_table_without_a_header_does_not_leak_its_first_row(bedside: Model) -> None:
    with pytest.raises(ColumnsError) as caught:
        find_columns(["61946283", "0", "0"], bedside.names, bedside.required, "x.csv")
    assert "61946283" not in str(caught.value)
    assert [fault.field for fault in caught.value.faults] == list(bedside.required)


def test_the_names_of_added_columns_can_be_extended(bedside: Model) -> None:
    assert find_columns([*NAMES, "fault"], bedside.names, bedside.required, "x.csv")
    with pytest.raises(ColumnsError, match="column fault is"):
        find_columns([*NAMES, "fault"], bedside.names, bedside.required, "x.csv", added=("risk", "fault"))


def test_a_misspelled_variable_is_found_unless_the_variable_is_there(bedside: Model) -> None:
    names = [*bedside.required, "Anemia", "serum sodium", "smoker_since", "note"]
    assert find_misspelled(names, bedside.names) == [("anemia", "anaemia"), ("serum sodium", "serum_sodium")]
    assert find_misspelled([*bedside.names, "anemia"], bedside.names) == []


def test_the_label_of_a_model_is_short() -> None:
    assert model_label(ModelIdentity("bedside", "2", "sha256:cb7389b95dea6b7f17f0")) == "bedside/2/cb7389b95dea"
