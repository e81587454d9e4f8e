import math
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.patient import check_patient, printable
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.errors import FieldError

BEDSIDE = MODEL_VARIABLES["bedside"]
BEDSIDE_VARIABLES = [BY_NAME[name] for name in BEDSIDE]
LONG = pytest.param(10**5_000, id="a number of 5001 digits")
UNITS = {
    "ejection_fraction": "; if it is a fraction, multiply by 100",
    "platelets": "; if it is in 10^9/L, multiply by 1000",
    "serum_creatinine": "; if it is in µmol/L, divide by 88.42",
}
OPTIONAL = ", or null where it is not known"
EXAMPLE = {name: BY_NAME[name].example for name in BEDSIDE}

# What a JSON document can hold, and the numbers that Python's parser would accept besides.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([variable.name for variable in VARIABLES]) | st.text(max_size=80)
records = st.dictionaries(names, json_values | st.sampled_from([0, 1, 62, 1.4]), max_size=15)


def faults(record: object, required: Collection[str] = BEDSIDE, row: int | None = None) -> list[FieldError]:
    return check_patient(record, BEDSIDE_VARIABLES, required, row)[1]


def without(name: str) -> dict[str, float]:
    return {key: value for key, value in EXAMPLE.items() if key != name}


def test_the_values_are_in_the_order_of_the_variables() -> None:
    shuffled = {**dict(reversed(EXAMPLE.items())), "age": 60.667}
    values, found = check_patient(shuffled, BEDSIDE_VARIABLES, BEDSIDE)
    assert values == [60.667 if name == "age" else EXAMPLE[name] for name in BEDSIDE]
    assert found == []


def test_all_faults_are_found_at_once_in_the_order_of_the_variables_and_carry_the_row() -> None:
    ill = {"colour": "red", **EXAMPLE, "age": 300, "sex": 2}
    del ill["platelets"]
    assert [(fault.field, fault.row) for fault in faults(ill, row=3)] == [
        ("age", 3),
        ("platelets", 3),
        ("sex", 3),
        ("colour", 3),
    ]
    assert {fault.row for fault in faults(ill)} == {None}


@pytest.mark.parametrize("record", [None, 62, "62", [EXAMPLE], True])
def test_a_patient_is_an_object(record: object) -> None:
    assert faults(record, row=1) == [FieldError("", "must be a JSON object", 1)]


@pytest.mark.parametrize("name", BEDSIDE)
@pytest.mark.parametrize(
    "value", [True, False, "1", "", [], {}, float("nan"), float("inf"), float("-inf"), -1, 5e9, LONG]
)
def test_the_fault_of_a_value_says_what_is_allowed(name: str, value: object) -> None:
    faulty, message = {**EXAMPLE, name: value}, f"must be {BY_NAME[name].expected}"
    assert faults(faulty) == [FieldError(name, message)]
    assert faults(faulty, required=()) == [FieldError(name, message + OPTIONAL)]


@pytest.mark.parametrize("name", BEDSIDE)
def test_a_required_value_must_be_there_and_not_null(name: str) -> None:
    wanted = [FieldError(name, f"is missing; expected {BY_NAME[name].expected}")]
    assert faults(without(name)) == faults({**EXAMPLE, name: None}) == faults(without(name), [name]) == wanted


@pytest.mark.parametrize("name", BEDSIDE)
def test_an_optional_value_is_missing_when_absent_or_null(name: str) -> None:
    required = [one for one in BEDSIDE if one != name]
    for record in (without(name), {**EXAMPLE, name: None}):
        values, found = check_patient(record, BEDSIDE_VARIABLES, required)
        assert found == []
        assert math.isnan(values[BEDSIDE.index(name)])
        assert [value for value in values if not math.isnan(value)] == [EXAMPLE[one] for one in required]


def test_an_unknown_field_and_one_of_another_model_are_named() -> None:
    assert faults({**EXAMPLE, "agee": 62, "time": 100}) == [
        FieldError("agee", "is not a variable; leave it out"),
        FieldError("time", "is not a variable of this model; leave it out or choose the model that uses it"),
    ]


@pytest.mark.parametrize(
    ("name", "written"),
    [("x" * 64, "x" * 64), ("x" * 65, "x" * 64 + "…"), ("\ud800", "?"), ("café", "café"), ("", "")],
)
def test_an_unknown_name_is_shortened_and_can_be_encoded(name: str, written: str) -> None:
    assert printable(name) == written
    assert [fault.field for fault in faults({**EXAMPLE, name: 1})] == [written]


@given(records, st.sets(st.sampled_from(BEDSIDE)))
def test_messages_are_made_of_the_declaration_and_never_hold_a_value(
    record: dict[str, Any], required: set[str]
) -> None:
    messages = {
        f"{start} {variable.expected}{end}{unit}"
        for variable in VARIABLES
        for start, end in (("must be", ""), ("must be", OPTIONAL), ("is missing; expected", ""))
        for unit in ("", UNITS.get(variable.name, ""))
    } | {
        "is not a variable; leave it out",
        "is not a variable of this model; leave it out or choose the model that uses it",
    }
    found = faults(record, required)
    assert {fault.message for fault in found} <= messages
    assert all(len(fault.field) <= len("…") + 64 for fault in found)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("serum_creatinine", 168, True),
        ("serum_creatinine", 5_000, False),
        ("serum_creatinine", "168", False),
        ("platelets", 265, True),
        ("platelets", 0.5, False),
        ("ejection_fraction", 0.35, True),
        ("ejection_fraction", 350, False),
        ("age", 0.5, False),
    ],
)
def test_a_message_names_the_unit_that_the_value_is_probably_in(name: str, value: object, named: bool) -> None:  # noqa: FBT001 - from pytest
    (fault,) = faults({**EXAMPLE, name: value})
    assert fault.message == f"must be {BY_NAME[name].expected}" + (UNITS[name] if named else "")


@pytest.mark.parametrize(("name", "value"), [("serum_creatinine", 38), ("platelets", 1_265)])
def test_a_program_means_what_it_sends(name: str, value: float) -> None:
    assert BY_NAME[name].doubted(value)
    assert not faults({**EXAMPLE, name: value})
