"""Around the application: bodies alike for all servers; security headers, an identifier and a log line for requests."""

import logging
import random
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from time import perf_counter
from typing import IO, Any, Final
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Request

from heartapp.web.logs import access, log_request

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "connect-src 'self'; form-action 'self'; img-src 'self'; script-src 'self'; style-src 'self'"
)

STREAMED: Final = "heartapp.streamed"
"""True in the WSGI environment where a view wants the parts of its answer sent as they come."""

REQUEST_ID: Final = "heartapp.request_id"
"""The request's identifier in the WSGI environment, from the header X-Request-ID or made here."""

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
_IDENTIFIER: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


def init_app(app: Flask) -> None:
    """Add headers and identifier to every answer of this application, errors included, and log every request."""
    app.wsgi_app = _Secured(app.wsgi_app)  # type: ignore[method-assign]  # Flask documents wrapping it so


class _Secured:
    """A middleware: setting these headers in a hook of Flask took as long as a prediction."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _prepare(environ)
        if prefix := environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = "/" + prefix.strip("/")  # "//host" before a path would be another host's address
        identifier = environ.get("HTTP_X_REQUEST_ID", "")
        if not _IDENTIFIER.fullmatch(identifier):
            identifier = f"{random.getrandbits(64):016x}"
        environ[REQUEST_ID] = identifier
        begun = perf_counter()
        static = environ["PATH_INFO"].startswith(_STATIC)
        secure = environ["wsgi.url_scheme"] == "https"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            headers = [*headers, *HEADERS.items(), ("X-Request-ID", identifier)]
            if not static or status >= "4":
                headers.append(("Cache-Control", "no-store"))
            if secure:
                headers.append(("Strict-Transport-Security", "max-age=31536000"))
            if access.isEnabledFor(logging.INFO):
                seconds = perf_counter() - begun
                log_request(environ["REQUEST_METHOD"], _route(environ), int(status[:3]), seconds, identifier)
            return start_response(status, headers, exc_info)

        return self._application(environ, start)


def _route(environ: WSGIEnvironment) -> str:
    """The path as the application declares it, such as ``/models/<name>``; ``-`` where there is none."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else "-"


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
