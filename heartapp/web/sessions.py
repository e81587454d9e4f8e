"""Sessions are for pages: they hold the form's CSRF token. The API has none, and does not pay for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask.sessions import SecureCookieSessionInterface

if TYPE_CHECKING:
    from flask import Flask, Request
    from flask.sessions import SecureCookieSession

API: Final = "/api/"


def init_app(app: Flask) -> None:
    """Keep sessions for everything but the API."""
    app.session_interface = _PageSessions()


class _PageSessions(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(API) else super().open_session(app, request)
