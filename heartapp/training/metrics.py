"""Performance figures: pure functions of outcomes and risks.

Terms as in TRIPOD+AI (Collins et al., BMJ 2024) and Van Calster et al. (BMC Medicine 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    matthews_corrcoef,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from heartapp.inference.report import Bin, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS: Final = 10
CURVE_POINTS: Final = 51
_DIGITS: Final = 6


def classification_metrics(
    outcome: NDArray[np.int64], risk: NDArray[np.floating], threshold: float
) -> dict[str, float]:
    """Discrimination, accuracy of the risk, and accuracy of the class at the threshold; arguments of shape (n,)."""
    predicted = (risk >= threshold).astype(np.int64)
    true_negative, false_positive, false_negative, true_positive = confusion_matrix(
        outcome, predicted, labels=[0, 1]
    ).ravel()
    return {
        "roc_auc": float(roc_auc_score(outcome, risk)),
        "pr_auc": float(average_precision_score(outcome, risk)),
        "brier": float(brier_score_loss(outcome, risk)),
        "mcc": float(matthews_corrcoef(outcome, predicted)),
        "sensitivity": float(true_positive / (true_positive + false_negative)),
        "specificity": float(true_negative / (true_negative + false_positive)),
    }


def net_benefit(outcome: NDArray[np.int64], risk: NDArray[np.floating], threshold: float) -> float:
    """True positives less false positives weighted by the odds of the threshold, a patient (Vickers and Elkin 2006)."""
    positive = risk >= threshold
    hits, false_alarms = (positive & (outcome == 1)).mean(), (positive & (outcome == 0)).mean()
    return float(hits - false_alarms * threshold / (1 - threshold))


def recalibration(risk: NDArray[np.float64], outcome: NDArray[np.int64]) -> tuple[float, float]:
    """Calibration slope, and calibration-in-the-large as observed minus expected share of deaths."""
    held = np.clip(risk, 1e-6, 1 - 1e-6)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(np.log(held / (1 - held))[:, None], outcome)
    return rounded(model.coef_[0, 0]), rounded(outcome.mean() - risk.mean())


def calibration_bins(risk: NDArray[np.float64], outcome: NDArray[np.int64]) -> list[Bin]:
    """Ten groups of equal size by predicted risk."""
    order = np.argsort(risk, kind="stable")
    return [
        Bin(len(part), rounded(risk[part].mean()), rounded(outcome[part].mean()))
        for part in np.array_split(order, BINS)
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance between risk and share of deaths, weighted by the patients of each bin."""
    patients = sum(one.patients for one in bins)
    return rounded(sum(one.patients * abs(one.risk - one.deaths) for one in bins) / patients)


def roc_points(outcome: NDArray[np.int64], risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """False positive rate and sensitivity at evenly spaced false positive rates."""
    false_positive, true_positive, _ = roc_curve(outcome, risk)
    rates = np.linspace(0, 1, CURVE_POINTS)
    return [
        (rounded(x), rounded(y)) for x, y in zip(rates, np.interp(rates, false_positive, true_positive), strict=True)
    ]


def precision_recall_points(outcome: NDArray[np.int64], risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Recall (sensitivity) and precision at evenly spaced recalls."""
    precision, recall, _ = precision_recall_curve(outcome, risk)
    recalls = np.linspace(0, 1, CURVE_POINTS)
    at = np.interp(recalls, recall[::-1], precision[::-1])
    return [(rounded(x), rounded(y)) for x, y in zip(recalls, at, strict=True)]


def spreads(rows: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Each figure's spread over the splits in which it is defined."""
    return {name: _spread([row[name] for row in rows]) for name in rows[0]}


def _spread(values: Sequence[float]) -> Spread:
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Spread(*map(rounded, (np.nanmean(values), np.nanstd(values, ddof=1), low, high)))


def rounded(value: float | np.floating) -> float:
    """Six decimals: further ones are noise and differ between processors."""
    return round(float(value), _DIGITS)
