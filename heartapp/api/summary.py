"""A served model, told to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from heartapp.inference.bundle import FileEntry, TrainingData
from heartapp.inference.model import ModelIdentity
from heartapp.inference.report import Report

if TYPE_CHECKING:
    from heartapp.inference.model import Model


class VariableSummary(msgspec.Struct, frozen=True):
    """A variable as a model takes it.

    ``required``: it may not be missing. ``used``: the members split on it. ``seen`` is the smallest and largest value
    of the training data.
    """

    name: str
    label: str
    unit: str
    kind: str
    known: str
    required: bool
    used: bool
    allowed: tuple[float, float]
    seen: tuple[float, float]


class ModelSummary(msgspec.Struct, frozen=True):
    """What is served under a model's name."""

    model: ModelIdentity
    created: str
    threshold: float
    base_rate: float
    variables: tuple[VariableSummary, ...]
    training_data: TrainingData
    report: Report
    files: dict[str, FileEntry]
    libraries: dict[str, str]


def summarise(model: Model) -> ModelSummary:
    """Everything of a bundle that a program may want to know."""
    manifest = model.bundle.manifest
    return ModelSummary(
        model=model.identity,
        created=manifest.created,
        threshold=manifest.threshold,
        base_rate=manifest.base_rate,
        variables=tuple(
            VariableSummary(
                name=variable.name,
                label=variable.label,
                unit=variable.unit,
                kind=variable.kind,
                known=variable.known,
                required=variable.name in manifest.required,
                used=variable.name in manifest.used,
                allowed=(variable.low, variable.high),
                seen=(seen.minimum, seen.maximum),
            )
            for variable, seen in zip(model.variables, manifest.variables, strict=True)
        ),
        training_data=manifest.training_data,
        report=model.bundle.report,
        files=manifest.files,
        libraries=manifest.libraries,
    )
