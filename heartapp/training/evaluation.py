"""How good a recipe is, on patients that nothing in it has seen: protocol P1.

Many stratified splits; on each, the whole recipe (choice of variables, tuning, calibration, threshold) is fitted on the
training side and judged on the test side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit
from tqdm import tqdm

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.report import Evaluation, NetBenefit, Protocol, Subgroup
from heartapp.training.comparators import COMPARATOR, COMPARATORS
from heartapp.training.defaults import SPLIT_SEED, SPLITS
from heartapp.training.goals import GOALS
from heartapp.training.metrics import (
    calibration_bins,
    classification_metrics,
    expected_calibration_error,
    net_benefit,
    precision_recall_points,
    recalibration,
    roc_points,
    rounded,
    spreads,
)
from heartapp.training.recipe import fit_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort
    from heartapp.training.members import Plan

TEST_PATIENTS: Final = 60
NET_BENEFITS: Final = (0.2, 0.3)
DECISION_THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(1, 13))


@dataclass(frozen=True, slots=True)
class _Split:
    """What one split's test side was told, in the order of its patients."""

    test: NDArray[np.int64]
    risk: NDArray[np.float64]
    threshold: float
    members: NDArray[np.float32]
    comparators: dict[str, NDArray[np.float64]]
    columns: tuple[int, ...]


def evaluate(
    cohort: Cohort, name: str, plan: Plan, *, seed: int, splits: int = SPLITS, split_seed: int = SPLIT_SEED
) -> Evaluation:
    """Run the protocol on all processors, with a progress bar.

    Args:
        cohort: the patients, in the order of the file.
        name: the model.
        plan: what its recipe tries.
        seed: of the recipe.
        splits: how many splits.
        split_seed: of the splits.
    """
    features, outcome, names = cohort.features(name), cohort.outcome, cohort.names(name)
    test_patients = min(TEST_PATIENTS, len(outcome) // 4)
    splitter = StratifiedShuffleSplit(n_splits=splits, test_size=test_patients, random_state=split_seed)
    jobs = (
        delayed(_judge)(features, outcome, names, plan, train, test, seed)
        for train, test in splitter.split(features, outcome)
    )
    results: list[_Split] = list(
        tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=splits, desc=f"evaluating {name}", unit="split")
    )
    tested = np.concatenate([one.test for one in results])
    risk, died = np.concatenate([one.risk for one in results]), outcome[tested]
    comparator = np.concatenate([one.comparators[COMPARATOR] for one in results])
    bins = calibration_bins(risk, died)
    slope, intercept = recalibration(risk, died)
    metrics = spreads([_metrics(cohort, one, one.risk) for one in results])
    figures = {figure: spread.mean for figure, spread in metrics.items()} | {
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "expected_calibration_error": expected_calibration_error(bins),
    }
    return Evaluation(
        protocol=Protocol("StratifiedShuffleSplit", splits, test_patients, split_seed),
        metrics=metrics,
        members={
            member: spreads([classification_metrics(outcome[one.test], one.members[:, place], 0.5) for one in results])
            for place, member in enumerate(MEMBERS)
        },
        comparators={
            plain: spreads([_metrics(cohort, one, one.comparators[plain]) for one in results]) for plain in COMPARATORS
        },
        calibration_slope=slope,
        calibration_intercept=intercept,
        expected_calibration_error=expected_calibration_error(bins),
        calibration_bins=bins,
        roc_curve=roc_points(died, risk),
        precision_recall_curve=precision_recall_points(died, risk),
        decision_curve=[_decision(died, risk, comparator, threshold) for threshold in DECISION_THRESHOLDS],
        subgroups=_subgroups(cohort, tested, risk),
        goals=[goal.judge(figure, figures[figure]) for figure, goal in GOALS[name].items() if figure in figures],
        chosen=dict(Counter(", ".join(names[column] for column in one.columns) for one in results).most_common()),
    )


def _judge(
    features: NDArray[np.float32],
    outcome: NDArray[np.int64],
    names: Sequence[str],
    plan: Plan,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    seed: int,
) -> _Split:
    fitted = fit_recipe(features[train], outcome[train], names, plan, seed)
    return _Split(
        test=test,
        risk=fitted.risk(features[test]),
        threshold=fitted.threshold,
        members=fitted.probabilities(features[test]),
        comparators={
            name: make(names).fit(features[train], outcome[train]).predict_proba(features[test])[:, 1]
            for name, make in COMPARATORS.items()
        },
        columns=fitted.columns,
    )


def _metrics(cohort: Cohort, split: _Split, risk: NDArray[np.float64]) -> dict[str, float]:
    """The figures of one split, of the recipe's risks or of a comparator's."""
    outcome, unaffected = cohort.outcome[split.test], cohort.unaffected[split.test]
    return {
        **classification_metrics(outcome, risk, split.threshold),
        "roc_auc_unaffected": float(roc_auc_score(outcome[unaffected], risk[unaffected])),
        **{
            f"net_benefit_{threshold:.0%}".removesuffix("%"): net_benefit(outcome, risk, threshold)
            for threshold in NET_BENEFITS
        },
    }


def _decision(
    died: NDArray[np.int64], risk: NDArray[np.float64], comparator: NDArray[np.float64], threshold: float
) -> NetBenefit:
    everyone = np.ones_like(risk)
    return NetBenefit(
        threshold,
        *(rounded(net_benefit(died, one, threshold)) for one in (risk, comparator, everyone)),
    )


def _subgroups(cohort: Cohort, tested: NDArray[np.int64], risk: NDArray[np.float64]) -> list[Subgroup]:
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
        _subgroup(name, cohort.outcome, belongs, tested, risk)
        for name, belongs in groups.items()
        if len(np.unique(cohort.outcome[belongs])) > 1
    ]


def _subgroup(
    name: str,
    outcome: NDArray[np.int64],
    belongs: NDArray[np.bool_],
    tested: NDArray[np.int64],
    risk: NDArray[np.float64],
) -> Subgroup:
    inside = belongs[tested]
    died, expected = outcome[tested][inside], risk[inside]
    return Subgroup(
        name=name,
        patients=int(belongs.sum()),
        predictions=int(inside.sum()),
        roc_auc=rounded(roc_auc_score(died, expected)),
        brier=rounded(brier_score_loss(died, expected)),
        observed=rounded(died.mean()),
        expected=rounded(expected.mean()),
    )
