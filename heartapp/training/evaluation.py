"""Protocol P1: how good a recipe is on patients that it has not seen.

In each of many stratified splits, the whole recipe (members, calibration, threshold, curve) is fitted to the training
side and measured on the test side. A dated risk is judged at its horizon, and patients who left before count by inverse
probability of censoring weights, which the training side gives.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_predict
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.inference.report import CalibrationReport, Evaluation, NetBenefit, Protocol, Subgroup
from heartapp.statistics.metrics import (
    DECISION_THRESHOLDS,
    calibration_bins,
    calibration_slope,
    classification_metrics,
    concordance,
    draw_counts,
    estimate,
    mean,
    net_gain,
    paired_differences,
    spreads,
    weighted_auc,
    weighted_brier,
)
from heartapp.statistics.regression import spline_regression
from heartapp.training.cohort import TIME, Cohort, Sample
from heartapp.training.defaults import BOOTSTRAPS, SPLIT_SEED, SPLITS_A_SEED
from heartapp.training.goals import GOALS, judge
from heartapp.training.recipe import FOLDS, Recipe, dead_by, make_folds

Sides = tuple[NDArray[np.int64], NDArray[np.int64]]

TEST_PATIENTS: Final = 60
EARLIER_DAY: Final = 90
"""A dated risk is judged on this day too."""


@dataclass(frozen=True, slots=True)
class _Predictions:
    """The predictions for the n test patients of one split or of all, by their row numbers ``test``.

    ``risk`` is the model's on each of ``days``, the horizon last, ``dead`` who had died by then and ``weight`` the
    censoring weights, all of shape (days, n). The one day of an undated risk is None, and every patient counts.
    ``threshold`` and ``comparator`` have shape (n,), the ``members``' probabilities have shape (3, n).
    """

    days: tuple[int | None, ...]
    test: NDArray[np.int64]
    risk: NDArray[np.float64]
    dead: NDArray[np.bool_]
    weight: NDArray[np.float64]
    threshold: NDArray[np.float64]
    members: NDArray[np.float32]
    comparator: NDArray[np.float64]


def _join(splits: Sequence[_Predictions]) -> _Predictions:
    days, *arrays = zip(*map(astuple, splits), strict=True)
    return _Predictions(days[0], *(np.concatenate(one, axis=-1) for one in arrays))


def evaluate(cohort: Cohort, model: str, *, seed: int, splits: int, split_seed: int = SPLIT_SEED) -> Evaluation:
    """Run the protocol on all processors, with a progress bar.

    Args:
        cohort: the patients, in the order of the file.
        model: the model to evaluate.
        seed: of the recipe.
        splits: how many splits.
        split_seed: of the first `SPLITS_A_SEED` splits; the next ones have the next seeds.
    """
    recipe, sample, outcome = Recipe.of_cohort(model, seed, cohort), cohort.sample(model), cohort.outcome
    test_patients = min(TEST_PATIENTS, len(outcome) // 4)
    seeds = [split_seed + block for block in range(-(-splits // SPLITS_A_SEED))]
    results = _run(recipe, sample, _split(outcome, test_patients, seeds)[:splits])
    ours = [_metrics(cohort, one, one.risk[-1]) for one in results]
    theirs = [_metrics(cohort, one, one.comparator) for one in results]
    metrics, days = spreads(ours), results[0].days
    pool = _join(results)
    weights = pool.weight[:, None] * draw_counts(len(outcome), BOOTSTRAPS, split_seed)[:, pool.test]
    calibration = [_calibration(*of_day) for of_day in zip(days, pool.dead, pool.risk, weights, strict=True)]
    figures = {figure: spread.mean for figure, spread in metrics.items()} | {
        f"slope_{one.day}": one.slope.value for one in calibration
    }
    return Evaluation(
        protocol=Protocol("StratifiedShuffleSplit", splits, test_patients, seeds, BOOTSTRAPS),
        horizon=days[-1],
        metrics=metrics,
        members={
            member: spreads([_of_member(outcome[one.test], one.members[place]) for one in results])
            for place, member in enumerate(MEMBERS)
        },
        comparator=spreads(theirs),
        difference=paired_differences(ours, theirs, test_patients / (len(outcome) - test_patients)),
        calibration=calibration,
        decision_curve=_decide(pool, weights[-1]),
        subgroups=_subgroups(cohort, pool, weights[-1]),
        goals=judge(GOALS[model], figures, splits),
    )


def _split(outcome: NDArray[np.int64], test_patients: int, seeds: Iterable[int]) -> list[Sides]:
    """Training and test rows of the splits of all seeds."""
    return [
        sides
        for seed in seeds
        for sides in StratifiedShuffleSplit(SPLITS_A_SEED, test_size=test_patients, random_state=seed).split(
            outcome, outcome
        )
    ]


def _run(recipe: Recipe, sample: Sample, sides: Sequence[Sides]) -> list[_Predictions]:
    """The predictions of each split."""
    jobs = (delayed(_judge)(recipe, sample, *split) for split in sides)
    done = Parallel(n_jobs=-1, return_as="generator")(jobs)
    return list(tqdm(done, total=len(sides), desc="evaluating", unit="split"))


def _judge(recipe: Recipe, sample: Sample, train: NDArray[np.int64], test: NDArray[np.int64]) -> _Predictions:
    """Fit recipe and comparator to the training side, and predict for the test side."""
    training, tested = sample.part(train), sample.part(test)
    fitted = recipe.fit(training)
    risk, horizon = fitted.risk(tested.features), fitted.horizon
    days = (horizon,) if horizon is None or horizon <= EARLIER_DAY else (EARLIER_DAY, horizon)
    known = [dead_by(day, training, tested) for day in days]
    return _Predictions(
        days=days,
        test=test,
        risk=np.array([risk if day is None or fitted.curve is None else fitted.curve.risk(risk, day) for day in days]),
        dead=np.array([dead == 1 for dead, _ in known]),
        weight=np.array([weight for _, weight in known]),
        threshold=np.full(len(test), fitted.threshold),
        members=fitted.probabilities(tested.features).T,
        comparator=_compare(recipe, training, tested),
    )


def fit_comparator(recipe: Recipe, training: Sample) -> tuple[Pipeline, Calibration]:
    """The plain regression and, if dated, its calibration, which is made as that of the members' median."""
    regression, features, outcome = spline_regression(recipe.names), training.features, training.outcome
    regression.fit(features, outcome)
    if recipe.horizon is None:
        return regression, Calibration(1.0, 0.0)
    folds = make_folds(FOLDS, training, recipe.seed)
    held_out = cross_val_predict(regression, features, outcome, cv=folds, method="predict_proba")[:, 1]
    return regression, recipe.calibrate(held_out, training)


