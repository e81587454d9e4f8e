from __future__ import annotations

import codecs
import json
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from heartapp.api.body import READ_AWAY, RequestError, read_away, read_body, read_query, read_records, read_rows
from heartapp.errors import FieldError, InvalidPatientError

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTINEL = "61.946283"


def asked(body: bytes = b"", *, query: str = "") -> Request:
    return Request(EnvironBuilder(method="POST", data=body, query_string=query).get_environ())


def patients(body: bytes) -> tuple[list[Mapping[str, object]], bool]:
    return read_records(read_body(asked(body), 1_000_000), most=3)


def refusal(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        patients(body)
    return caught.value


@pytest.mark.parametrize("size", [0, 1, 10, 10 * READ_AWAY])
def test_a_refused_body_is_read_away_once(size: int) -> None:
    request = asked(b" " * size)
    for _ in range(2):
        read_away(request, 10)
        assert request.environ["wsgi.input"].tell() == size


def test_what_claims_to_be_far_too_large_is_left_unread() -> None:
    request = asked(b" " * (10 * READ_AWAY + 1))
    read_away(request, 10)
    assert request.environ["wsgi.input"].tell() == 0


@pytest.mark.parametrize(("terminated", "read"), [(True, 10 * READ_AWAY), (False, 0)])
def test_a_body_of_unstated_length_is_read_away_where_the_server_ends_it(*, terminated: bool, read: int) -> None:
    request = asked(b" " * 100)
    request.environ.update({"CONTENT_LENGTH": "", "wsgi.input_terminated": terminated})
    read_away(request, 10)
    assert request.environ["wsgi.input"].tell() == read


def test_an_object_is_one_patient() -> None:
    assert patients(b'{"age": 62, "serum_creatinine": 1.9}') == ([{"age": 62, "serum_creatinine": 1.9}], False)


def test_a_byte_order_mark_does_not_matter() -> None:
    for body in (b'{"age": 62}', b'[{"age": 62}, {}]'):
        assert patients(codecs.BOM_UTF8 + body) == patients(body)


def test_an_array_is_many_patients_and_may_be_empty() -> None:
    assert patients(b'[{"age": 62}, {}]') == ([{"age": 62}, {}], True)
    assert patients(b"[]") == ([], True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "expecting value at line 1, column 1", id="nothing"),
        pytest.param(b"  \n", "expecting value", id="spaces"),
        pytest.param(b'{"age": ', "expecting value at line 1, column 9", id="cut short"),
        pytest.param(b'{"age": 62,}', "at line 1", id="a comma too many"),
        pytest.param(b"{'age': 62}", "expecting property name", id="single quotes"),
        pytest.param(b'{"age": 062}', "expecting ',' delimiter", id="a leading zero"),
        pytest.param(b'{"age": 0x1F}', "expecting ',' delimiter", id="hexadecimal"),
        pytest.param(b'{"age": 62} {"age": 63}', "extra data", id="two documents"),
        pytest.param(b'{"age": NaN}', "NaN is not a JSON number", id="NaN"),
        pytest.param(b'{"age": Infinity}', "Infinity is not a JSON number", id="Infinity"),
        pytest.param(b'{"age": -Infinity}', "-Infinity is not a JSON number", id="-Infinity"),
        pytest.param(b'{"age": 62, "sex": 1, "age": 63}', "the key 'age' stands in one object twice", id="a key twice"),
        pytest.param(b'[{"a": {"age": 1, "age": 1}}]', "the key 'age' stands", id="a key twice, deep inside"),
        pytest.param(b'{"age": 62}'.decode().encode("utf-16"), "not UTF-8 at byte 0", id="UTF-16 with a mark"),
        pytest.param(b'{"age": 62}'.decode().encode("utf-16-le"), "at line 1", id="UTF-16 without a mark"),
        pytest.param(b'{"\xff": 62}', "not UTF-8 at byte 2", id="a byte that is no UTF-8"),
        pytest.param(b'{"\xed\xa0\x80": 62}', "not UTF-8 at byte 2", id="a lone surrogate in bytes"),
        pytest.param(b'{"a\x00": 62}', "invalid control character", id="a control character"),
        pytest.param(b"[" * 200_000, "nested too deeply", id="deep arrays"),
        pytest.param(b'{"a":' * 200_000, "nested too deeply", id="deep objects"),
    ],
)
def test_what_is_not_json_is_refused_with_what_is_wrong_and_where(body: bytes, reason: str) -> None:
    error = refusal(body)
    assert error.status is HTTPStatus.BAD_REQUEST
    assert str(error).startswith("The body is not the JSON that is expected: ")
    assert reason in str(error)


