"""BentoML with two workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contender import WORKERS, Command, Contender, probabilities, rows
from benchmarks.environments import Environment
from benchmarks.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.patients import Patient


def _start(port: int, folder: Path) -> Command:
    service = "benchmarks.contenders.bentoml.service:MembersService"
    return Command(
        ("bentoml", "serve", service, "--host", HOST, "--port", str(port)),
        {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True", "BENCHMARK_WORKERS": str(WORKERS)},
    )


def _ask(patients: Sequence[Patient]) -> Any:
    return {"patients": rows(patients)}


def _read(answer: Any) -> list[list[float]]:
    probabilities: list[list[float]] = answer
    return probabilities


CONTENDER: Final = Contender(
    name="bentoml",
    title="BentoML",
    kind="server",
    environment=Environment(
        "bentoml", Path(__file__).with_name("requirements.txt"), ("bentoml", "scikit-learn", "xgboost-cpu")
    ),
    start=_start,
    path="/predict",
    ask=_ask,
    read=_read,
    expect=probabilities,
)
