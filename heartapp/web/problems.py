"""Errors for programs: RFC 9457 problem details, and the one table from the domain's errors to statuses."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from flask import Response, url_for

from heartapp.errors import (
    FieldError,
    HeartappError,
    InvalidPatientError,
    ModelUnavailableError,
    NotInBundleError,
    UnknownModelError,
)

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


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details. ``errors`` lists the faulty fields of patients."""

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldError] = ()


class RequestError(HeartappError):
    """The request is wrong before any patient is checked. ``status`` is the HTTP status to answer with."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, detail: str, errors: Sequence[FieldError] = (), *, linked: bool = True) -> Response:
    """A problem document.

    Args:
        status: the HTTP status.
        detail: what is wrong, without what was sent.
        errors: each faulty field, with its row where many patients were sent.
        linked: whether the type links to where it is explained.
    """
    known = HTTPStatus(status)
    link = f"{url_for('api.page')}#{TYPES.get(known, 'other')}" if linked else "about:blank"
    body = Problem(link, known.phrase, status, detail, errors)
    return Response(msgspec.json.encode(body), status, mimetype=MEDIA_TYPE)
