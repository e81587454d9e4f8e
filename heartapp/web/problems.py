"""Errors for programs: RFC 9457 problem details, and the one table from the domain's errors to statuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec
from flask import Response, url_for

from heartapp.errors import InvalidPatientError, ModelUnavailableError, NotInBundleError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.errors import FieldError, HeartappError

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[dict[type[HeartappError], HTTPStatus]] = {
    InvalidPatientError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    NotInBundleError: HTTPStatus.BAD_REQUEST,
}
"""The one table from what went wrong in the domain to what HTTP calls it."""

TYPES: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "wrong-method",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "wrong-media-type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-patient",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server-error",
    HTTPStatus.SERVICE_UNAVAILABLE: "not-available",
}
"""A problem's type by its status: an anchor on the API's page, where it is explained."""


def problem(status: int, detail: str, errors: Sequence[FieldError] = (), *, linked: bool = True) -> Response:
    """A problem document.

    Args:
        status: the HTTP status.
        detail: what is wrong, without what was sent.
        errors: each faulty field, with its row where many patients were sent.
        linked: whether the type links to where it is explained.
    """
    known = HTTPStatus(status)
    body = {
        "type": f"{url_for('api.page')}#{TYPES.get(known, 'other')}" if linked else "about:blank",
        "title": known.phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        listed = [{"field": one.field, "message": one.message, "row": one.row} for one in errors]
        body["errors"] = [{key: value for key, value in one.items() if value is not None} for one in listed]
    return Response(msgspec.json.encode(body), status, mimetype=MEDIA_TYPE)
