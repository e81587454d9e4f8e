"""What both protocols share: strict JSON in, JSON out, and errors as a status and a text without what was sent."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from flask import Response

from heartapp.errors import FieldError, HeartappError, InvalidPatientError
from heartapp.web.body import JSON, WITH_NAN, decode_json
from heartapp.web.observe import refused
from heartapp.web.problems import STATUSES, RequestError

Body = TypeVar("Body")

_UNKNOWN: Final = re.compile(r"unknown field `.*?`( - at `\$[^`]*`)?$", re.DOTALL)
SHOWN: Final = 10
"""The most faults that one error lists."""


def read_struct(content: bytes, kind: type[Body]) -> Body:
    """A JSON body as a struct.

    Raises:
        RequestError: it is not JSON, or not what the struct declares; says where.
    """
    try:
        return msgspec.convert(decode_json(content, WITH_NAN), kind)
    except msgspec.ValidationError as error:
        # Without the name of an unknown field, which may be anything.
        raise malformed(_UNKNOWN.sub(r"unknown field\1", str(error))) from None


def malformed(reason: str) -> RequestError:
    """The error for a body that is not what the protocol has."""
    return RequestError(f"The body is not what this address takes: {reason}.")


def write_json(body: object, status: int = HTTPStatus.OK) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(body), status, mimetype=JSON)


def answer(failure: HeartappError, error: Callable[[int, str], Response]) -> Response:
    """The answer to an error, as ``error`` writes it, with the headers that the error asks for."""
    response = error(*_describe(failure))
    if isinstance(failure, RequestError):
        response.headers.update(failure.headers)
    return response


def _describe(error: HeartappError) -> tuple[HTTPStatus, str]:
    """The status and the text of an error. Both protocols answer 400 where the API answers 422."""
    if isinstance(error, RequestError):
        return error.status, str(error)
    if not isinstance(error, InvalidPatientError):
        return STATUSES[type(error)], str(error)
    refused.send(fields=[fault.field for fault in error.errors])
    listed = "; ".join(map(_locate, error.errors[:SHOWN]))
    more = f"; and {len(error.errors) - SHOWN:,} more" if len(error.errors) > SHOWN else ""
    return HTTPStatus.BAD_REQUEST, f"{error}; nothing was predicted. {listed}{more}"


def _locate(fault: FieldError) -> str:
    place = [fault.field] if fault.field else []
    row = [f"row {fault.row}"] if fault.row is not None else []
    return f"{', '.join(place + row)}: {fault.message}"
