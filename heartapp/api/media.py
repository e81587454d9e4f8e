"""What a body is, and what it is to be answered with: JSON, CSV or Parquet."""

from __future__ import annotations

from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from werkzeug.datastructures import MIMEAccept

from heartapp.api.body import RequestError

if TYPE_CHECKING:
    from flask import Request

JSON: Final = "application/json"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
MEDIA_TYPES: Final = (JSON, CSV, PARQUET)

PLAIN: Final = frozenset({"", "identity"})
"""The header ``Content-Encoding`` of those who send a body as it is."""
ANYTHING: Final = frozenset({None, "*/*", JSON})
"""The header ``Accept`` of those who send JSON and are answered with JSON; None is its absence."""


def media_types() -> list[str]:
    """Those that this server takes and gives: Parquet needs the extra ``bulk``."""
    return [one for one in MEDIA_TYPES if one != PARQUET or find_spec("pyarrow") is not None]


def negotiate(request: Request) -> tuple[str, str]:
    """The media types of a request's body and of its answer.

    Raises:
        RequestError: the body is packed or of another type, or ``Accept`` allows none.
    """
    if request.headers.get("Content-Encoding", "").strip().lower() not in PLAIN:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body unpacked, without the header Content-Encoding."
        )
    available = media_types()
    sent = request.mimetype
    if sent == PARQUET and PARQUET not in available:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Parquet needs heartapp's extra bulk (pyarrow), which this server does not have; send "
            f"{_listed(available)}.",
        )
    if sent not in available:
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send patients as Content-Type: {_listed(available)}.")
    return sent, _choose(request, sent, available)


def _choose(request: Request, sent: str, available: list[str]) -> str:
    """What is preferred; of equals, what is named rather than what a star allows, then what was sent."""
    if not request.headers.get("Accept"):
        return sent
    # Parameters (a charset, a header) do not tell one kind from another here.
    asked = [(one.partition(";")[0].strip().lower(), quality) for one, quality in request.accept_mimetypes]
    accept, named = MIMEAccept(asked), {one for one, _ in asked}
    offered = [sent, *(one for one in available if one != sent)]
    chosen = max(offered, key=lambda one: (accept.quality(one), one in named))
    if not accept.quality(chosen):
        raise RequestError(HTTPStatus.NOT_ACCEPTABLE, f"Accept has to allow one of these: {_listed(available)}.")
    return chosen


def _listed(available: list[str]) -> str:
    return ", ".join(available[:-1]) + f" or {available[-1]}"
