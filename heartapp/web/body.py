"""Read a request strictly: its media type, the parameters of its query, the bytes of its body, and these as JSON."""

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, NoReturn

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from heartapp.clinical.patient import printable
from heartapp.web.problems import RequestError

JSON: Final = "application/json"
CSV: Final = "text/csv"

PLAIN: Final = frozenset({"", "identity"})
"""The header ``Content-Encoding`` of a body that is not compressed."""
READ_UP_TO: Final = 2
"""Bodies of up to so many times the limit are read before they are refused; larger ones are not."""
_DIGITS: Final = 20


def read_media_type(request: Request, allowed: Sequence[str]) -> str:
    """The media type of a body that is one of those allowed, and is not compressed.

    Raises:
        RequestError: says what is allowed.
    """
    if request.headers.get("Content-Encoding", "").strip().lower() not in PLAIN:
        raise unsupported("Send the body uncompressed, without the header Content-Encoding.")
    if request.mimetype not in allowed:
        raise unsupported(f"Send patients as Content-Type: {' or '.join(filter(None, allowed))}.")
    return request.mimetype


def unsupported(detail: str) -> RequestError:
    """The error for a body of a media type that is not read."""
    return RequestError(detail, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def read_parameters(request: Request, allowed: Sequence[str] = ()) -> dict[str, str]:
    """The query's parameters as text, each at most once and none unknown.

    Raises:
        RequestError: names what is allowed.
    """
    for name, values in request.args.lists():
        if name not in allowed:
            listed = ", ".join(allowed) or "none"
            raise RequestError(f"Unknown query parameter {printable(name)!a}; allowed here: {listed}.")
        if len(values) > 1:
            raise RequestError(f"The query parameter {name} may appear only once.")
    return request.args.to_dict()


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
        f"The body is larger than {most:,} bytes; send the patients in several requests.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def decode_json(body: bytes, decoder: json.JSONDecoder | None = None) -> Any:
    """A JSON document, by default as the API takes it: without ``NaN``, and with every number as a float.

    Raises:
        RequestError: says what is wrong and where, without quoting a value.
    """
    try:
        return (decoder or _DECODER).decode(body.removeprefix(BOM_UTF8).decode())
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


def _null(name: str) -> None:
    if name != "NaN":
        _refuse_constant(name)


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number")


def _malformed(reason: str) -> RequestError:
    return RequestError(f"The body is not the JSON that is expected: {reason}.")


def _integer(text: str) -> float:
    """An int, or a float where there are more digits than any field has."""
    return int(text) if len(text) <= _DIGITS else float(text)


# As float, an integer of any length is read; Python refuses to make an int of thousands of digits.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=float)
WITH_NAN: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_null, parse_int=_integer)
"""Reads ``NaN``, which Python's clients write for a missing value, as null, and tells integers from floats."""
