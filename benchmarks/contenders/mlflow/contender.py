"""MLflow's scoring server with two workers and without access log."""

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
    address = ("--host", HOST, "--port", str(port), "--workers", str(WORKERS))
    return Command(
        ("mlflow", "models", "serve", "--model-uri", str(folder / "model"), "--env-manager", "local", *address),
        {"UVICORN_ACCESS_LOG": "false"},
    )


def _ask(patients: Sequence[Patient]) -> Any:
    return {"inputs": rows(patients)}


def _read(answer: Any) -> list[list[float]]:
    probabilities: list[list[float]] = answer["predictions"]
    return probabilities


CONTENDER: Final = Contender(
    name="mlflow",
    title="MLflow's scoring server",
    kind="server",
    environment=Environment(
        "mlflow", Path(__file__).with_name("requirements.txt"), ("mlflow", "scikit-learn", "xgboost-cpu")
    ),
    prepare=("python", "-m", "benchmarks.contenders.mlflow.save"),
    start=_start,
    path="/invocations",
    ask=_ask,
    read=_read,
    expect=probabilities,
)
