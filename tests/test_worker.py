from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import InvalidResponseHeader

from heartapp.web.security import HEADERS
from heartapp.worker import WholeResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    Headers = Sequence[tuple[str, str]]


class Wire:
    """A socket that keeps what it is given, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.pieces.append(bytes(data))


def sent(
    kind: Any, body: Sequence[bytes], *, method: str = "GET", length: int | None = None, headers: Headers = ()
) -> list[bytes]:
    """What one answer puts on the wire."""
    wire = Wire()
    request = SimpleNamespace(version=(1, 1), method=method, should_close=lambda: False)
    response = kind(request, wire, Config())
    stated = [] if length is None else [("Content-Length", str(length))]
    response.start_response("200 OK", [("Content-Type", "text/plain"), *stated, *headers])
    for part in body:
        response.write(part)
    response.close()
    return wire.pieces


def undated(pieces: Sequence[bytes]) -> list[bytes]:
    return [line for line in b"".join(pieces).split(b"\r\n") if not line.startswith(b"Date: ")]


def test_a_whole_answer_goes_out_in_one_piece() -> None:
    (piece,) = sent(WholeResponse, [b"abc"], length=3)
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize(
    ("body", "method", "length"),
    [
        ([b"abc"], "GET", 3),
        ([b"a", b"bc"], "GET", 3),
        ([b"abc"], "GET", None),
        ([b"abcdef"], "GET", 3),
        ([b"abc"], "HEAD", 3),
        ([], "GET", 0),
        ([b""], "GET", 0),
    ],
    ids=["whole", "in parts", "of unstated length", "longer than stated", "to HEAD", "nothing", "empty"],
)
def test_any_answer_is_byte_for_byte_gunicorns(body: list[bytes], method: str, length: int | None) -> None:
    ours = sent(WholeResponse, body, method=method, length=length)
    assert undated(ours) == undated(sent(wsgi.Response, body, method=method, length=length))


@pytest.mark.parametrize(
    "headers",
    [
        [("Cache-Control", "no-store"), *HEADERS.items()],
        [*HEADERS.items(), ("Strict-Transport-Security", "max-age=1")],
        [*HEADERS.items()][1:],
        [("Connection", "close"), *HEADERS.items()],
    ],
    ids=["at the end", "with one behind", "not all", "behind one for the connection"],
)
def test_with_any_headers_an_answer_is_byte_for_byte_gunicorns(headers: Headers) -> None:
    ours = sent(WholeResponse, [b"abc"], length=3, headers=headers)
    assert undated(ours) == undated(sent(wsgi.Response, [b"abc"], length=3, headers=headers))


def test_a_header_that_breaks_out_of_its_line_is_refused_still() -> None:
    with pytest.raises(InvalidResponseHeader):
        sent(WholeResponse, [b"abc"], length=3, headers=[("X-Name", "a\r\nSet-Cookie: b"), *HEADERS.items()])
