"""The report of a model, as ``report.json`` holds it: how it was trained and how good it is."""

from __future__ import annotations

from typing import Literal

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


class CohortFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training data in figures; ``fills`` counts the filled-in values of each variable that training dropped."""

    source: str
    digest: str
    patients: int
    deaths: int
    fills: dict[str, int]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the performance was measured. Everything learned, tuning and calibration included, saw training rows only."""

    splitter: str
    splits: int
    test_patients: int
    seed: int


class GoalResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure beside its goal, a range, and the narrower range ``stretch``.

    ``alarm`` marks a figure that is too good to be true: look for a leak.
    """

    figure: str
    value: float
    goal: tuple[float, float]
    stretch: tuple[float, float]
    reached: Literal["stretch", "goal", "missed"]
    alarm: bool = False


class Subgroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Test predictions of one kind of patient, all splits together; ``expected`` is the mean risk."""

    name: str
    patients: int
    predictions: int
    roc_auc: float
    brier: float
    observed: float
    expected: float


class NetBenefit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Net benefit (Vickers and Elkin 2006) at one threshold, of the model, the comparator and of treating everyone."""

    threshold: float
    model: float
    comparator: float
    treat_all: float


class InstabilityReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the risks of the training patients differ between refits (Riley and Collins 2023).

    ``mean_absolute_change`` is between a refit's risk and the served one; ``median_width`` that of the patients' ranges
    from the 2.5th to the 97.5th percentile. ``ranges`` holds served risk, low and high by tenths of the risk.
    """

    refits: int
    mean_absolute_change: float
    median_width: float
    ranges: list[tuple[float, float, float]]
    goals: list[GoalResult]


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures that come from held-out patients.

    ``metrics`` are of the served risk and class, ``members`` of each member at a probability of one half,
    ``comparators`` of plainer models on the same splits. Slope, intercept (observed minus expected share of deaths),
    expected calibration error, bins, curves and subgroups are of all test predictions together. ``chosen`` counts how
    often each set of variables was chosen inside the splits.
    """

    protocol: Protocol
    metrics: dict[str, Spread]
    members: dict[str, dict[str, Spread]]
    comparators: dict[str, dict[str, Spread]]
    calibration_slope: float
    calibration_intercept: float
    expected_calibration_error: float
    calibration_bins: list[Bin]
    roc_curve: list[tuple[float, float]]
    precision_recall_curve: list[tuple[float, float]]
    decision_curve: list[NetBenefit]
    subgroups: list[Subgroup]
    goals: list[GoalResult]
    chosen: dict[str, int]


class HorizonCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration of the risk by one day, on all test patients together, weighted for censoring.

    ``slope`` is that of a logistic recalibration, ``slope_sd`` its standard deviation over the splits taken one by
    one; ``intercept`` is the observed minus the expected share of deaths.
    """

    day: int
    slope: float
    slope_sd: float
    intercept: float
    bins: list[Bin]


class SurvivalEvaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of the survival curve that come from held-out patients.

    ``metrics`` are of the curve, ``null`` of the Kaplan-Meier curve that is the same for everyone. ``last_day`` ends
    the span of the integrated Brier score and of Uno's C. ``penalties`` counts how often each ridge penalty was chosen.
    """

    protocol: Protocol
    last_day: int
    metrics: dict[str, Spread]
    null: dict[str, Spread]
    calibration: list[HorizonCalibration]
    goals: list[GoalResult]
    penalties: dict[str, int]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of the model card and page; None where training skipped them or the model has no curve."""

    cohort: CohortFigures
    hyperparameters: dict[str, dict[str, float | int | str | None]]
    instability: InstabilityReport | None
    evaluation: Evaluation | None
    survival: SurvivalEvaluation | None
