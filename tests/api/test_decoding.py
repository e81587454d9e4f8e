from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.api.body import RequestError, read_records, read_rows
from heartapp.api.decoding import decode_rows
from heartapp.clinical.patient import validate_patients
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.errors import InvalidPatientError
from tests.client import example

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = MODEL_VARIABLES["followup"]
REQUIRED = ("age", "sex", "time")
PATIENT = example("followup")
MOST = 3

good = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from([BY_NAME[name].low, BY_NAME[name].high, BY_NAME[name].example, None])
        if BY_NAME[name].choices
        else st.floats(BY_NAME[name].low, BY_NAME[name].high)
        | st.integers(math.ceil(BY_NAME[name].low), int(BY_NAME[name].high))
        for name in NAMES
    },
)
anything = st.dictionaries(
    st.sampled_from([*NAMES, "a:b"]), st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3)
)
patients = st.one_of(good, good.map(lambda record: {**PATIENT, **record}), anything)
bodies = st.one_of(patients, st.lists(patients, max_size=MOST + 1))


def the_long_way(body: bytes) -> tuple[list[list[float]], bool] | None:
    """What the strict reading makes of a body; None where it refuses it."""
    try:
        records, many = read_records(body, most=MOST)
        return validate_patients(records, NAMES, REQUIRED, many=many), many
    except (RequestError, InvalidPatientError):
        return None


def same(one: tuple[Sequence[Sequence[float]], bool], other: tuple[Sequence[Sequence[float]], bool]) -> bool:
    first, second = (repr(([*map(list, rows)], many)).replace("-0.0", "0.0") for rows, many in (one, other))
    return first == second


@given(bodies)
def test_what_it_takes_is_what_the_strict_reading_would_have_made_of_it(body: Any) -> None:
    content = json.dumps(body).encode()
    strict, short = the_long_way(content), decode_rows(content, NAMES, REQUIRED)
    if short is not None and len(short[0]) <= MOST:
        assert strict is not None
        assert same(short, strict)


@given(
    st.lists(good.map(lambda record: {**PATIENT, **{k: v for k, v in record.items() if v is not None}}), max_size=MOST)
)
def test_it_takes_what_is_right(records: list[dict[str, float]]) -> None:
    for body in (records, *records):
        assert decode_rows(json.dumps(body).encode(), NAMES, REQUIRED) is not None


@given(st.text() | st.binary())
def test_it_takes_nothing_that_is_no_patient(text: str | bytes) -> None:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if the_long_way(content) is None:
        assert decode_rows(content, NAMES, REQUIRED) is None


def test_a_value_that_is_not_there_is_not_known_however_it_is_said() -> None:
    left_out = {name: value for name, value in PATIENT.items() if name != "smoking"}
    for record in (left_out, {**PATIENT, "smoking": None}):
        rows = decode_rows(json.dumps(record).encode(), NAMES, REQUIRED)
        assert rows is not None
        assert [name for name, value in zip(NAMES, rows[0][0], strict=True) if math.isnan(value)] == ["smoking"]


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_stands_there_twice_is_not_overlooked(name: str, place: str) -> None:
    again = json.dumps(name) + ": " + json.dumps(PATIENT[name])
    inner = json.dumps(PATIENT)[1:-1]
    body = "{" + (f"{again}, {inner}" if place == "first" else f"{inner}, {again}") + "}"
    with pytest.raises(RequestError, match=f"the key '{name}' stands in one object twice"):
        read_rows(body.encode(), NAMES, REQUIRED, most=MOST)


def test_a_key_twice_in_one_patient_and_never_in_the_next_is_not_overlooked() -> None:
    once = json.dumps({name: value for name, value in PATIENT.items() if name != "smoking"})
    twice = json.dumps(PATIENT)[:-1] + ', "smoking": 1}'
    with pytest.raises(RequestError, match="the key 'smoking' stands"):
        read_rows(f"[{once}, {twice}]".encode(), NAMES, REQUIRED, most=MOST)


def test_more_patients_than_allowed_are_refused_though_each_is_right() -> None:
    body = json.dumps([PATIENT] * (MOST + 1)).encode()
    with pytest.raises(RequestError, match="send at most 3"):
        read_rows(body, NAMES, REQUIRED, most=MOST)
