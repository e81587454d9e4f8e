"""The report of a model, as ``report.json`` holds it: how it was trained and how good it is."""

from typing import Literal

import msgspec


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric over the outer splits: mean, standard deviation, and the 2.5th and 97.5th percentile."""

    mean: float
    sd: float
    low: float
    high: float


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Predictions of similar risk, all splits together: how many, mean risk, share that died."""

    predictions: int
    risk: float
    deaths: Estimate


class CohortFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training data in figures; ``fills`` counts the filled-in values of each variable that training dropped."""

    source: str
    digest: str
    patients: int
    deaths: int
    fills: dict[str, int]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the performance was measured. Everything learned, calibration included, saw training rows only.

    ``splits`` are those of all ``seeds`` together. ``bootstraps`` is the number of samples of patients behind the
    intervals of figures that come from all splits together.
    """

    splitter: str
    splits: int
    test_patients: int
    seeds: list[int]
    bootstraps: int


class GoalResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure beside its goal: the range ``goal`` and, where one was set, a narrower ``stretch``.

    ``alarm``: the figure is too good to be true, so look for a leak.
    """

    figure: str
    value: float
    goal: tuple[float, float]
    stretch: tuple[float, float] | None
    reached: Literal["stretch", "goal", "missed"]
    alarm: bool = False


class CalibrationReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration of the risk of death by one day, or during follow-up where ``day`` is None.

    ``slope`` is that of a logistic recalibration, ``intercept`` the observed minus the expected share of deaths.
    """

    day: int | None
    slope: Estimate
    intercept: Estimate
    bins: list[Bin]


class Subgroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Test predictions of one kind of patient, all splits together; ``expected`` is the mean risk."""

    name: str
    patients: int
    auc: Estimate
    brier: Estimate
    observed: Estimate
    expected: Estimate


class NetBenefit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Net benefit (Vickers and Elkin 2006) at one threshold, of the model, the comparator and of treating everyone."""

    threshold: float
    model: Estimate
    comparator: Estimate
    treat_all: Estimate


class InstabilityReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the risks of the training patients differ between refits (Riley and Collins 2023).

    ``mean_absolute_change`` is between a refit's risk and the served one; ``median_width`` that of the patients' ranges
    from the 2.5th to the 97.5th percentile. ``ranges`` holds served risk, low and high by tenths of the risk.
    """

    refits: int
    mean_absolute_change: Estimate
    median_width: Estimate
    ranges: list[tuple[float, float, float]]
    goals: list[GoalResult]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the risk changes over a grid of the used variables, one declared step of a variable at a time.

    ``largest_step`` is the largest change, and ``largest_fall`` the largest fall as age or creatinine rises.
    """

    largest_step: float
    largest_fall: float
    goals: list[GoalResult]


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures that come from held-out patients.

    ``metrics`` are of the served risk and class, ``members`` of each member at a probability of one half,
    ``comparator`` of a plain regression on the same splits. ``difference`` is model minus comparator, with the
    corrected interval for overlapping splits (Nadeau and Bengio 2003). The rest is of all test predictions together,
    at the ``horizon`` where there is one, with intervals from bootstrap samples of the patients.
    """

    protocol: Protocol
    horizon: int | None
    metrics: dict[str, Spread]
    members: dict[str, dict[str, Spread]]
    comparator: dict[str, Spread]
    difference: dict[str, Estimate]
    calibration: list[CalibrationReport]
    decision_curve: list[NetBenefit]
    subgroups: list[Subgroup]
    goals: list[GoalResult]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of the model card and page; None where training skipped them or the model lacks the part."""

    cohort: CohortFigures
    hyperparameters: dict[str, dict[str, float | int | str | None]]
    evaluation: Evaluation | None
    instability: InstabilityReport | None
    shape: Shape | None
