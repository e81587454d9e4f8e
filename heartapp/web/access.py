"""Who may ask, and how often: API keys and rate limits for what predicts. Both are off by default."""

import logging
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, g

from heartapp.config import Settings, find
from heartapp.errors import ConfigError
from heartapp.keys import FILE, KeyFile, Scope
from heartapp.web.extension import get_request
from heartapp.web.problems import RequestError

logger = logging.getLogger(__name__)

PROGRAMS: Final = frozenset({"api", "oip", "mlflow"})
"""The blueprints that need a key where keys are required; the page does not."""
_STORAGE_SECONDS: Final = 0.2
"""How long Redis may take, before each process counts for itself."""


def init_app(app: Flask, settings: Settings) -> None:
    """Check keys and limits before every request that predicts, as the settings say.

    Raises:
        ConfigError: a limit is not one, or a package of the extra ``limits`` is missing.
    """
    if settings.require_keys:
        app.before_request(partial(_check_key, KeyFile(find(FILE))))
    if settings.rate_limit:
        _limit(app, settings)


def _predicts() -> bool:
    return get_request().method == "POST"


def find_client(keys: KeyFile, authorization: str, scope: Scope) -> str | None:
    """The name of the key in the header Authorization, if it has the scope. No key has, if they cannot be read."""
    kind, _, secret = authorization.partition(" ")
    try:
        return keys.find(secret.strip(), scope) if kind.lower() == "bearer" else None
    except ConfigError as error:
        logger.error("no key is accepted: %s", error)  # noqa: TRY400 - the trace says no more
        return None


def _check_key(keys: KeyFile) -> None:
    """Refuse a request without a key. The key's name is the client's, for limits."""
    request = get_request()
    if not _predicts() or request.blueprint not in PROGRAMS:
        return
    name = find_client(keys, request.headers.get("Authorization", ""), "predict")
    if name is None:
        raise RequestError(
            "This server asks for a key: send the header Authorization: Bearer and a key with the scope predict.",
            HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )
    g.client = name


def _limit(app: Flask, settings: Settings) -> None:
    """Count by key, or else by address. When the storage is away, each process counts for itself."""
    try:
        from flask_limiter import Limiter  # noqa: PLC0415 - from an extra
        from limits import parse_many  # noqa: PLC0415 - from an extra
        from limits.storage import storage_from_string  # noqa: PLC0415 - from an extra
    except ImportError:
        raise ConfigError("rate_limit needs the extra limits: pip install flask-limiter redis") from None
    try:
        parse_many(settings.rate_limit)
    except ValueError:
        raise ConfigError(f"rate_limit: {settings.rate_limit} is no limit; write one such as 600/minute") from None
    try:
        storage_from_string(settings.rate_limit_storage)
    except Exception:  # noqa: BLE001 - of many kinds; and none is shown, as the address may hold a password
        raise ConfigError("rate_limit_storage: write memory:// or redis://HOST:PORT") from None
    patience: dict[str, Any] = {"socket_connect_timeout": _STORAGE_SECONDS, "socket_timeout": _STORAGE_SECONDS}
    Limiter(
        lambda: g.get("client") or get_request().remote_addr or "",
        app=app,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=lambda: not _predicts(),
        storage_uri=settings.rate_limit_storage,
        storage_options=patience if settings.rate_limit_storage.startswith("redis") else {},
        in_memory_fallback_enabled=True,
        swallow_errors=True,  # of the requests that meet a dying storage at the same time, only one starts the fallback
        headers_enabled=True,
    )
