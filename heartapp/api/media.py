"""What a body is, and what it is answered with: JSON or CSV."""

from http import HTTPStatus
from typing import Final

from flask import Request
from werkzeug.datastructures import MIMEAccept

from heartapp.web.body import CSV, JSON, read_media_type, unsupported
from heartapp.web.problems import RequestError

MEDIA_TYPES: Final = (JSON, CSV)

ANYTHING: Final = frozenset({None, "*/*", JSON})
"""Common ``Accept`` headers that a JSON answer satisfies; None is a request without one."""
_PARQUET: Final = frozenset({"application/vnd.apache.parquet", "application/x-parquet", "application/parquet"})


def negotiate(request: Request) -> tuple[str, str]:
    """The media types of a request's body and of its answer.

    Raises:
        RequestError: the body is compressed or of another type, or ``Accept`` allows none.
    """
    headers = request.environ
    # The usual request. Parsing its headers would take as long as the prediction.
    if (
        headers.get("CONTENT_TYPE") == JSON
        and headers.get("HTTP_ACCEPT") in ANYTHING
        and "HTTP_CONTENT_ENCODING" not in headers
    ):
        return JSON, JSON
    if request.mimetype in _PARQUET:
        raise unsupported(f"Parquet is not taken here. Send {CSV}, or score the file with `heartapp score`.")
    sent = read_media_type(request, MEDIA_TYPES)
    return sent, _choose(request, sent)


def _choose(request: Request, sent: str) -> str:
    """The preferred type. Of equals, one that is named rather than matched by a star, then the body's own."""
    if not request.headers.get("Accept"):
        return sent
    # Ignore parameters (a charset, a header): they do not make another type here.
    asked = [(one.partition(";")[0].strip().lower(), quality) for one, quality in request.accept_mimetypes]
    accept = MIMEAccept(asked)
    chosen = max(MEDIA_TYPES, key=lambda one: (accept.quality(one), one in accept.values(), one == sent))
    if not accept.quality(chosen):
        raise RequestError(f"Accept must allow {JSON} or {CSV}.", HTTPStatus.NOT_ACCEPTABLE)
    return chosen
