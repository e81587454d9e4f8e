"""The two limits: constant answers under the very gunicorn settings that heartapp has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contender import WORKERS, Command, Contender
from benchmarks.contenders.heartapp.contender import ENVIRONMENT
from benchmarks.contenders.limits.constant import RISK
from benchmarks.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.patients import Patient, Truth


def _start(application: str, port: int, _folder: Path) -> Command:
    settings = Path(__file__).with_name("settings.py")
    arguments = ("--config", str(settings), "--bind", f"{HOST}:{port}", "--workers", str(WORKERS))
    return Command(("gunicorn", *arguments, f"benchmarks.contenders.limits.{application}:app"))


def _ask(patients: Sequence[Patient]) -> Any:
    return patients[0]


def _read(answer: Any) -> list[list[float]]:
    return [[answer["risk"]]]


def _expect(_truth: Truth) -> list[float]:
    return [RISK]


def _limit(name: str, title: str, application: str) -> Contender:
    return Contender(
        name=name,
        title=title,
        kind="limit",
        environment=ENVIRONMENT,
        start=partial(_start, application),
        path="/predict",
        ask=_ask,
        read=_read,
        expect=_expect,
        many=False,
    )


FLASK: Final = _limit("flask-constant", "limit: constant Flask view", "flask_view")
WSGI: Final = _limit("wsgi-constant", "limit: constant WSGI function", "wsgi_function")
