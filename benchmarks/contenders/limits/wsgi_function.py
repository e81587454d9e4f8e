"""The second limit: what gunicorn can do at all, with a bare function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders.limits.constant import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The constant."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]
