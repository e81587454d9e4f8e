"""Request bodies as servers hand them over, made alike."""

from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from flask import Request

if TYPE_CHECKING:
    from wsgiref.types import InputStream, WSGIEnvironment


class MemoryRequest(Request):
    """A request whose files stay in memory, where Werkzeug would write larger ones to disk."""

    def _get_file_stream(self, *_facts: Any, **_more: Any) -> IO[bytes]:
        return BytesIO()


def prepare(environ: WSGIEnvironment) -> None:
    """Make a body that ends early or is malformed the client's error."""
    if environ.get("CONTENT_LENGTH"):
        # Servers end the input where a client goes away, too. Without their promise to end it, Werkzeug counts.
        environ.pop("wsgi.input_terminated", None)
    elif "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = _Chunks(environ["wsgi.input"])


class _Chunks:
    """A body in chunks. Each server has its own errors for malformed ones; Werkzeug makes an OSError a 400."""

    def __init__(self, body: InputStream) -> None:
        self._body = body

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._body.read(size)
        except Exception:  # noqa: BLE001 - which kinds there are depends on the server
            raise OSError("the body is malformed") from None  # without its message, which quotes what was sent
