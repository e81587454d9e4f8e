"""The tutorial's app under gunicorn as it comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contender import WORKERS, Command, Contender
from benchmarks.environments import Environment
from benchmarks.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.patients import Patient, Truth

_HALF: Final = 0.5


def _start(port: int, _folder: Path) -> Command:
    arguments = ("--bind", f"{HOST}:{port}", "--workers", str(WORKERS))
    return Command(("gunicorn", *arguments, "benchmarks.contenders.tutorial.app:app"))


def _ask(patients: Sequence[Patient]) -> Any:
    return patients[0]


def _read(answer: Any) -> list[list[float]]:
    return [answer["votes"]]


def _expect(truth: Truth) -> list[float]:
    """The classes that `predict` gives: scikit-learn and XGBoost cut at one half."""
    return [float(probability > _HALF) for probability in truth.probabilities]


CONTENDER: Final = Contender(
    name="tutorial",
    title="tutorial's app: Flask, three pickles",
    kind="tutorial",
    environment=Environment(
        "tutorial",
        Path(__file__).with_name("requirements.txt"),
        ("flask", "gunicorn", "scikit-learn", "xgboost-cpu"),
    ),
    prepare=("python", "-m", "benchmarks.contenders.tutorial.pickles"),
    start=_start,
    path="/predict",
    ask=_ask,
    read=_read,
    expect=_expect,
    many=False,
)
