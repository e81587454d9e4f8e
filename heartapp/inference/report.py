"""The report of a model, as ``report.json`` holds it: how it was trained and how good it is."""

from __future__ import annotations

import msgspec


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric over the outer splits: mean, standard deviation, and the 2.5th and 97.5th percentile."""

    mean: float
    sd: float
    low: float
    high: float


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patients of similar predicted risk, all splits together: how many, mean risk, share that died."""

    patients: int
    risk: float
    deaths: float


class Cohort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training data in figures."""

    source: str
    digest: str
    patients: int
    deaths: int


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the performance was measured: everything learned, tuning and calibration too, saw training rows only."""

    splitter: str
    splits: int
    test_patients: int
    seed: int


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures that come from held-out patients.

    ``metrics`` are of the served risk and class, ``members`` of each member at a probability of one half,
    ``comparators`` of plainer models on the same splits. Slope, intercept (observed minus expected share of deaths),
    expected calibration error and bins are of all test predictions together.
    """

    protocol: Protocol
    metrics: dict[str, Spread]
    members: dict[str, dict[str, Spread]]
    comparators: dict[str, dict[str, Spread]]
    calibration_slope: float
    calibration_intercept: float
    expected_calibration_error: float
    calibration_bins: list[Bin]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the model page tells. ``evaluation`` is None where training was told to skip it."""

    cohort: Cohort
    hyperparameters: dict[str, dict[str, float | int | str | None]]
    evaluation: Evaluation | None
