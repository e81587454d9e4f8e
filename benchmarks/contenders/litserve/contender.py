"""LitServe with two workers, as many processes for HTTP (its default), its fast queue, and without access log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contender import WORKERS, Command, Contender, probabilities, rows
from benchmarks.environments import Environment
from benchmarks.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.patients import Patient


def _start(port: int, _folder: Path) -> Command:
    return Command(("python", "-m", "benchmarks.contenders.litserve.app", HOST, str(port), str(WORKERS)))


def _ask(patients: Sequence[Patient]) -> Any:
    return {"patients": rows(patients)}


def _read(answer: Any) -> list[list[float]]:
    probabilities: list[list[float]] = answer["probabilities"]
    return probabilities


CONTENDER: Final = Contender(
    name="litserve",
    title="LitServe",
    kind="server",
    environment=Environment(
        "litserve", Path(__file__).with_name("requirements.txt"), ("litserve", "scikit-learn", "xgboost-cpu")
    ),
    start=_start,
    path="/predict",
    ask=_ask,
    read=_read,
    expect=probabilities,
)
