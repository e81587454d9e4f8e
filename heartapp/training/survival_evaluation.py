"""Protocol P2: how good the survival curve is on patients that it has not seen.

The splits are those of the members' evaluation. Patients who left alive before a day are accounted for by inverse
probability of censoring weights, estimated on the training side (Graf et al. 1999; Uno et al. 2007 and 2011).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from lifelines import KaplanMeierFitter
from lifelines.utils import concordance_index
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit
from tqdm import tqdm

from heartapp.errors import DataError
from heartapp.inference.report import Bin, HorizonCalibration, Protocol, SurvivalEvaluation
from heartapp.inference.survival import DEFAULT_HORIZONS, FIRST_DAY, LAST_DAY, SurvivalModel
from heartapp.training.defaults import SPLIT_SEED, SPLITS
from heartapp.training.evaluation import TEST_PATIENTS
from heartapp.training.goals import SURVIVAL_GOALS, judge
from heartapp.training.metrics import BINS, rounded, spreads
from heartapp.training.survival import fit_survival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.survival import Patients

LAST_JUDGED: Final = 240
"""The integrated Brier score and Uno's C end on this day, or on the day before a split's follow-up ends."""
_GRID_STEP: Final = 5


@dataclass(frozen=True, slots=True)
class _Split:
    """The predictions for one split's test side. Risk, death and weight have shape (patients, horizons)."""

    metrics: dict[str, float]
    null: dict[str, float]
    risk: NDArray[np.float64]
    dead: NDArray[np.bool_]
    weight: NDArray[np.float64]
    penalty: float


def evaluate_survival(
    patients: Patients, *, seed: int, splits: int = SPLITS, split_seed: int = SPLIT_SEED
) -> SurvivalEvaluation:
    """Run the protocol on all processors, with a progress bar.

    Args:
        patients: in the order of the file.
        seed: of the recipe.
        splits: how many splits, at least two.
        split_seed: of the splits.

    Raises:
        DataError: a split's follow-up ends before the last day of the curve.
    """
    test_patients = min(TEST_PATIENTS, len(patients.died) // 4)
    splitter = StratifiedShuffleSplit(n_splits=splits, test_size=test_patients, random_state=split_seed)
    sides = [
        (patients.part(train), patients.part(test)) for train, test in splitter.split(patients.rows, patients.died)
    ]
    days = _judged_days([train for train, _ in sides])
    jobs = (delayed(_judge)(train, test, days, seed) for train, test in sides)
    results: list[_Split] = list(
        tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=splits, desc="judging curves", unit="split")
    )
    metrics = spreads([one.metrics for one in results])
    calibration = [_calibration(results, index, day) for index, day in enumerate(DEFAULT_HORIZONS)]
    figures = {name: spread.mean for name, spread in metrics.items()}
    figures |= {f"calibration_slope_{horizon.day}": horizon.slope for horizon in calibration}
    return SurvivalEvaluation(
        protocol=Protocol("StratifiedShuffleSplit", splits, test_patients, split_seed),
        last_day=int(days[-1]),
        metrics=metrics,
        null=spreads([one.null for one in results]),
        calibration=calibration,
        goals=judge(SURVIVAL_GOALS, figures),
        penalties={f"{penalty:g}": count for penalty, count in sorted(Counter(one.penalty for one in results).items())},
    )


def _judged_days(training_sides: Sequence[Patients]) -> NDArray[np.int64]:
    """The days of the evaluation: up to `LAST_JUDGED`, while every training side still follows someone."""
    followed = int(min(side.time.max() for side in training_sides))
    if followed <= LAST_DAY:
        raise DataError(f"column time: too few patients were followed beyond day {LAST_DAY} to evaluate the curve")
    return np.arange(FIRST_DAY, min(LAST_JUDGED, followed - 1) + 1)


def _judge(train: Patients, test: Patients, days: NDArray[np.int64], seed: int) -> _Split:
    fitted = fit_survival(train, seed=seed)
    # The curve as it is served, on its grid, only longer.
    grid = [*range(FIRST_DAY, days[-1], _GRID_STEP), int(days[-1])]
    risk = SurvivalModel(fitted.parameters(grid), test.names).risk(test.rows, days.tolist())
    dead, weight = censoring_weights(train, test, days)
    null = np.broadcast_to(1 - _kaplan_meier(train.time, train.died, days), risk.shape)
    # Hazards are proportional, so the order of patients is the same on every day.
    order = risk[:, LAST_DAY - FIRST_DAY]
    at = np.subtract(DEFAULT_HORIZONS, FIRST_DAY)
    return _Split(
        metrics={
            "harrell_c": float(concordance_index(test.time, -order, test.died)),
            "uno_c": uno_concordance(train, test, order, int(days[-1])),
            **brier_scores(risk, dead, weight, days),
            **{
                f"auc_{day}": float(roc_auc_score(dead[:, index], risk[:, index], sample_weight=weight[:, index]))
                for day, index in zip(DEFAULT_HORIZONS, at, strict=True)
            },
        },
        null=brier_scores(null, dead, weight, days),
        risk=risk[:, at],
        dead=dead[:, at],
        weight=weight[:, at],
        penalty=fitted.penalty,
    )


