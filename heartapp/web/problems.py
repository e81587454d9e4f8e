"""Answers to errors: problem details (RFC 9457) for programs, a page for people.

No answer and no log line repeats a value that the client sent.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from flask import Flask, Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed, SecurityError

from heartapp.errors import (
    FieldError,
    HeartappError,
    InvalidPatientError,
    ModelUnavailableError,
    NotInBundleError,
    UnknownModelError,
)
from heartapp.web.middleware import REQUEST_ID
from heartapp.web.observe import refused

Answer = Callable[[int, str], ResponseReturnValue]

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[dict[type[HeartappError], HTTPStatus]] = {
    InvalidPatientError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    NotInBundleError: HTTPStatus.BAD_REQUEST,
}

TYPES: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.UNAUTHORIZED: "no-key",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "wrong-method",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "wrong-media-type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-patient",
    HTTPStatus.TOO_MANY_REQUESTS: "too-many",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server-error",
    HTTPStatus.SERVICE_UNAVAILABLE: "not-available",
}
"""A problem's type by its status: an anchor on the API's page, where it is explained."""

DETAILS: Final = {
    HTTPStatus.BAD_REQUEST: "The request could not be read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is larger than this server takes.",
    HTTPStatus.TOO_MANY_REQUESTS: "There are too many requests of this client; wait as long as Retry-After says.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something failed on the server. It was logged, without what was sent.",
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details. ``errors`` lists the faulty fields of patients; ``request_id`` is in the log, too."""

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldError] = ()
    request_id: str = ""


class RequestError(HeartappError):
    """The request is refused before any patient is checked: the HTTP status to answer with, and more headers."""

    def __init__(
        self, detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


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
    body = Problem(link, known.phrase, status, detail, errors, request.environ.get(REQUEST_ID, ""))
    return Response(msgspec.json.encode(body), status, mimetype=MEDIA_TYPE)


def init_app(app: Flask, *, page: Answer, programs: Mapping[str, Answer]) -> None:
    """Answer every error of this application.

    Args:
        app: the application.
        page: renders status and detail for a person.
        programs: the same for other programs than the API's, by the start of their addresses.
    """
    answers: dict[str, Answer] = {"/api/": problem, **programs}

    def answer(status: int, detail: str) -> ResponseReturnValue:
        return next((answers[start] for start in answers if request.path.startswith(start)), page)(status, detail)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        response = app.make_response(answer(status, DETAILS.get(status, f"{status.phrase}.")))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(BadHost)
    @app.errorhandler(SecurityError)
    def wrong_host(_error: HTTPException) -> ResponseReturnValue:
        # Without a host, Flask builds no URL, which a page and a link need.
        return problem(HTTPStatus.BAD_REQUEST, "The Host header names no host of this server.", linked=False)

    @app.errorhandler(HeartappError)
    def domain_error(error: HeartappError) -> ResponseReturnValue:
        if isinstance(error, RequestError):
            response = problem(error.status, str(error))
            response.headers.update(error.headers)
            return response
        if isinstance(error, InvalidPatientError):
            refused.send(fields=[fault.field for fault in error.errors])
            return problem(STATUSES[InvalidPatientError], f"{error}; nothing was predicted.", error.errors)
        return answer(STATUSES[type(error)], str(error))

    @app.errorhandler(Exception)
    def unexpected_error(error: Exception) -> ResponseReturnValue:
        # The message may quote a value, so the log gets the kind of error and where it came from.
        frames = "".join(traceback.format_tb(error.__traceback__))
        identifier = request.environ.get(REQUEST_ID)
        logger.error("%s while answering %s (%s)\n%s", type(error).__name__, request.endpoint, identifier, frames)
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, DETAILS[HTTPStatus.INTERNAL_SERVER_ERROR])
