"""Static files and pages for reading travel compressed.

The form does not: it holds a secret, the CSRF token, beside what was entered (BREACH, CVE-2013-3587).
"""

from __future__ import annotations

import gzip
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Final

from flask import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response
    from flask.typing import ResponseReturnValue

ENDPOINTS: Final = frozenset({"static", "ui.model", "ui.card", "api.page", "api.openapi"})
"""What is compressed: nothing of it is secret, and nothing depends on who asks."""


def init_app(app: Flask) -> None:
    """Compress the answers of `ENDPOINTS`, which are there already, where the client accepts gzip."""
    for endpoint in ENDPOINTS:
        app.view_functions[endpoint] = _compressing(app, app.ensure_sync(app.view_functions[endpoint]))


def _compressing(app: Flask, view: Callable[..., ResponseReturnValue]) -> Callable[..., Response]:
    @wraps(view)
    def compress(**arguments: Any) -> Response:
        response = app.make_response(view(**arguments))
        response.vary.add("Accept-Encoding")
        if response.status_code != 200 or request.accept_encodings["gzip"] <= 0:  # noqa: PLR2004 - OK
            return response
        response.direct_passthrough = False
        response.set_data(_compressed(response.get_data()))
        response.content_encoding = "gzip"
        return response

    return compress


@lru_cache(maxsize=16)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
