import codecs
import json

import pytest
from flask import Flask, Request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder

from heartapp.errors import InvalidPatientError
from heartapp.inference.model import Model
from heartapp.web.body import READ_UP_TO, read_body
from heartapp.web.extension import get_registry
from heartapp.web.patients import Patients, read_json
from heartapp.web.problems import RequestError
from tests.client import example

EXAMPLE = example()
ROW = list(EXAMPLE.values())
CHUNKED = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.fixture(scope="module")
def model(app: Flask) -> Model:
    return get_registry(app).get("bedside")


def request(body: bytes, **environment: object) -> Request:
    return Request({**EnvironBuilder(method="POST", data=body).get_environ(), **environment})


def refusal(model: Model, body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_json(body, model, most=3)
    return caught.value


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("environment", [{}, CHUNKED], ids=["length", "chunked"])
def test_a_body_may_have_as_many_bytes_as_the_limit(environment: dict[str, object]) -> None:
    assert read_body(request(b" " * 10, **environment), 10) == b" " * 10
    with pytest.raises(RequestError, match="The body is larger than 10 bytes; send") as caught:
        read_body(request(b" " * 11, **environment), 10)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("size", "environment", "read"),
    [(10 * READ_UP_TO, {}, 10 * READ_UP_TO), (10 * READ_UP_TO + 1, {}, 0), (1_000, CHUNKED, 10 * READ_UP_TO)],
)
def test_a_body_beyond_the_limit_is_read_unless_it_is_far_beyond(
    size: int, environment: dict[str, object], read: int
) -> None:
    refused = request(b" " * size, **environment)
    with pytest.raises(RequestError):
        read_body(refused, 10)
    assert refused.environ["wsgi.input"].tell() == read


def test_a_body_that_ends_before_its_stated_length_is_refused() -> None:
    with pytest.raises(ClientDisconnected):
        read_body(request(b"{}", CONTENT_LENGTH="3"), 10)


def test_an_object_is_one_patient_and_an_array_is_many_or_none(model: Model) -> None:
    assert read_json(encoded(EXAMPLE), model, most=3) == Patients([ROW], [0], [], many=False)
    assert read_json(codecs.BOM_UTF8 + encoded([EXAMPLE, EXAMPLE]), model, most=3) == Patients([ROW, ROW], [0, 1], [])
    assert read_json(b"[]", model, most=3) == Patients([], [], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "expecting value at line 1, column 1", id="nothing"),
        pytest.param(b'{"age": ', "expecting value at line 1, column 9", id="cut short"),
        pytest.param(b'{"age": 062}', "expecting ',' delimiter", id="a leading zero"),
        pytest.param(b'{"age": 62} {"age": 63}', "extra data", id="two documents"),
        pytest.param(b'{"age": NaN}', "NaN is not a JSON number", id="NaN"),
        pytest.param(b'{"age": -Infinity}', "-Infinity is not a JSON number", id="-Infinity"),
        pytest.param(b'{"age": 62, "sex": 1, "age": 63}', "the key 'age' appears twice in one object", id="twice"),
        pytest.param(b'[{"a": {"age": 1, "age": 1}}]', "the key 'age' appears", id="a key twice, deep inside"),
        pytest.param(b'{"\xff": 62}', "not UTF-8 at byte 2", id="a byte that is no UTF-8"),
        pytest.param(b'{"a":' * 200_000, "nested too deeply", id="deep objects"),
    ],
)
def test_what_is_not_json_is_refused_with_what_is_wrong_and_where(model: Model, body: bytes, reason: str) -> None:
    error = refusal(model, body)
    assert error.status == 400
    assert str(error).startswith("The body is not the JSON that is expected: ")
    assert reason in str(error)


def test_a_number_of_any_length_is_compared_with_the_limits(model: Model) -> None:
    for number in (b"9" * 5_000, b"-" + b"9" * 5_000, b"1e999"):
        body = encoded(EXAMPLE).replace(b'"age": 62', b'"age": ' + number)
        with pytest.raises(InvalidPatientError, match="1 faulty field"):
            read_json(body, model, most=3)


def test_a_key_with_a_lone_surrogate_can_be_written(model: Model) -> None:
    assert "the key '?' appears" in str(refusal(model, rb'{"\ud800": 1, "\ud800": 2}'))
