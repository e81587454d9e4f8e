from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.patient import MISSING, MOST_FAULTS, printable, validate_patients
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.errors import FieldError, InvalidPatientError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

BEDSIDE = MODEL_VARIABLES["bedside"]
FOLLOWUP = MODEL_VARIABLES["followup"]
LONG = pytest.param(10**5_000, id="a number of 5001 digits")
OPTIONAL = ", or null where it is not known"
EXAMPLE = {name: BY_NAME[name].example for name in BEDSIDE}

# What a JSON document can hold, and the numbers that Python's parser would let in beside it.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(FOLLOWUP) | st.text(max_size=80)
records = st.dictionaries(names, json_values | st.sampled_from([0, 1, 62, 1.4]), max_size=15)


def faults(
    records: Sequence[Mapping[str, Any]], required: Collection[str] = BEDSIDE, *, many: bool = False
) -> list[FieldError]:
    with pytest.raises(InvalidPatientError) as caught:
        validate_patients(records, BEDSIDE, required, many=many)
    return list(caught.value.errors)


def without(name: str) -> dict[str, float]:
    return {key: value for key, value in EXAMPLE.items() if key != name}


def faults_or_none(records: Sequence[Mapping[str, Any]], required: Collection[str] = BEDSIDE) -> tuple[FieldError, ...]:
    try:
        validate_patients(records, BEDSIDE, required, many=True)
    except InvalidPatientError as error:
        return error.errors
    return ()


def test_values_come_back_as_decimals_in_the_order_of_the_model() -> None:
    shuffled = dict(reversed(EXAMPLE.items()))
    (row,) = validate_patients([{**shuffled, "age": 60.667, "sex": 1}], BEDSIDE, BEDSIDE, many=False)
    assert row == [60.667 if name == "age" else float(EXAMPLE[name]) for name in BEDSIDE]
    assert {type(value) for value in row} == {float}


def test_no_patients_give_no_rows() -> None:
    assert validate_patients([], BEDSIDE, BEDSIDE, many=True) == []


def test_every_fault_of_every_patient_is_told_at_once_with_its_row() -> None:
    ill = {**EXAMPLE, "age": 300, "sex": 2, "colour": "red"}
    del ill["platelets"]
    found = faults([ill, EXAMPLE, {**EXAMPLE, "age": "62"}], many=True)
    assert [(error.row, error.field) for error in found] == [
        (0, "age"),
        (0, "platelets"),
        (0, "sex"),
        (0, "colour"),
        (2, "age"),
    ]


def test_a_single_patient_has_no_row() -> None:
    assert [error.row for error in faults([{**EXAMPLE, "age": 300}])] == [None]


def test_the_error_counts_the_faulty_fields() -> None:
    with pytest.raises(InvalidPatientError, match=r"^1 faulty field$"):
        validate_patients([{**EXAMPLE, "age": 300}], BEDSIDE, BEDSIDE, many=False)
    with pytest.raises(InvalidPatientError, match=r"^11 faulty fields$"):
        validate_patients([{}], BEDSIDE, BEDSIDE, many=False)


@pytest.mark.parametrize("name", BEDSIDE)
@pytest.mark.parametrize(
    "value", [True, False, "1", "", [], {}, float("nan"), float("inf"), float("-inf"), -1, 5e9, LONG]
)
def test_a_field_that_holds_no_allowed_number_is_refused_with_what_is(name: str, value: object) -> None:
    faulty, message = {**EXAMPLE, name: value}, f"must be {BY_NAME[name].expected}"
    assert faults([faulty]) == [FieldError(name, message)]
    assert faults([faulty], required=()) == [FieldError(name, message + OPTIONAL)]


@pytest.mark.parametrize("name", BEDSIDE)
def test_a_required_field_that_is_absent_or_null_is_told_with_what_is_expected(name: str) -> None:
    wanted = [FieldError(name, f"is missing; expected {BY_NAME[name].expected}")]
    assert faults([without(name)]) == wanted
    assert faults([{**EXAMPLE, name: None}]) == wanted
    assert faults([without(name)], required=[name]) == wanted


