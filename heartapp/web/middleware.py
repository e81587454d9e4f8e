"""Around the application: request bodies are made alike for all servers, and answers get security headers."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import IO, Any, Final
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Request

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "connect-src 'self'; form-action 'self'; img-src 'self'; script-src 'self'; style-src 'self'"
)

STREAMED: Final = "heartapp.streamed"
"""True in the WSGI environment where a view wants the parts of its answer sent as they come."""

HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_STATIC: Final = "/static/"


def init_app(app: Flask) -> None:
    """Add the headers to every answer of this application, errors included."""
    app.wsgi_app = _Secured(app.wsgi_app)  # type: ignore[method-assign]  # Flask documents wrapping it so


class _Secured:
    """A middleware: setting these headers in a hook of Flask took as long as a prediction."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _prepare(environ)
        if prefix := environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = "/" + prefix.strip("/")  # "//host" before a path would be another host's address
        static = environ["PATH_INFO"].startswith(_STATIC)
        secure = environ["wsgi.url_scheme"] == "https"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            headers = [*headers, *HEADERS.items()]
            if not static or status >= "4":
                headers.append(("Cache-Control", "no-store"))
            if secure:
                headers.append(("Strict-Transport-Security", "max-age=31536000"))
            return start_response(status, headers, exc_info)

        return self._application(environ, start)


class MemoryRequest(Request):
    """A request whose files stay in memory, where Werkzeug would write larger ones to disk."""

    def _get_file_stream(self, *_facts: Any, **_more: Any) -> IO[bytes]:
        return BytesIO()


def _prepare(environ: WSGIEnvironment) -> None:
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
