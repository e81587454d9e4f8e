"""The JSON documents of the answers beside a prediction, from which the contract is derived."""

import msgspec

from heartapp.errors import FieldError
from heartapp.inference.bundle import FileEntry, TrainingData
from heartapp.inference.model import Model, ModelIdentity, Prediction
from heartapp.inference.report import Report


class PredictionList(msgspec.Struct, omit_defaults=True):
    """The answer to an array: one prediction a patient, in the order they were sent.

    With on_error=skip, ``rows`` are the numbers of the patients that were predicted, counted from 0, and ``errors`` the
    faults of the others.
    """

    predictions: list[Prediction]
    rows: list[int] | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


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
    """A served model. ``horizon_days`` is None where its risk is of death during follow-up."""

    model: ModelIdentity
    horizon_days: int | None
    threshold: float
    base_rate: float
    variables: tuple[VariableSummary, ...]
    training_data: TrainingData
    report: Report
    files: dict[str, FileEntry]
    libraries: dict[str, str]


class ModelList(msgspec.Struct, frozen=True):
    """The served models, and the one that answers by default."""

    default: str
    models: list[ModelSummary]


def summarise(model: Model) -> ModelSummary:
    """The public facts of a model's bundle."""
    manifest = model.bundle.manifest
    return ModelSummary(
        model=model.identity,
        horizon_days=manifest.horizon,
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
