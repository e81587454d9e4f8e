"""Logs on standard output: text for people, or JSON for programs. No line holds a query or a patient's value."""

import logging
from typing import Any, Final

from heartapp.config import Settings

access: Final = logging.getLogger("heartapp.access")


def describe_logs(settings: Settings) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`: of the application, and of Granian's own messages."""
    logger = {"handlers": ["output"], "level": "INFO", "propagate": False}
    quiet = {"level": "INFO" if settings.access_log else "WARNING"}
    output = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": settings.log_format}
    json = {
        "()": "pythonjsonlogger.msgspec.MsgspecFormatter",
        "fmt": ["asctime", "levelname", "name", "message"],
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"text": {"format": "[%(levelname)s] %(message)s"}, "json": json},
        "handlers": {"output": output},
        "loggers": {
            "heartapp": logger,
            "_granian": logger,
            "flask-limiter": {**logger, "level": "WARNING"},
            access.name: quiet,
        },
    }


def log_request(method: str, path: str, status: int, seconds: float, request_id: str) -> None:
    """Write the line of one request. ``path`` is that of the route: an address may hold anything."""
    facts = {"method": method, "path": path, "status": status, "ms": round(1_000 * seconds, 2)}
    line = f'"{method} {path}" {status} {facts["ms"]:.1f}ms {request_id}'
    access.info(line, extra={**facts, "request_id": request_id})
