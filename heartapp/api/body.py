"""From a request to patients: the body, its JSON read strictly, and the query."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

from werkzeug.exceptions import ClientDisconnected

from heartapp.api.decoding import decode_rows
from heartapp.clinical.patient import printable, refusal, validate_patients
from heartapp.errors import FieldError, HeartappError, InvalidPatientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Request


READ_AWAY: Final = 2
"""Bodies of up to so many times the limit are read before they are refused; what claims to be larger is not."""
_PIECE: Final = 65_536


class RequestError(HeartappError):
    """The request is wrong before any patient is looked at. ``status`` is the HTTP status to answer with."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def read_query(request: Request, allowed: tuple[str, ...]) -> dict[str, str]:
    """The query's parameters, each at most once and none unknown.

    Raises:
        RequestError: names what is allowed.
    """
    if not request.query_string:
        return {}
    for name, values in request.args.lists():
        if name not in allowed:
            listed = ", ".join(allowed) or "none"
            raise RequestError(
                HTTPStatus.BAD_REQUEST, f"Unknown query parameter {printable(name)!a}; allowed here: {listed}."
            )
        if len(values) > 1:
            raise RequestError(HTTPStatus.BAD_REQUEST, f"The query parameter {name} may stand there once.")
    return dict(request.args.items())


def read_body(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes.

    Raises:
        RequestError: it is larger than the limit.
        ClientDisconnected: it ends before its stated length.
    """
    length = request.content_length
    if length is None:
        content = request.get_data(cache=False)
        # Werkzeug cuts a body in chunks off at its own limit and says nothing.
        if len(content) == (limit := request.max_content_length):
            raise _too_large(limit)
        return content
    if length > most:
        raise _too_large(most)
    # Of known length, straight from the server: the layers in between take as long as a prediction.
    content = request.environ["wsgi.input"].read(length)
    if len(content) < length:
        raise ClientDisconnected
    return bytes(content)


def read_away(request: Request, most: int) -> None:
    """Read what is left of a refused body: a client that sends all of it before it reads would not get the answer.

    A body that claims to be far larger than ``most`` bytes is left unread.
    """
    left = READ_AWAY * most
    # Where the server does not end the input itself, a body of unstated length may not be read.
    length = request.content_length or (left if request.environ.get("wsgi.input_terminated") else 0)
    if length > left:
        return
    with suppress(OSError, ValueError):  # who has gone away is refused all the same
        while length > 0 and (piece := request.environ["wsgi.input"].read(min(length, _PIECE))):
            length -= len(piece)


def _too_large(most: int) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {most:,} bytes; send the patients in several requests.",
    )


@dataclass(frozen=True, slots=True)
class Read:
    """The patients of a body: one row of values each, and whether they came as an array.

    ``places`` are their numbers in the array, from 0. ``faults`` are those of the patients that were left out.
    """

    rows: Sequence[Sequence[float]]
    many: bool
    places: Sequence[int]
    faults: Sequence[FieldError] = ()


def read_rows(content: bytes, names: Sequence[str], required: Sequence[str], *, most: int, skip: bool = False) -> Read:
    """The checked patients of a JSON body, values in the order of ``names``.

    Args:
        content: the body.
        names: the model's variables.
        required: those that it cannot do without.
        most: how many patients there may be.
        skip: whether faulty patients of an array are left out instead of refused.

    Raises:
        RequestError: the body is not JSON, or there are more than ``most`` patients.
        InvalidPatientError: see `heartapp.clinical.patient.refusal`.
    """
    short = decode_rows(content, tuple(names), tuple(required))
    if short is not None and len(short[0]) <= most:
        rows, many = short
        return Read(rows, many, range(len(rows)))
    records, many = read_records(content, most=most)
    if many and skip:
        return _sort_out(records, names, required)
    if strays := [_stray(row) for row, record in enumerate(records) if not isinstance(record, dict)]:
        raise refusal(strays)
    return Read(validate_patients(records, names, required, many=many), many, range(len(records)))


def _sort_out(records: Sequence[Any], names: Sequence[str], required: Sequence[str]) -> Read:
    """The patients that are right, and the faults of the others."""
    rows, places, faults = [], [], []
    for place, record in enumerate(records):
        if not isinstance(record, dict):
            faults.append(_stray(place))
            continue
        try:
            rows += validate_patients([record], names, required, many=False)
            places.append(place)
        except InvalidPatientError as error:
            faults += [FieldError(one.field, one.message, place) for one in error.errors]
    return Read(rows, True, places, faults)  # noqa: FBT003 - an array


def _stray(row: int) -> FieldError:
    return FieldError("", "must be a JSON object", row)


def read_records(content: bytes, *, most: int) -> tuple[list[Any], bool]:
    """The object of a JSON body, or what its array holds, and whether it is an array.

    Raises:
        RequestError: the body is not JSON, or there are more than ``most`` patients.
    """
    body = _decode(content)
    if isinstance(body, dict):
        return [body], False
    if not isinstance(body, list):
        raise RequestError(HTTPStatus.BAD_REQUEST, "Expected one JSON object, or an array of objects.")
    if len(body) > most:
        raise too_many(most)
    return body, True


def too_many(most: int) -> RequestError:
    """There are more patients than are taken at once."""
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Too many patients in one request; send at most {most} at a time."
    )


def _decode(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=float
        )
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; a second value would silently replace the first."""
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _malformed(f"the key {printable(twice)!a} stands in one object twice")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number")


def _malformed(reason: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"The body is not the JSON that is expected: {reason}.")
