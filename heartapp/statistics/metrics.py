"""Performance figures and their intervals: pure functions of outcomes and risks.

Terms as in TRIPOD+AI (Collins et al., BMJ 2024) and Van Calster et al. (BMC Medicine 2019). Weights are those of the
predictions: censoring weights, times how often a bootstrap sample holds the patient.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, matthews_corrcoef, recall_score, roc_auc_score

from heartapp.inference.report import Bin, Estimate, Spread

Floats = NDArray[np.float64]

BINS: Final = 10
DECISION_THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(1, 13))
"""Of decision curves."""
MIDDLE: Final = (2.5, 97.5)
"""The percentiles between which an interval lies."""
_DIGITS: Final = 6
_BLOCK: Final = 256


def classification_metrics(
    outcome: NDArray[np.int64], risk: NDArray[np.floating], threshold: float | NDArray[np.float64]
) -> dict[str, float]:
    """Discrimination, and the class at the threshold, of patients of shape (n,)."""
    predicted = (risk >= threshold).astype(np.int64)
    return {
        "roc_auc": float(roc_auc_score(outcome, risk)),
        "pr_auc": float(average_precision_score(outcome, risk)),
        "mcc": float(matthews_corrcoef(outcome, predicted)),
        "sensitivity": float(recall_score(outcome, predicted)),
        "specificity": float(recall_score(outcome, predicted, pos_label=0)),
    }


def weighted_auc(dead: NDArray[np.bool_], risk: Floats, weight: Floats) -> float:
    """Area under the ROC curve; by a day, with censoring weights, the time-dependent AUC of Uno et al. (2007).

    NaN where only one outcome has weight.
    """
    if _one_outcome(dead, weight):
        return float("nan")
    return float(roc_auc_score(dead, risk, sample_weight=weight))


def weighted_brier(dead: NDArray[np.bool_], risk: NDArray[np.floating], weight: Floats) -> float:
    """The mean squared error of the risk; by a day, with censoring weights, that of Graf et al. (1999)."""
    return float(np.average((risk - dead) ** 2, weights=weight))


def calibration_slope(dead: NDArray[np.bool_], risk: Floats, weight: Floats) -> float:
    """The slope of a logistic recalibration; NaN where only one outcome has weight."""
    if _one_outcome(dead, weight):
        return float("nan")
    held = np.clip(risk, 1e-6, 1 - 1e-6)
    # The trace of a penalty changes no digit that is shown, and keeps the slope finite where a sample separates.
    model = LogisticRegression(C=1_000, tol=1e-8, max_iter=1_000, solver="newton-cholesky")
    return float(model.fit(np.log(held / (1 - held))[:, None], dead, sample_weight=weight).coef_[0, 0])


def _one_outcome(dead: NDArray[np.bool_], weight: Floats) -> bool:
    return not (weight[dead].any() and weight[~dead].any())


def concordance(
    time: Floats, died: NDArray[np.int64], risk: Floats, weight: Floats, *, last_day: float = np.inf
) -> float:
    """How often, of two patients, the one who died first had the greater risk; ties of the risk count half.

    Harrell's C with weights of one. Uno's C (2011) with one over the squared share still followed just before the day.

    Args:
        time: the last day, shape (n,); who was lost on another's day of death outlived that one.
        died: 1 = died on that day.
        risk: shape (n,).
        weight: of the pairs that the patient's death decides, shape (n,).
        last_day: later deaths do not count.
    """
    pairs = np.where(time <= last_day, weight, 0)[None]
    return float(concordance_each(time, died, risk, np.ones((1, len(time))), pairs)[0])


def concordance_each(time: Floats, died: NDArray[np.int64], risk: Floats, counts: Floats, pairs: Floats) -> Floats:
    """`concordance` in each bootstrap sample.

    Args:
        time: as in `concordance`.
        died: the same.
        risk: the same.
        counts: how often each sample holds each patient, shape (samples, n).
        pairs: weights of the pairs that a patient's death decides, times counts, shape (samples, n).

    Returns:
        Shape (samples,); NaN where there is no pair.
    """
    deaths = np.flatnonzero((died == 1) & (pairs[0] > 0))
    right, total = np.zeros(len(counts)), np.zeros(len(counts))
    # A block of deaths at a time, so that memory does not grow with the square of the patients.
    for first in np.array_split(deaths, len(deaths) // _BLOCK + 1):
        outlived = ((time[first, None] < time) | ((time[first, None] == time) & (died == 0))).astype(np.float64)
        greater = np.where(risk[first, None] == risk, 0.5, risk[first, None] > risk)
        right += (pairs[:, first] * (counts @ (outlived * greater).T)).sum(axis=1)
        total += (pairs[:, first] * (counts @ outlived.T)).sum(axis=1)
    return right / np.where(total, total, np.nan)


def net_gain(dead: NDArray[np.bool_], risk: Floats, threshold: float) -> Floats:
    """What each patient adds to the net benefit (Vickers and Elkin 2006), shape (n,).

    A true positive adds one, and a false positive takes the odds of the threshold.
    """
    return np.where(risk < threshold, 0, np.where(dead, 1.0, -threshold / (1 - threshold)))


def calibration_bins(dead: NDArray[np.bool_], risk: Floats, weights: Floats) -> list[Bin]:
    """Ten groups of equal size by predicted risk.

    Args:
        dead: shape (n,).
        risk: shape (n,).
        weights: as `mean` takes them; predictions without weight are left out.
    """
    known = np.flatnonzero(weights[0])
    order = known[np.argsort(risk[known], kind="stable")]
    return [
        Bin(len(part), mean(risk[part], weights[:, part]).value, mean(dead[part], weights[:, part]))
        for part in np.array_split(order, BINS)
    ]


def draw_counts(patients: int, samples: int, seed: int) -> Floats:
    """How often bootstrap samples hold each patient, shape (1 + samples, patients); the first row is ones."""
    drawn = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=samples)
    return np.vstack([np.ones(patients), drawn])


def mean(values: NDArray[np.floating | np.bool_], weights: Floats) -> Estimate:
    """A weighted mean with its bootstrap interval.

    Args:
        values: shape (n,).
        weights: shape (1 + samples, n): of the cohort first, then of each bootstrap sample.
    """
    total = weights.sum(axis=1)
    return interval(weights @ values.astype(np.float64) / np.where(total, total, np.nan))


def estimate(figure: Callable[[Floats], float], weights: Floats) -> Estimate:
    """Any figure of the weights with its bootstrap interval; ``weights`` as `mean` takes them."""
    return interval(np.array([figure(weight) for weight in weights]))


def interval(values: Floats) -> Estimate:
    """The first value, and the middle of the others; samples without a value do not count."""
    return Estimate(*map(rounded, (values[0], *np.nanpercentile(values[1:], MIDDLE))))


def spreads(rows: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Each figure's spread over the splits in which it is defined."""
    return {name: _spread([row[name] for row in rows]) for name in rows[0]}


def _spread(values: Sequence[float]) -> Spread:
    low, high = np.nanpercentile(values, MIDDLE)
    return Spread(*map(rounded, (np.nanmean(values), np.nanstd(values, ddof=1), low, high)))


def paired_differences(
    ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]], ratio: float
) -> dict[str, Estimate]:
    """Each figure's mean difference over the splits, with the corrected interval of Nadeau and Bengio (2003).

    Splits overlap, so differences are correlated; the correction adds the ``ratio`` of test to training patients to
    the variance's factor.
    """
    return {
        name: _difference(np.array([one[name] - other[name] for one, other in zip(ours, theirs, strict=True)]), ratio)
        for name in ours[0]
    }


def _difference(values: Floats, ratio: float) -> Estimate:
    count = np.count_nonzero(~np.isnan(values))
    middle, variance = np.nanmean(values), np.nanvar(values, ddof=1)
    reach = t.ppf(MIDDLE[1] / 100, count - 1) * np.sqrt((1 / count + ratio) * variance)
    return Estimate(*map(rounded, (middle, middle - reach, middle + reach)))


def rounded(value: float | np.floating) -> float:
    """Six decimals: further ones are noise and differ between processors."""
    return round(float(value), _DIGITS)