@pytest.mark.parametrize("name", BEDSIDE)
def test_a_field_that_may_be_missing_is_the_same_absent_and_null(name: str) -> None:
    required = [one for one in BEDSIDE if one != name]
    absent, null = validate_patients([without(name), {**EXAMPLE, name: None}], BEDSIDE, required, many=True)
    for row in (absent, null):
        assert math.isnan(row[BEDSIDE.index(name)])
        assert [value for value in row if not math.isnan(value)] == [EXAMPLE[one] for one in required]


def test_no_more_faults_are_told_than_anyone_reads_and_it_is_said_that_there_are_more() -> None:
    empty: list[dict[str, float]] = [{}] * MOST_FAULTS
    stranger = {**EXAMPLE, **{f"x{index}": 1 for index in range(2 * MOST_FAULTS)}}
    for records in (empty, [stranger]):
        with pytest.raises(InvalidPatientError, match=r"^The first 1,000 faulty fields, there are more$") as caught:
            validate_patients(records, BEDSIDE, BEDSIDE, many=True)
        assert len(caught.value.errors) == MOST_FAULTS


def test_where_all_faults_are_told_nothing_is_said_of_more() -> None:
    faulty = {**EXAMPLE, "age": 300}
    with pytest.raises(InvalidPatientError, match=r"^1000 faulty fields$"):
        validate_patients([faulty] * MOST_FAULTS, BEDSIDE, BEDSIDE, many=True)


def test_what_stands_for_a_missing_value_is_no_number_of_any_variable() -> None:
    assert not any(variable.allows(MISSING) for variable in VARIABLES)


def test_a_patient_of_whom_nothing_is_known_is_one_where_nothing_is_required() -> None:
    (row,) = validate_patients([{}], BEDSIDE, (), many=False)
    assert len(row) == len(BEDSIDE)
    assert all(map(math.isnan, row))


def test_both_limits_make_a_patient() -> None:
    for limits in ([variable.low for variable in VARIABLES], [variable.high for variable in VARIABLES]):
        record = dict(zip(FOLLOWUP, limits, strict=True))
        assert validate_patients([record], FOLLOWUP, FOLLOWUP, many=False) == [list(map(float, limits))]


def test_followup_time_sent_to_the_bedside_model_is_pointed_to_the_other_model() -> None:
    (error,) = faults([{**EXAMPLE, "time": 100}])
    assert error.field == "time"
    assert error.message == "is not a variable of this model; leave it out or choose the model that uses it"


def test_an_unknown_field_is_named() -> None:
    assert faults([{**EXAMPLE, "agee": 62}]) == [FieldError("agee", "is not a variable; leave it out")]


@pytest.mark.parametrize(
    ("name", "written"),
    [("x" * 64, "x" * 64), ("x" * 65, "x" * 64 + "…"), ("\ud800", "?"), ("café", "café"), ("", "")],
)
def test_an_unknown_name_is_written_short_and_encodable(name: str, written: str) -> None:
    assert printable(name) == written
    assert [error.field for error in faults([{**EXAMPLE, name: 1}])] == [written]


@given(st.lists(records, max_size=4), st.sets(st.sampled_from(BEDSIDE)))
def test_any_records_are_patients_or_faults_whose_messages_hold_no_value(
    records: list[dict[str, Any]], required: set[str]
) -> None:
    messages = {
        f"{start} {variable.expected}{end}"
        for variable in VARIABLES
        for start, end in (("must be", ""), ("must be", OPTIONAL), ("is missing; expected", ""))
    } | {
        "is not a variable; leave it out",
        "is not a variable of this model; leave it out or choose the model that uses it",
    }
    errors = faults_or_none(records, required)
    assert {error.message for error in errors} <= messages
    assert all(len(error.field) <= len("…") + 64 for error in errors)
    assert {error.row for error in errors} <= set(range(len(records)))


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.sampled_from([0, 1, None]) | st.floats(0, 1e6) | json_values for name in BEDSIDE}
    ),
    st.sets(st.sampled_from(BEDSIDE)),
)
def test_a_record_is_a_patient_exactly_when_every_value_is_an_allowed_number_or_may_be_missing(
    record: dict[str, Any], required: set[str]
) -> None:
    def good(name: str) -> bool:
        value = record.get(name)
        if value is None:
            return name not in required
        return not isinstance(value, bool) and isinstance(value, int | float) and BY_NAME[name].allows(value)

    assert [error.field for error in faults_or_none([record], required)] == [name for name in BEDSIDE if not good(name)]
