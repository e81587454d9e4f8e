"""Reproduce two published papers: ``python -m studies.reproduce TABLE`` prints their figures beside ours.

Chicco and Jurman, BMC Medical Informatics and Decision Making 20:16 (2020), doi 10.1186/s12911-020-1023-5, Tables 4
and 11. Their programs (github.com/davidechicco/cardiovascular_heart_disease) are in R; the settings here are the same:
100 random splits, not stratified, 239 patients for training and 60 for testing.

Ahmad et al., PLoS ONE 12(7): e0181001 (2017), doi 10.1371/journal.pone.0181001, fitted a Cox model. The abstract names
the variables that were significant; the table of figures could not be checked, so it is not repeated here.

README.md lists what was found.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import click
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lifelines import CoxPHFitter
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, recall_score, roc_auc_score
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tqdm import tqdm
from xgboost import XGBClassifier

from heartapp.clinical.variables import VARIABLES
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table

Floats = NDArray[np.float64]
Split = tuple[NDArray[np.int64], NDArray[np.int64]]

RATES: Final = ("MCC", "F1", "accuracy", "TP rate", "TN rate", "PR AUC", "ROC AUC")
_THRESHOLD: Final = 0.5
_SCORES, _HARD, _SWAPPED = "scores", "hard labels", "hard labels, swapped"
_CHANCE: Final = 0.05
"""About three standard deviations of the difference between two means over 100 splits."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of a published table.

    ``make`` takes a seed, ``columns`` selects the inputs, ``published`` has the order of `RATES`. ``how`` says what the
    areas are computed from. A method without published figures shows what ours would be from scores.
    """

    name: str
    make: Callable[[int], Any]
    columns: Callable[[Floats], Floats]
    published: tuple[float, ...] = ()
    how: str = _SCORES


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard ratio with its 95 % bootstrap interval, and whether Ahmad et al. name the variable as significant."""

    variable: str
    ratio: float
    low: float
    high: float
    named: bool

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 1."""
        return not self.low <= 1 <= self.high


def _named(values: Floats, name: str) -> Floats:
    return values[:, [variable.name for variable in VARIABLES].index(name)]


def _without_time(values: Floats) -> Floats:
    return values[:, :-1]


def _months(values: Floats) -> Floats:
    """The month of follow-up as their programs use it: a 0/1 column for each month but the first."""
    month = np.floor(values[:, -1] / 30)
    return cast("Floats", (month[:, None] == np.unique(month)[1:]).astype(np.float64))


def _three(values: Floats) -> Floats:
    return np.column_stack([_named(values, "ejection_fraction"), _named(values, "serum_creatinine"), _months(values)])


def _all(values: Floats) -> Floats:
    return np.column_stack([_without_time(values), _months(values)])


def _forest(seed: int) -> RandomForestRegressor:
    """R's randomForest; the 0/1 outcome makes it a regression: mtry a third, nodes of at most 5 not split."""
    return RandomForestRegressor(n_estimators=500, max_features=3, min_samples_split=6, random_state=seed)


def _tree(seed: int) -> DecisionTreeClassifier:
    """R's rpart by default; its cp, 0.01 of the root's impurity (Gini 0.44), stands for its pruning."""
    return DecisionTreeClassifier(min_samples_split=20, min_samples_leaf=7, ccp_alpha=0.0044, random_state=seed)


def _boosting(seed: int) -> XGBClassifier:
    settings = {"max_depth": 2, "learning_rate": 1.0, "n_estimators": 2, "base_score": 0.5, "tree_method": "exact"}
    return XGBClassifier(**settings, random_state=seed, n_jobs=1)


def _linear(_seed: int) -> LinearRegression:
    return LinearRegression()


