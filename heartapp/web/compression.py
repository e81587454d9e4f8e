"""Compress static files and pages without a form.

The form holds a secret, the CSRF token, beside what was entered, so it is not compressed (BREACH, CVE-2013-3587).
"""

from __future__ import annotations

import gzip
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, make_response, request

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINTS: Final = frozenset({"static", "ui.model", "ui.card", "api.page", "api.openapi"})
"""Their answers hold no secret and are the same for everyone."""


def init_app(app: Flask) -> None:
    """Compress the answers of `ENDPOINTS` if the client accepts gzip. Call it when all views are registered."""
    for endpoint in ENDPOINTS:
        app.view_functions[endpoint] = _compressing(app.view_functions[endpoint])


def _compressing(view: Callable[..., Any]) -> Callable[..., Response]:
    @wraps(view)
    def compress(**arguments: Any) -> Response:
        response = make_response(view(**arguments))
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
