"""How good a recipe is, on patients that nothing in it has seen.

The protocol: many stratified splits; on each, the whole recipe (tuning, calibration, threshold) is fitted on the
training side and judged on the test side. Terms as in TRIPOD+AI (Collins et al., BMJ 2024) and Van Calster et al.
(BMC Medicine 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedShuffleSplit
from tqdm import tqdm

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.report import Bin, Evaluation, Protocol, Spread
from heartapp.training.comparators import COMPARATORS
from heartapp.training.recipe import fit_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPLITS: Final = 100
TEST_PATIENTS: Final = 60
SEED: Final = 20260101
BINS: Final = 10
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class _Split:
    """What one split's test side was told, in the order of its patients."""

    outcome: NDArray[np.int64]
    risk: NDArray[np.float64]
    threshold: float
    members: NDArray[np.float32]
    comparators: dict[str, NDArray[np.float64]]


def evaluate(
    features: NDArray[np.float32], outcome: NDArray[np.int64], names: Sequence[str], *, seed: int, splits: int = SPLITS
) -> Evaluation:
    """Run the protocol on all processors, with a progress bar.

    Args:
        features: shape (n, variables), in the order of ``names``.
        outcome: shape (n,), 1 = died.
        names: the variables, by which the comparators find theirs.
        seed: of the recipe; the splits have their own.
        splits: how many splits.
    """
    test_patients = min(TEST_PATIENTS, len(outcome) // 4)
    splitter = StratifiedShuffleSplit(n_splits=splits, test_size=test_patients, random_state=SEED)
    jobs = (
        delayed(_judge)(features, outcome, names, train, test, seed)
        for train, test in splitter.split(features, outcome)
    )
    results: list[_Split] = list(
        tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=splits, desc="evaluating", unit="split")
    )
    risk, died = np.concatenate([one.risk for one in results]), np.concatenate([one.outcome for one in results])
    slope, intercept = _recalibration(risk, died)
    bins = _bins(risk, died)
    return Evaluation(
        protocol=Protocol("StratifiedShuffleSplit", splits, test_patients, SEED),
        metrics=_spreads([_metrics(one.outcome, one.risk, one.threshold) for one in results]),
        members={
            name: _spreads([_metrics(one.outcome, one.members[:, column], 0.5) for one in results])
            for column, name in enumerate(MEMBERS)
        },
        comparators={
            name: _spreads([_metrics(one.outcome, one.comparators[name], one.threshold) for one in results])
            for name in COMPARATORS
        },
        calibration_slope=slope,
        calibration_intercept=intercept,
        expected_calibration_error=round(
            sum(one.patients * abs(one.risk - one.deaths) for one in bins) / len(died), _DIGITS
        ),
        calibration_bins=bins,
    )


def _judge(
    features: NDArray[np.float32],
    outcome: NDArray[np.int64],
    names: Sequence[str],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    seed: int,
) -> _Split:
    fitted = fit_recipe(features[train], outcome[train], seed)
    return _Split(
        outcome=outcome[test],
        risk=fitted.risk(features[test]),
        threshold=fitted.threshold,
        members=fitted.probabilities(features[test]),
        comparators={
            name: make(names).fit(features[train], outcome[train]).predict_proba(features[test])[:, 1]
            for name, make in COMPARATORS.items()
        },
    )


def _metrics(outcome: NDArray[np.int64], risk: NDArray[np.floating], threshold: float) -> dict[str, float]:
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


def _spreads(rows: Sequence[dict[str, float]]) -> dict[str, Spread]:
    spreads = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        low, high = np.percentile(values, [2.5, 97.5])
        figures = (values.mean(), values.std(ddof=1), low, high)
        spreads[name] = Spread(*(round(float(figure), _DIGITS) for figure in figures))
    return spreads


def _recalibration(risk: NDArray[np.float64], outcome: NDArray[np.int64]) -> tuple[float, float]:
    """Calibration slope, and calibration-in-the-large as observed minus expected share of deaths."""
    held = np.clip(risk, 1e-6, 1 - 1e-6)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(np.log(held / (1 - held))[:, None], outcome)
    return round(float(model.coef_[0, 0]), _DIGITS), round(float(outcome.mean() - risk.mean()), _DIGITS)


def _bins(risk: NDArray[np.float64], outcome: NDArray[np.int64]) -> list[Bin]:
    """Ten groups of equal size by predicted risk."""
    order = np.argsort(risk, kind="stable")
    return [
        Bin(len(part), round(float(risk[part].mean()), _DIGITS), round(float(outcome[part].mean()), _DIGITS))
        for part in np.array_split(order, BINS)
    ]