def _logistic(_seed: int) -> Any:
    """R's glm, without a penalty. Scaling only makes the solver faster."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, max_iter=1_000))


TABLE_4: Final = (
    Method("random forest", _forest, _without_time, (0.384, 0.547, 0.740, 0.491, 0.864, 0.657, 0.800)),
    Method("decision tree", _tree, _without_time, (0.376, 0.554, 0.737, 0.532, 0.831, 0.506, 0.681), _HARD),
    Method("gradient boosting", _boosting, _without_time, (0.367, 0.527, 0.738, 0.477, 0.860, 0.594, 0.754)),
    Method("linear regression", _linear, _without_time, (0.332, 0.475, 0.730, 0.394, 0.892, 0.495, 0.643), _HARD),
    Method("linear regression", _linear, _without_time),
)
TABLE_11: Final = (
    Method("three variables", _logistic, _three, (0.616, 0.719, 0.838, 0.785, 0.860, 0.617, 0.822), _SWAPPED),
    Method("three variables", _logistic, _three),
    Method("all variables", _logistic, _all, (0.607, 0.714, 0.833, 0.780, 0.856, 0.612, 0.818), _SWAPPED),
    Method("all variables", _logistic, _all),
)
TABLES: Final = {
    "Chicco and Jurman, Table 4: without follow-up time": TABLE_4,
    "Chicco and Jurman, Table 11: with the month of follow-up": TABLE_11,
}


def mean_rates(methods: Sequence[Method], table: Cohort, splits: Sequence[Split], seed: int) -> list[list[float]]:
    """The mean rates of each method over the splits, in the order of `RATES`."""
    jobs = (delayed(fit_rates)(method, table, split, seed) for method in methods for split in splits)
    found = list(_progress(jobs, len(methods) * len(splits)))
    means = np.nanmean(np.reshape(found, (len(methods), len(splits), len(RATES))), axis=1)
    return cast("list[list[float]]", means.tolist())


def fit_rates(method: Method, table: Cohort, split: Split, seed: int) -> tuple[float, ...]:
    """Fit a method on one split; NaN where the test rows hold one outcome only, as in a small table."""
    train, test = split
    columns, truth = method.columns(table.values), table.outcome[test]
    model = method.make(seed).fit(columns[train], table.outcome[train])
    probability = getattr(model, "predict_proba", None)
    score = probability(columns[test])[:, 1] if probability else model.predict(columns[test])
    if method.how != _SCORES:
        score = (score >= _THRESHOLD).astype(np.float64)
    if method.how == _SWAPPED:
        truth, score = score.astype(np.int64), truth.astype(np.float64)
    return rates_of(truth, score) if 0 < truth.sum() < len(truth) else (np.nan,) * len(RATES)


def rates_of(truth: NDArray[np.int64], score: Floats) -> tuple[float, ...]:
    """The rates of their tables, in the order of `RATES`.

    Args:
        truth: shape (n,), 0 or 1; both have to occur.
        score: shape (n,), higher where a 1 is more likely; at least 0.5 counts as 1.
    """
    label = (score >= _THRESHOLD).astype(np.int64)
    return (
        float(matthews_corrcoef(truth, label)),
        float(f1_score(truth, label, zero_division=0)),
        float(accuracy_score(truth, label)),
        float(recall_score(truth, label)),
        float(recall_score(truth, label, pos_label=0)),
        precision_recall_area(truth, score),
        float(roc_auc_score(truth, score)),
    )


def precision_recall_area(truth: NDArray[np.int64], score: Floats) -> float:
    """The area that R's PRROC calls ``auc.integral``, which their programs print.

    Between two thresholds, true and false positives grow in proportion (Davis and Goadrich 2006) and precision is
    integrated over recall. For hard labels this is more than scikit-learn's average precision, which takes steps.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    true_positives = np.append(0, np.cumsum(truth[order])[last]).astype(np.float64)
    false_positives = np.append(0, np.cumsum(1 - truth[order])[last]).astype(np.float64)
    grown = np.diff(true_positives) > 0
    start, end = true_positives[:-1][grown], true_positives[1:][grown]
    slope = np.diff(false_positives)[grown] / (end - start)
    steepness, offset = 1 + slope, false_positives[:-1][grown] - slope * start
    # The integral of x / (steepness x + offset). Without an offset the logarithm may not exist and counts as 0.
    ends, starts = steepness * end + offset, steepness * start + offset
    logarithm = np.log(np.where(offset == 0, 1, ends) / np.where(offset == 0, 1, starts))
    return float(((end - start) / steepness - offset / steepness**2 * logarithm).sum() / true_positives[-1])


def cox_columns(values: Floats) -> dict[str, Floats]:
    """Ahmad's variables, each of shape (n,): ejection fraction and platelets in three levels, creatinine in two."""
    ejection, platelets = _named(values, "ejection_fraction"), _named(values, "platelets")
    low, high = np.quantile(platelets, [0.25, 0.75])
    columns = {
        "age, per year": _named(values, "age"),
        "serum creatinine > 1.5 mg/dL": _named(values, "serum_creatinine") > 1.5,  # noqa: PLR2004 - in the name
        **{name: _named(values, name.replace(" ", "_")) for name in ("high blood pressure", "anaemia")},
        "ejection fraction 31-45 %, not ≤ 30": (ejection > 30) & (ejection <= 45),  # noqa: PLR2004 - in the name
        "ejection fraction > 45 %, not ≤ 30": ejection > 45,  # noqa: PLR2004 - in the name
        "serum sodium, per mEq/L": _named(values, "serum_sodium"),
        "creatinine phosphokinase, per 1000 mcg/L": _named(values, "creatinine_phosphokinase") / 1000,
        "platelets, second and third quarter": (platelets > low) & (platelets <= high),
        "platelets, highest quarter": platelets > high,
        **{name: _named(values, name) for name in ("diabetes", "smoking")},
        "male sex": _named(values, "sex"),
    }
    return {name: column.astype(np.float64) for name, column in columns.items()}


