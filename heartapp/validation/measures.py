"""The figures of a validation, each with the middle 95 % of its values in bootstrap samples of the patients.

Terms as in TRIPOD+AI (Collins et al. 2024) and Van Calster et al. (2019). A `Figure` has shape (samples,), the cohort
first. Where there are times, patients who were lost before the horizon count by inverse probability of censoring
weights, learned anew in each sample.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.inference.report import Estimate, NetBenefit
from heartapp.statistics.metrics import (
    DECISION_THRESHOLDS,
    calibration_slope,
    concordance_each,
    estimate,
    interval,
    mean,
    net_gain,
    weighted_brier,
)
from heartapp.statistics.regression import calibration_intercept, smooth_calibration
from heartapp.validation.cohort import Cohort
from heartapp.validation.result import Calibration, CurvePoint, Discrimination, Subgroup
from heartapp.validation.samples import Floats, Samples

Figure = Callable[[Samples], Floats]
Watch = Callable[[Floats], Iterable[Floats]]

CURVE_POINTS: Final = 40
CURVE_RANGE: Final = (1, 99)
"""The percentiles of the risk between which the curve is drawn."""
AGES: Final = (65, 80)
"""Where groups by age begin."""
HISTOGRAM: Final = np.linspace(0, 1, 21)
_FEWEST: Final = 5


def auc(samples: Samples) -> Floats:
    """The area under the ROC curve; by the horizon where there are times (Uno et al. 2007)."""
    # It is the concordance of patients who are dead at 0 or alive at 1.
    dead, weights = samples.dead.astype(np.int64), samples.weights
    return concordance_each((1 - dead).astype(np.float64), dead, samples.risk, weights, weights)


def observed(samples: Samples) -> Floats:
    """The share that died by the horizon: one minus the Kaplan-Meier estimate where there are times."""
    share: Floats = samples.weights @ samples.dead / samples.counts.sum(axis=1)
    return share


def observed_expected(samples: Samples) -> Floats:
    """The ratio of the deaths by the horizon to the sum of the risks."""
    ratio: Floats = samples.weights @ samples.dead / (samples.counts @ samples.risk)
    return ratio


def gain(thresholds: Sequence[float]) -> Figure:
    """The net benefit above that of treating everyone or no one, on average over some thresholds."""

    def gains(samples: Samples) -> Floats:
        total, everyone = samples.weights.sum(axis=1), np.ones(len(samples.risk))
        benefits = [
            [samples.weights @ net_gain(samples.dead, risk, threshold) / total for risk in (samples.risk, everyone)]
            for threshold in thresholds
        ]
        gained: Floats = np.mean([model - np.maximum(treat_all, 0) for model, treat_all in benefits], axis=0)
        return gained

    return gains


def _each(figure: Callable[[NDArray[np.bool_], Floats, Floats], float]) -> Figure:
    """A figure of outcome, risk and weights in each sample."""
    return lambda samples: np.array([figure(samples.dead, samples.risk, weight) for weight in samples.weights])


FIGURES: Final[dict[str, Figure]] = {
    "auc": auc,
    "observed_expected": observed_expected,
    "intercept": _each(calibration_intercept),
    "slope": _each(calibration_slope),
    "brier": _each(weighted_brier),
}
"""What an update compares before and after."""


def discrimination(samples: Samples) -> Discrimination:
    """How well the patients are ordered by their risk."""
    area = interval(auc(samples))
    if samples.time is None:
        return Discrimination(area, None, None)
    harrell, uno = (
        interval(concordance_each(samples.time, samples.died, samples.risk, samples.counts, pairs))
        for pairs in (samples.counts, samples.pairs)
    )
    return Discrimination(area, harrell, uno)


def calibration(samples: Samples, watch: Watch) -> Calibration:
    """How far the risks are from what happened; ``watch`` is as `heartapp.validation.validate.validate` takes it."""
    risk, counts = samples.risk, samples.counts
    first, last = np.percentile(risk, CURVE_RANGE).tolist()
    at = np.append(risk, np.linspace(first, last, CURVE_POINTS))
    smooth = np.array([smooth_calibration(samples.dead, risk, weight, at) for weight in watch(samples.weights)])
    distance = np.abs(smooth[:, : len(risk)] - risk)
    points = zip(at[len(risk) :].tolist(), smooth.T[len(risk) :], strict=True)
    return Calibration(
        observed=interval(observed(samples)),
        expected=mean(risk, counts),
        integrated_index=interval((distance * counts).sum(axis=1) / counts.sum(axis=1)),
        curve=[CurvePoint(place, interval(values)) for place, values in points],
        **{name: interval(FIGURES[name](samples)) for name in ("observed_expected", "intercept", "slope")},
    )


def brier(samples: Samples) -> tuple[Estimate, Estimate]:
    """The Brier score, and what it gains on a risk that is the same for all, as a share: the scaled one."""

    def scaled(weight: Floats) -> float:
        same = np.full(len(weight), np.average(samples.dead, weights=weight))
        worst = weighted_brier(samples.dead, same, weight)
        return 1 - weighted_brier(samples.dead, samples.risk, weight) / worst if worst else float("nan")

    return interval(FIGURES["brier"](samples)), estimate(scaled, samples.weights)


def net_benefit(samples: Samples, regression: Floats) -> list[NetBenefit]:
    """The decision curve of the model, of treating everyone, and of a regression's risk, shape (n,)."""
    risks = (samples.risk, regression, np.ones(len(samples.risk)))
    return [
        NetBenefit(threshold, *(mean(net_gain(samples.dead, risk, threshold), samples.weights) for risk in risks))
        for threshold in DECISION_THRESHOLDS
    ]


def subgroups(samples: Samples, cohort: Cohort) -> list[Subgroup]:
    """By sex and by age, where at least a few died and a few did not."""
    sex, age = cohort.column("sex"), cohort.column("age")
    first, second = AGES
    groups = {
        "women": sex == 0,
        "men": sex == 1,
        f"under {first}": age < first,
        f"{first} to {second - 1}": (age >= first) & (age < second),
        f"{second} or more": age >= second,
    }
    return [_subgroup(name, samples.part(inside)) for name, inside in groups.items() if _enough(samples.part(inside))]


def _enough(samples: Samples) -> bool:
    known = samples.weights[0] > 0
    deaths = int(samples.dead[known].sum())
    return min(deaths, int(known.sum()) - deaths) >= _FEWEST


def _subgroup(name: str, samples: Samples) -> Subgroup:
    return Subgroup(
        name=name,
        patients=len(samples.risk),
        events=int(samples.dead.sum()),
        auc=interval(auc(samples)),
        observed_expected=interval(observed_expected(samples)),
    )


def histogram(samples: Samples) -> list[tuple[int, int]]:
    """How many patients have a risk in each step of `HISTOGRAM`: of those who survived the horizon, and who died."""
    alive: NDArray[np.int64] = np.histogram(samples.risk[~samples.dead], HISTOGRAM)[0]
    dead: NDArray[np.int64] = np.histogram(samples.risk[samples.dead], HISTOGRAM)[0]
    return list(zip(alive.tolist(), dead.tolist(), strict=True))
