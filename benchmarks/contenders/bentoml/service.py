"""BentoML's service around the members, with two workers and without access log and metrics."""

from __future__ import annotations

import os

import bentoml
import numpy as np  # noqa: TC002 - BentoML reads the annotations

from benchmarks.members import Members


@bentoml.service(
    workers=int(os.environ["BENCHMARK_WORKERS"]), logging={"access": {"enabled": False}}, metrics={"enabled": False}
)
class MembersService:
    """Answers rows with probabilities."""

    def __init__(self) -> None:
        self._members = Members()

    # A coroutine is called at once, a function by way of a thread.
    @bentoml.api
    async def predict(self, patients: np.ndarray) -> np.ndarray:
        """Probabilities of shape (n, 3), from rows of shape (n, variables)."""
        return self._members.probabilities(patients)
