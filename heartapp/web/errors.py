"""What the application answers when something goes wrong: problem details to programs, a page to people.

No answer and no log line carries a value that the client sent.
"""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed, SecurityError

from heartapp.errors import HeartappError, InvalidPatientError
from heartapp.web.problems import STATUSES, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.typing import ResponseReturnValue

logger = logging.getLogger(__name__)

DETAILS = {
    HTTPStatus.BAD_REQUEST: "The request could not be read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is larger than this server takes.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something failed on the server. It was logged, without what was sent.",
}


def init_app(app: Flask, *, page: Callable[[int, str], ResponseReturnValue]) -> None:
    """Answer every error of this application.

    Args:
        app: the application.
        page: renders status and detail for a person.
    """

    def answer(status: int, detail: str) -> ResponseReturnValue:
        return problem(status, detail) if request.path.startswith("/api/") else page(status, detail)

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
        # Without a host no address can be built: there is no page to show and nothing to link to.
        return problem(HTTPStatus.BAD_REQUEST, "The Host header names no host of this server.", linked=False)

    @app.errorhandler(HeartappError)
    def domain_error(error: HeartappError) -> ResponseReturnValue:
        if isinstance(error, InvalidPatientError):
            return problem(STATUSES[InvalidPatientError], f"{error}; nothing was predicted.", error.errors)
        return answer(STATUSES[type(error)], str(error))

    @app.errorhandler(Exception)
    def unexpected_error(error: Exception) -> ResponseReturnValue:
        # The message may quote a value, so the log gets the kind of error and where it came from.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s while answering %s\n%s", type(error).__name__, request.endpoint, frames)
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, DETAILS[HTTPStatus.INTERNAL_SERVER_ERROR])
