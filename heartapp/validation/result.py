"""What a validation finds, as its JSON has it. A figure is an `Estimate`: value, low and high of its 95 % interval."""

from typing import Literal

import msgspec

from heartapp.inference.model import ModelIdentity
from heartapp.inference.report import Estimate, NetBenefit
from heartapp.validation.cohort import Flow

Advice = Literal["holds", "update", "do not use", "too few patients"]


class Source(msgspec.Struct, frozen=True):
    """The table: its file's name, the digest of its values, the columns that were read, and what was left out."""

    name: str
    digest: str
    columns: dict[str, str]
    flow: Flow
    notes: list[str]


class Mix(msgspec.Struct, frozen=True):
    """One variable among the patients: median and quartiles, or the share of ones.

    ``typical`` and ``range`` are those of the training data.
    """

    variable: str
    missing: int
    middle: float
    quartiles: tuple[float, float] | None
    typical: float
    range: tuple[float, float]


class Discrimination(msgspec.Struct, frozen=True):
    """How well patients are ordered. ``auc`` is by the horizon where there are times (Uno et al. 2007).

    ``harrell`` and ``uno`` are concordances over the whole follow-up and by the horizon; None without times.
    """

    auc: Estimate
    harrell: Estimate | None
    uno: Estimate | None


class CurvePoint(msgspec.Struct, frozen=True):
    """A predicted risk, and the smooth estimate of the observed one."""

    risk: float
    observed: Estimate


class Calibration(msgspec.Struct, frozen=True):
    """How far risks are from what happened.

    ``observed_expected`` is the ratio of deaths to the sum of risks, ``intercept`` calibration in the large on the
    logit scale, ``slope`` that of a logistic recalibration, and ``integrated_index`` the mean distance of the risks to
    the smooth ``curve``.
    """

    observed: Estimate
    expected: Estimate
    observed_expected: Estimate
    intercept: Estimate
    slope: Estimate
    integrated_index: Estimate
    curve: list[CurvePoint]


class Subgroup(msgspec.Struct, frozen=True):
    """Figures of one kind of patient; ``events`` are deaths by the horizon."""

    name: str
    patients: int
    events: int
    auc: Estimate
    observed_expected: Estimate


class Criterion(msgspec.Struct, frozen=True):
    """How many patients it takes to know one figure with an interval of this width."""

    figure: str
    width: float
    patients: int


class SampleSize(msgspec.Struct, frozen=True):
    """Whether the sample suffices by the criteria of Riley et al. (2021), and how many patients it would take."""

    sufficient: bool
    patients: int
    criteria: list[Criterion]


class Validation(msgspec.Struct, frozen=True):
    """All of it. ``events`` are all deaths, ``events_by_horizon`` those by the day that the risk is of.

    ``horizon_days`` is the day that the risk is of, and ``timed`` says whether there were times; without, the outcome
    is taken as it is. ``risks`` is a histogram in steps of 0.05: patients who survived, and who died. ``cautions`` is
    the share of patients with a caution. The comparator of ``net_benefit`` is a plain regression that was fitted to
    these patients, each predicted by the others.
    """

    model: ModelIdentity
    table: Source
    outcome: str
    horizon_days: int | None
    timed: bool
    patients: int
    events: int
    events_by_horizon: int
    discrimination: Discrimination
    calibration: Calibration
    brier: Estimate
    scaled_brier: Estimate
    net_benefit: list[NetBenefit]
    subgroups: list[Subgroup]
    cautions: Estimate
    sample_size: SampleSize
    advice: Advice
    verdict: str
    threshold: float
    case_mix: list[Mix]
    risks: list[tuple[int, int]]
    bootstraps: int
    seed: int