_SIGNIFICANT_FOR_AHMAD: Final = ("age", "serum creatinine", "high blood pressure", "ejection fraction", "anaemia")
"""What the abstract names; creatinine as renal dysfunction."""


def hazards_of(table: Cohort, refits: int, seed: int) -> list[Hazard]:
    """The hazard ratio of each of Ahmad's variables, with an interval from bootstrap refits."""
    columns, generator = cox_columns(table.values), np.random.default_rng(seed)
    features, time, died = np.column_stack([*columns.values()]), table.values[:, -1], table.outcome.astype(np.bool_)
    samples = [np.arange(len(died)), *(generator.integers(0, len(died), len(died)) for _ in range(refits))]
    jobs = (delayed(fit_cox)(features[rows], time[rows], died[rows]) for rows in samples)
    ratios = np.exp(list(_progress(jobs, len(samples))))
    low, high = np.percentile(ratios[1:], [2.5, 97.5], axis=0)
    figures = zip(columns, ratios[0].tolist(), low.tolist(), high.tolist(), strict=True)
    return [Hazard(*figure, figure[0].startswith(_SIGNIFICANT_FOR_AHMAD)) for figure in figures]


def fit_cox(features: Floats, time: Floats, died: NDArray[np.bool_]) -> Floats:
    """Log hazard ratios, shape (variables,), by partial likelihood with Efron's method for ties."""
    scale = features.std(axis=0)
    rows = pd.DataFrame(features / scale).assign(time=time, died=died)
    rows.columns = rows.columns.astype(str)
    # A trace of ridge: in a bootstrap sample a rare level may have no death.
    model = CoxPHFitter(penalizer=1e-6).fit(rows, "time", "died")
    return cast("Floats", model.params_.to_numpy() / scale)


def _progress(jobs: Iterable[Any], total: int) -> Iterator[Any]:
    return cast("Iterator[Any]", tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=total, unit="fit"))


def report_rates(title: str, methods: Sequence[Method], means: Sequence[Sequence[float]]) -> Iterator[str]:
    """A published table with ours under theirs; differences beyond chance end in an asterisk."""
    yield f"{title}\n{'':<28}" + "".join(f"{name:>10}" for name in RATES)
    for method, ours in zip(methods, means, strict=True):
        if method.published:
            yield f"{method.name:<19}{'theirs':<9}" + "".join(f"{rate:>10.3f}" for rate in method.published)
        pairs = zip(ours, method.published or ours, strict=True)
        figures = (f"{rate:.3f}{'*' if abs(rate - their) > _CHANCE else ''}" for rate, their in pairs)
        yield f"{method.name:<19}{'ours':<9}" + "".join(f"{figure:>10}" for figure in figures) + f"  {method.how}"


def report_hazards(hazards: Sequence[Hazard]) -> Iterator[str]:
    """The hazard ratios; variables on which the papers disagree end in an asterisk."""
    for one in hazards:
        ours, theirs = ("significant" if found else "-" for found in (one.significant, one.named))
        differs = " *" if one.significant != one.named else ""
        yield f"{one.variable:<42}{one.ratio:>7.3f} ({one.low:.3f} to {one.high:.3f})  {ours:<12}{theirs}{differs}"


@click.command()
@click.argument("path", metavar="TABLE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--splits", type=click.IntRange(1), default=100, show_default=True, help="Random splits.")
@click.option("--refits", type=click.IntRange(2), default=200, show_default=True, help="Bootstrap refits of Cox.")
@click.option("--seed", type=int, default=2020, show_default=True)
def main(path: Path, splits: int, refits: int, seed: int) -> None:
    """Print both papers' figures beside ours, from the published TABLE. Takes some minutes."""
    table = read_table(path)  # with its fills: the papers did not know of them
    drawn = list(ShuffleSplit(splits, train_size=0.8, random_state=seed).split(table.values))
    for title, methods in TABLES.items():
        click.echo("\n".join([*report_rates(title, methods, mean_rates(methods, table, drawn, seed)), ""]))
    lines = [
        f"Ahmad et al., Cox model: hazard ratio, 95 % interval of {refits} refits, ours, theirs",
        *report_hazards(hazards_of(table, refits, seed)),
        "\n* differs from theirs by more than the choice of splits explains",
    ]
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
