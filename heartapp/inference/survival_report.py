"""How good the survival curve is, as ``report.json`` holds it."""

from __future__ import annotations

from typing import Literal

import msgspec

from heartapp.inference.report import Bin, Protocol, Spread


class HorizonCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration of the risk by one day, on all test patients together, weighted for those who left before.

    ``slope`` is that of a logistic recalibration, ``slope_sd`` its standard deviation over the splits taken one by
    one; ``intercept`` is the observed minus the expected share of deaths.
    """

    day: int
    slope: float
    slope_sd: float
    intercept: float
    bins: list[Bin]


class GoalResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure held against what was to be reached: within ``goal``, or within the narrower ``stretch``."""

    figure: str
    value: float
    goal: tuple[float, float]
    stretch: tuple[float, float]
    reached: Literal["stretch", "goal", "missed"]


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
