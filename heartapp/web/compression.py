"""Compress static files and pages. No page holds a secret, such as a CSRF token, that its size could betray."""

import gzip
from collections.abc import Callable
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, make_response, request

KEPT: Final = frozenset({"static", "ui.index", "ui.model", "ui.card", "api.page", "api.openapi"})
"""Their answers are the same for everyone, so the last compressed ones are kept."""
ENDPOINTS: Final = KEPT | {"ui.predict"}
_STATUSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY})
_LEVEL: Final = 6


def init_app(app: Flask) -> None:
    """Compress the answers of `ENDPOINTS` if the client accepts gzip. Call it when all views are registered."""
    for endpoint in ENDPOINTS:
        packed = _kept if endpoint in KEPT else _packed
        app.view_functions[endpoint] = _compressing(app.view_functions[endpoint], packed)


def _compressing(view: Callable[..., Any], packed: Callable[[bytes], bytes]) -> Callable[..., Response]:
    @wraps(view)
    def compress(**arguments: Any) -> Response:
        response = make_response(view(**arguments))
        response.vary.add("Accept-Encoding")
        if response.status_code not in _STATUSES or request.accept_encodings["gzip"] <= 0:
            return response
        response.direct_passthrough = False
        response.set_data(packed(response.get_data()))
        response.content_encoding = "gzip"
        return response

    return compress


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


_kept: Final = lru_cache(maxsize=16)(_packed)
