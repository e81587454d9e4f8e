"""The patients that are asked about, and what the bundle says of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks import bundle
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.clinical.variables import Variable

TOLERANCE: Final = 1e-5
"""The largest difference of a right answer: estimators and ONNX graph sum in another order."""

Patient = dict[str, float]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the bundle says of one patient: each member's probability of death, and the calibrated risk."""

    probabilities: tuple[float, ...]
    risk: float


def example() -> Patient:
    """The made-up patient of the declaration."""
    return {name: BY_NAME[name].example for name in bundle.names()}


def draw(count: int) -> list[Patient]:
    """Patients within what all but one in a hundred of the training data were; the same ones each time."""
    generator = np.random.default_rng(0)
    columns = {
        seen["name"]: _values(BY_NAME[seen["name"]], seen["p1"], seen["p99"], generator.random(count))
        for seen in bundle.manifest()["variables"]
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def truths(patients: Sequence[Patient]) -> list[Truth]:
    """What the bundle's graph says of these patients."""
    model = load()
    probabilities = model.run_graph(np.array([list(patient.values()) for patient in patients], np.float32))
    risks = model.calibration.risk(probabilities)
    return [Truth(tuple(row), risk) for row, risk in zip(probabilities.tolist(), risks.tolist(), strict=True)]


def _values(variable: Variable, low: float, high: float, shares: np.ndarray) -> list[float]:
    """Values between two limits, as finely as people write them; whole numbers as such."""
    values = low * (high / low) ** shares if variable.logarithmic else low + (high - low) * shares
    steps = np.round(values / variable.step).astype(int).tolist()
    return [round(step * variable.step, 6) for step in steps]


@cache
def load() -> Model:
    """The bundle, loaded; its golden rows have been answered as stored."""
    folder = bundle.folder()
    return Model(read_bundle(folder.parents[1], folder.parent.name, folder.name))
