"""What the harness has to know of a contender."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from benchmarks.patients import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.environments import Environment
    from benchmarks.patients import Patient, Truth

WORKERS: Final = 2

Kind = Literal["heartapp", "limit", "tutorial", "server", "handwritten"]


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started: the program of its environment, its arguments, and its own environment variables."""

    arguments: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to serve the three members.

    ``start`` gives the command for a port and a folder that is the server's to write in. ``ask`` makes the JSON of a
    request, ``read`` takes each patient's numbers out of the answer's, and ``expect`` says which numbers are right.
    ``prepare`` is run once in that folder before the first start. ``many`` says whether it takes many patients at once.
    """

    name: str
    title: str
    kind: Kind
    environment: Environment
    start: Callable[[int, Path], Command]
    path: str
    ask: Callable[[Sequence[Patient]], Any]
    read: Callable[[Any], Sequence[Sequence[float]]]
    expect: Callable[[Truth], Sequence[float]]
    prepare: Sequence[str] = ()
    many: bool = True

    def body(self, patients: Sequence[Patient]) -> bytes:
        """The request's body."""
        return msgspec.json.encode(self.ask(patients))

    def wrong(self, content: bytes, truths: Sequence[Truth]) -> int:
        """How many of the patients an answer's body is wrong about."""
        try:
            answered = self.read(msgspec.json.decode(content))
            return sum(not _close(one, self.expect(truth)) for one, truth in zip(answered, truths, strict=True))
        except (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError):
            return len(truths)


def probabilities(truth: Truth) -> Sequence[float]:
    """What is right for a server that answers with the members' probabilities."""
    return truth.probabilities


def probabilities_and_risk(truth: Truth) -> Sequence[float]:
    """What is right for a server that calibrates."""
    return (*truth.probabilities, truth.risk)


def records(patients: Sequence[Patient]) -> Any:
    """An object for one patient and an array for many, as heartapp takes them."""
    return patients[0] if len(patients) == 1 else patients


def predictions(answer: Any) -> list[list[float]]:
    """The members' probabilities and the risk of each patient, from an answer of heartapp's kind."""
    return [
        [*(vote["probability"] for vote in prediction["votes"]), prediction["risk"]]
        for prediction in answer.get("predictions", [answer])
    ]


def rows(patients: Sequence[Patient]) -> list[list[float]]:
    """The patients as rows, for servers of arrays."""
    return [list(patient.values()) for patient in patients]


def _close(answered: Sequence[float], right: Sequence[float]) -> bool:
    return len(answered) == len(right) and all(
        abs(one - other) <= TOLERANCE for one, other in zip(answered, right, strict=True)
    )