@pytest.mark.parametrize("body", [b"62", b'"62"', b"true", b"null", b"6.2e1"])
def test_a_document_that_is_no_object_and_no_array_is_refused(body: bytes) -> None:
    error = refusal(body)
    assert error.status is HTTPStatus.BAD_REQUEST
    assert str(error) == "Expected one JSON object, or an array of objects."


def test_more_patients_than_allowed_are_too_many_and_as_many_are_not() -> None:
    error = refusal(b"[{},{},{},{}]")
    assert error.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "at most 3" in str(error)
    assert len(patients(b"[{},{},{}]")[0]) == 3


def test_every_element_that_is_no_object_is_named_by_its_row() -> None:
    with pytest.raises(InvalidPatientError) as caught:
        read_rows(b'[62, {}, ["age"]]', ("age",), (), most=3)
    assert caught.value.errors == tuple(FieldError("", "must be a JSON object", row) for row in (0, 2))


def test_a_number_of_any_length_is_read() -> None:
    (record,), _ = patients(b'{"age": ' + b"9" * 5_000 + b', "time": 1e999, "sex": -0}')
    assert record == {"age": float("inf"), "time": float("inf"), "sex": 0}


def test_a_key_that_is_there_twice_among_very_many_is_found() -> None:
    names = [f"k{number}" for number in range(50_000)]
    body = "{" + ",".join(f'"{name}":1' for name in (*names, names[-1])) + "}"
    assert "the key 'k49999' stands" in str(refusal(body.encode()))


def test_a_key_with_a_lone_surrogate_can_be_told() -> None:
    error = refusal(rb'{"\ud800": 1, "\ud800": 2}')
    assert str(error).encode("ascii")
    assert "the key '?' stands" in str(error)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_refusal_never_repeats_what_was_sent(before: bytes, after: bytes) -> None:
    error = refusal(b"[" + before + SENTINEL.encode() + b" " + after)
    assert SENTINEL not in str(error)
    assert str(error).encode("ascii")


json_documents = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_documents)
def test_objects_and_arrays_of_objects_arrive_as_they_were_sent(document: object) -> None:
    body = json.dumps(document).encode()
    if (len(document) > 3) if isinstance(document, list) else not isinstance(document, dict):
        with pytest.raises(RequestError):
            patients(body)
    else:
        records, many = patients(body)
        assert (records if many else records[0]) == document
        assert many is isinstance(document, list)


def test_parameters_of_the_query_that_are_allowed_are_read() -> None:
    assert read_query(asked(query="model=bedside"), ("model",)) == {"model": "bedside"}
    assert read_query(asked(), ("model",)) == {}
    assert read_query(asked(query="model="), ("model",)) == {"model": ""}


@pytest.mark.parametrize(
    ("query", "allowed", "said"),
    [
        ("model=bedside", (), "Unknown query parameter 'model'; allowed here: none."),
        ("Model=bedside", ("model",), "Unknown query parameter 'Model'; allowed here: model."),
        ("model=a&x=1", ("model",), "Unknown query parameter 'x'"),
        ("model=a&model=a", ("model",), "The query parameter model may stand there once."),
        ("%FF=1", ("model",), "Unknown query parameter '%FF'"),
        ("%C3%A9=1", ("model",), r"Unknown query parameter '\xe9'"),
        ("%22%0A=1", (), r"""Unknown query parameter '"\n'"""),
        ("a" * 5_000 + "=1", (), "Unknown query parameter 'aaa"),
    ],
)
def test_a_parameter_that_is_unknown_or_there_twice_is_refused(query: str, allowed: tuple[str, ...], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_query(asked(query=query), allowed)
    assert caught.value.status is HTTPStatus.BAD_REQUEST
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_value_of_an_unknown_parameter_is_not_repeated() -> None:
    with pytest.raises(RequestError) as caught:
        read_query(asked(query=f"age={SENTINEL}"), ("model",))
    assert SENTINEL not in str(caught.value)