def censoring_weights(
    train: Patients, test: Patients, days: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which test patients had died by each day, and each patient's weight; both of shape (n, days).

    Patients who had left by then have no weight; those still followed stand for them too. The share still followed is
    estimated on the training side, whose follow-up must reach beyond the last of the days, which are ascending.
    """
    by_then = test.time[:, None] <= days
    dead = by_then & (test.died == 1)[:, None]
    # Just before the death: patients who left on that day had been followed until then.
    at_death = 1 / _followed(train, np.nextafter(np.minimum(test.time, days[-1]), 0))
    at_day = 1 / _followed(train, days)
    return dead, np.where(dead, at_death[:, None], np.where(by_then, 0.0, at_day))


def uno_concordance(train: Patients, test: Patients, risk: NDArray[np.float64], last_day: int) -> float:
    """Uno's C (2011): how often the one of two patients who died first had the greater risk; ties count half.

    Weights make up for the pairs that were lost because a patient had left.

    Args:
        train: the share still followed is estimated on them; their follow-up reaches beyond the last day.
        test: the patients with the risk.
        risk: shape (n,).
        last_day: deaths from this day on do not count.
    """
    first = np.flatnonzero((test.died == 1) & (test.time < last_day))
    pairs = test.time[first, None] < test.time
    right = (risk[first, None] > risk) + 0.5 * (risk[first, None] == risk)
    weight = pairs / _followed(train, np.nextafter(test.time[first], 0))[:, None] ** 2
    return float((weight * right).sum() / weight.sum())


def _followed(patients: Patients, days: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
    """The share of patients still followed on each day if nobody died: the Kaplan-Meier estimate of leaving."""
    return _kaplan_meier(patients.time, 1 - patients.died, days)


def _kaplan_meier(
    time: NDArray[np.float64], event: NDArray[np.int64], days: NDArray[np.floating | np.integer]
) -> NDArray[np.float64]:
    share: NDArray[np.float64] = KaplanMeierFitter().fit(time, event).survival_function_at_times(days).to_numpy()
    return share


def brier_scores(
    risk: NDArray[np.float64], dead: NDArray[np.bool_], weight: NDArray[np.float64], days: NDArray[np.int64]
) -> dict[str, float]:
    """The weighted Brier score at each default horizon, and integrated over the days; arguments are (n, days)."""
    scores = (weight * (risk - dead) ** 2).mean(axis=0)
    return {
        "integrated_brier": float(np.trapezoid(scores, days) / (days[-1] - days[0])),
        **{f"brier_{day}": float(scores[day - days[0]]) for day in DEFAULT_HORIZONS},
    }


def _calibration(results: Sequence[_Split], index: int, day: int) -> HorizonCalibration:
    """Calibration at the horizon of this index."""
    sides = [_known(one.risk[:, index], one.dead[:, index], one.weight[:, index]) for one in results]
    risk, dead, weight = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    order = np.argsort(risk, kind="stable")
    return HorizonCalibration(
        day=day,
        slope=rounded(_slope(risk, dead, weight)),
        slope_sd=rounded(np.nanstd([_slope(*side) for side in sides], ddof=1)),
        intercept=rounded(np.average(dead, weights=weight) - np.average(risk, weights=weight)),
        bins=[
            Bin(
                len(part),
                rounded(np.average(risk[part], weights=weight[part])),
                rounded(np.average(dead[part], weights=weight[part])),
            )
            for part in np.array_split(order, BINS)
        ],
    )


def _known(
    risk: NDArray[np.float64], dead: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Leave out the patients who had left alive."""
    counts = weight > 0
    return risk[counts], dead[counts], weight[counts]


def _slope(risk: NDArray[np.float64], dead: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """The calibration slope; NaN if all are dead or none is."""
    if dead.all() or not dead.any():
        return float("nan")
    held = np.clip(risk, 1e-6, 1 - 1e-6)
    # The small penalty changes no printed digit, and keeps the slope finite if a small side is separated.
    model = LogisticRegression(C=1_000, tol=1e-10, max_iter=1_000)
    return float(model.fit(np.log(held / (1 - held))[:, None], dead, sample_weight=weight).coef_[0, 0])
