"""The body of a request: its bytes, and the patients of a JSON document, read strictly."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from heartapp.clinical.patient import check_patient, printable
from heartapp.errors import FieldError, InvalidPatientError
from heartapp.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Request

    from heartapp.inference.model import Model
    from heartapp.tables.csv_body import CsvRows

READ_UP_TO: Final = 2
"""Bodies of up to so many times the limit are read before they are refused; larger ones are not."""


def read_body(request: Request, most: int) -> bytes:
    """The body, of at most ``most`` bytes.

    A larger body is read as well, up to `READ_UP_TO` times the limit: some clients send the whole body before they read
    the answer, and would not receive it.

    Raises:
        RequestError: the body is larger than the limit.
        ClientDisconnected: it ends before its stated length.
    """
    length = request.content_length
    if length is not None and length <= most:
        # From the server itself: Werkzeug's layers take as long as the prediction.
        content: bytes = request.environ["wsgi.input"].read(length)
        if len(content) < length:
            raise ClientDisconnected
        return content
    request.max_content_length = READ_UP_TO * most
    with suppress(RequestEntityTooLarge):
        content = request.get_data(cache=False)
        if len(content) <= most:
            return content
    raise RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {most:,} bytes; send the patients in several requests.",
    )


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients of a body.

    ``rows`` hold the values of those without faults, ``places`` their numbers, counted from 0. ``faults`` are those of
    the others. ``many`` is false for a single object. ``table`` is a CSV body's text.
    """

    rows: Sequence[Sequence[float]]
    places: Sequence[int]
    faults: Sequence[FieldError]
    many: bool = True
    table: CsvRows | None = None


def read_json(content: bytes, model: Model, *, most: int, skip: bool = False) -> Patients:
    """Read and check the patients of a JSON body.

    Args:
        content: the body.
        model: whose variables a patient must have.
        most: how many patients there may be.
        skip: whether faulty patients of an array are left out; otherwise one fault refuses the whole body.

    Raises:
        RequestError: the body is not JSON, or there are more than ``most`` patients.
        InvalidPatientError: lists the faults of all patients.
    """
    body = _decode(content)
    many = isinstance(body, list)
    if many and len(body) > most:
        raise too_many(most)
    if not isinstance(body, dict | list):
        raise RequestError(HTTPStatus.BAD_REQUEST, "Expected one JSON object, or an array of objects.")
    rows: list[list[float]] = []
    places: list[int] = []
    faults: list[FieldError] = []
    for place, record in enumerate(body if many else [body]):
        row, found = check_patient(record, model.variables, model.required, place if many else None)
        if found:
            faults += found
        else:
            rows.append(row)
            places.append(place)
    if faults and not (many and skip):
        raise InvalidPatientError(faults)
    return Patients(rows, places, faults, many)


def too_many(most: int) -> RequestError:
    """The error for more patients than one request may hold."""
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Too many patients in one request; send at most {most} at a time."
    )


def _decode(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; Python would keep the last value of a key that is there twice."""
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _malformed(f"the key {printable(twice)!a} appears twice in one object")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number")


def _malformed(reason: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"The body is not the JSON that is expected: {reason}.")


# As float, an integer of any length is read; Python refuses to make an int of thousands of digits.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=float)