def _compare(recipe: Recipe, training: Sample, tested: Sample) -> NDArray[np.float64]:
    """The test side's risks, shape (n,), by the plain regression."""
    regression, calibration = fit_comparator(recipe, training)
    risk: NDArray[np.float64] = regression.predict_proba(tested.features)[:, 1]
    return risk if recipe.horizon is None else calibration.transform(risk)


def _metrics(cohort: Cohort, split: _Predictions, risk: NDArray[np.float64]) -> dict[str, float]:
    """The figures of one split, of the recipe's risks or of the comparator's."""
    outcome, unaffected, horizon = cohort.outcome[split.test], cohort.unaffected[split.test], split.days[-1]
    figures = classification_metrics(outcome, risk, split.threshold)
    figures["roc_auc_unaffected"] = float(roc_auc_score(outcome[unaffected], risk[unaffected]))
    weight = split.weight[-1]
    brier = weighted_brier(split.dead[-1], risk, weight)
    if horizon is None:
        return {**figures, "brier": brier}
    time = cohort.column(TIME)[split.test]
    by_day = zip(split.days, split.dead, split.weight, strict=True)
    return {
        **figures,
        **{f"auc_{day}": weighted_auc(dead, risk, weights) for day, dead, weights in by_day},
        f"brier_{horizon}": brier,
        "harrell": concordance(time, outcome, risk, np.ones(len(risk))),
        # A death's censoring weight is one over the share still followed just before it.
        "uno": concordance(time, outcome, risk, weight**2, last_day=horizon),
    }


def _of_member(outcome: NDArray[np.int64], probability: NDArray[np.float32]) -> dict[str, float]:
    """The figures of a member, which learns death during follow-up, at a probability of one half."""
    return {
        **classification_metrics(outcome, probability, 0.5),
        "brier": weighted_brier(outcome == 1, probability, np.ones(len(outcome))),
    }


def _calibration(
    day: int | None, dead: NDArray[np.bool_], risk: NDArray[np.float64], weights: NDArray[np.float64]
) -> CalibrationReport:
    return CalibrationReport(
        day=day,
        slope=estimate(lambda weight: calibration_slope(dead, risk, weight), weights),
        intercept=mean(dead - risk, weights),
        bins=calibration_bins(dead, risk, weights),
    )


def _decide(pool: _Predictions, weights: NDArray[np.float64]) -> list[NetBenefit]:
    risks = (pool.risk[-1], pool.comparator, np.ones(len(pool.test)))
    return [
        NetBenefit(threshold, *(mean(net_gain(pool.dead[-1], risk, threshold), weights) for risk in risks))
        for threshold in DECISION_THRESHOLDS
    ]


def _subgroups(cohort: Cohort, pool: _Predictions, weights: NDArray[np.float64]) -> list[Subgroup]:
    """By sex and by age, where both outcomes occur."""
    sex, age = cohort.column("sex"), cohort.column("age")
    middle = float(np.median(age))
    groups = {
        "women": sex == 0,
        "men": sex == 1,
        f"aged under {middle:g}": age < middle,
        f"aged {middle:g} or more": age >= middle,
    }
    return [
        _subgroup(name, belongs, pool, weights)
        for name, belongs in groups.items()
        if len(np.unique(cohort.outcome[belongs])) > 1
    ]


def _subgroup(name: str, belongs: NDArray[np.bool_], pool: _Predictions, weights: NDArray[np.float64]) -> Subgroup:
    inside = belongs[pool.test]
    dead, risk, weights = pool.dead[-1, inside], pool.risk[-1, inside], weights[:, inside]
    return Subgroup(
        name=name,
        patients=int(belongs.sum()),
        auc=estimate(lambda weight: weighted_auc(dead, risk, weight), weights),
        brier=mean((risk - dead) ** 2, weights),
        observed=mean(dead, weights),
        expected=mean(risk, weights),
    )
