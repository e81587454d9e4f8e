"""Protocol P1: how good a recipe is on patients that it has not seen.

In each of many stratified splits, the whole recipe (choice of variables, tuning, calibration, threshold) is fitted to
the training side and measured on the test side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from tqdm import tqdm

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.report import Evaluation, NetBenefit, Protocol, Subgroup
from heartapp.training.defaults import SPLIT_SEED, SPLITS
from heartapp.training.goals import GOALS, judge
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
from heartapp.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from heartapp.training.cohort import Cohort, Sample

TEST_PATIENTS: Final = 60
COMPARATOR: Final = "spline_regression"
DECISION_THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(1, 13))


@dataclass(frozen=True, slots=True)
class _Split:
    """The predictions for one split's test patients, by their row numbers ``test``."""

    test: NDArray[np.int64]
    risk: NDArray[np.float64]
    threshold: float
    members: NDArray[np.float32]
    comparator: NDArray[np.float64]
    columns: tuple[int, ...]


def evaluate(
    cohort: Cohort, model: str, *, seed: int, splits: int = SPLITS, split_seed: int = SPLIT_SEED
) -> Evaluation:
    """Run the protocol on all processors, with a progress bar.

    Args:
        cohort: the patients, in the order of the file.
        model: the model to evaluate.
        seed: of the recipe.
        splits: how many splits.
        split_seed: of the splits.
    """
    recipe, sample, outcome = Recipe.of_cohort(model, seed, cohort), cohort.sample(model), cohort.outcome
    test_patients = min(TEST_PATIENTS, len(outcome) // 4)
    splitter = StratifiedShuffleSplit(n_splits=splits, test_size=test_patients, random_state=split_seed)
    jobs = (delayed(_judge)(recipe, sample, *sides) for sides in splitter.split(sample.features, outcome))
    results: list[_Split] = list(
        tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=splits, desc=f"evaluating {model}", unit="split")
    )
    tested = np.concatenate([one.test for one in results])
    risk, died = np.concatenate([one.risk for one in results]), outcome[tested]
    comparator = np.concatenate([one.comparator for one in results])
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
        comparators={COMPARATOR: spreads([_metrics(cohort, one, one.comparator) for one in results])},
        calibration_slope=slope,
        calibration_intercept=intercept,
        expected_calibration_error=figures["expected_calibration_error"],
        calibration_bins=bins,
        roc_curve=roc_points(died, risk),
        precision_recall_curve=precision_recall_points(died, risk),
        decision_curve=[_decision(died, risk, comparator, threshold) for threshold in DECISION_THRESHOLDS],
        subgroups=_subgroups(cohort, tested, risk),
        goals=judge(GOALS[model], figures),
        chosen=dict(Counter(", ".join(recipe.names[used] for used in one.columns) for one in results).most_common()),
    )


def _judge(recipe: Recipe, sample: Sample, train: NDArray[np.int64], test: NDArray[np.int64]) -> _Split:
    """Fit recipe and comparator to the training side, and predict for the test side."""
    training, features = sample.part(train), sample.features[test]
    fitted = recipe.fit(training)
    comparator = spline_regression(recipe.names).fit(training.features, training.outcome)
    return _Split(
        test=test,
        risk=fitted.risk(features),
        threshold=fitted.threshold,
        members=fitted.probabilities(features),
        comparator=comparator.predict_proba(features)[:, 1],
        columns=fitted.columns,
    )


def spline_regression(names: Sequence[str]) -> Pipeline:
    """Logistic regression with splines on age, ejection fraction and log creatinine, slightly penalised.

    The three variables are those that Chicco and Jurman (2020) and Ahmad et al. (2017) found to matter most. Missing
    values are the median of the training side.
    """
    spline = make_pipeline(SimpleImputer(strategy="median"), SplineTransformer(n_knots=4, knots="quantile"))
    log_spline = make_pipeline(FunctionTransformer(np.log), spline)
    columns = ColumnTransformer(
        [
            ("plain", spline, [names.index("age"), names.index("ejection_fraction")]),
            ("log", log_spline, [names.index("serum_creatinine")]),
        ]
    )
    return make_pipeline(columns, StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))


def _metrics(cohort: Cohort, split: _Split, risk: NDArray[np.float64]) -> dict[str, float]:
    """The figures of one split, of the recipe's risks or of the comparator's."""
    outcome, unaffected = cohort.outcome[split.test], cohort.unaffected[split.test]
    return {
        **classification_metrics(outcome, risk, split.threshold),
        "roc_auc_unaffected": float(roc_auc_score(outcome[unaffected], risk[unaffected])),
        "net_benefit_20": net_benefit(outcome, risk, 0.2),
        "net_benefit_30": net_benefit(outcome, risk, 0.3),
    }


def _decision(
    died: NDArray[np.int64], risk: NDArray[np.float64], comparator: NDArray[np.float64], threshold: float
) -> NetBenefit:
    treat_all = np.ones_like(risk)
    return NetBenefit(threshold, *(rounded(net_benefit(died, one, threshold)) for one in (risk, comparator, treat_all)))


def _subgroups(cohort: Cohort, tested: NDArray[np.int64], risk: NDArray[np.float64]) -> list[Subgroup]:
    """By sex and by age, where both outcomes occur.

    Args:
        cohort: the patients.
        tested: the row number of each test prediction, shape (predictions,).
        risk: the predictions, shape (predictions,).
    """
    sex, age = cohort.column("sex"), cohort.column("age")
    middle = float(np.median(age))
    groups = {
        "women": sex == 0,
        "men": sex == 1,
        f"aged under {middle:g}": age < middle,
        f"aged {middle:g} or more": age >= middle,
    }
    subgroups = []
    for name, belongs in groups.items():
        if len(np.unique(cohort.outcome[belongs])) > 1:
            inside = belongs[tested]
            died, expected = cohort.outcome[tested][inside], risk[inside]
            area, brier = roc_auc_score(died, expected), brier_score_loss(died, expected)
            figures = map(rounded, (area, brier, died.mean(), expected.mean()))
            subgroups.append(Subgroup(name, int(belongs.sum()), int(inside.sum()), *figures))
    return subgroups
