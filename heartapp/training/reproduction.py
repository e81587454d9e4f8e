"""`heartapp evaluate --reproduce`: the published tables, theirs beside ours.

Chicco and Jurman, BMC Medical Informatics and Decision Making 20:16 (2020), doi 10.1186/s12911-020-1023-5, Tables 4
and 11; their figures were checked against the tables. The settings are those of their published programs
(github.com/davidechicco/cardiovascular_heart_disease), carried over from R: 100 shuffles, each with 239 patients to
learn from and 60 to test on, not stratified; means over the shuffles.

What their programs show, and the figures bear out:

- For the decision tree and the linear regression the curves are drawn from hard labels, not from scores. The ROC area
  of a hard label is (TP rate + TN rate) / 2 and says nothing that the two rates do not.
- For the table with follow-up time the programs hand predictions and truth over in the wrong order. So the column "TP
  rate" holds the share of the predicted deaths that were right (precision), "TN rate" that of the predicted
  survivals, and "ROC AUC" the mean of the two. MCC, F1 and accuracy are the same either way.

Ahmad et al., PLoS ONE 12(7): e0181001 (2017), doi 10.1371/journal.pone.0181001, fitted a Cox model. Their table could
not be checked, so none of its figures is repeated; held against ours is what their abstract names as significant.
Anaemia is so in the public file only where ejection fraction and creatinine enter as measured and not in levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lifelines import CoxPHFitter
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tqdm import tqdm
from xgboost import XGBClassifier

from heartapp.clinical.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from heartapp.training.data import Table

SPLITS: Final = 100
REFITS: Final = 200
"""Bootstrap refits of the Cox model, for the intervals of its hazard ratios."""
SEED: Final = 2020
TRAINING_SHARE: Final = 0.8
RATES: Final = ("MCC", "F1", "accuracy", "TP rate", "TN rate", "PR AUC", "ROC AUC")
THRESHOLD: Final = 0.5
_DAYS_A_MONTH: Final = 30
_LOW_EJECTION, _HIGH_EJECTION = 30, 45  # per cent
_RENAL_DYSFUNCTION: Final = 1.5  # mg/dL
_CHANCE: Final = 0.05  # about three standard deviations of the difference between two means over 100 splits
_ROUNDING: Final = 0.0011  # of three figures with three decimals each


class Row(msgspec.Struct, frozen=True):
    """One line of a table: their mean rates beside ours, in the order of `RATES`.

    ``theirs`` is empty for a line that only shows how ours would read without their slip.
    """

    method: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    note: str = ""

    @property
    def labels(self) -> bool:
        """Whether their ROC area is that of hard labels: to the rounding, the mean of their two rates."""
        return bool(self.theirs) and abs((self.theirs[3] + self.theirs[4]) / 2 - self.theirs[6]) < _ROUNDING


class Hazard(msgspec.Struct, frozen=True):
    """One variable of the Cox model: our hazard ratio with its bootstrap interval, and what they found."""

    variable: str
    ratio: float
    low: float
    high: float
    theirs: str

    @property
    def ours(self) -> str:
        """Whether the interval leaves out 1."""
        return "significant" if not self.low <= 1 <= self.high else "not significant"


class Reproduction(msgspec.Struct, frozen=True):
    """Both papers' tables, theirs beside ours."""

    splits: int
    refits: int
    seed: int
    bedside: list[Row]
    followup: list[Row]
    hazards: list[Hazard]

    def text(self) -> str:
        """The tables for people."""
        return "\n".join(
            [
                f"Chicco and Jurman (2020), Table 4: no follow-up time; means of {self.splits} splits",
                *_rates_text(self.bedside),
                "",
                "Chicco and Jurman (2020), Table 11: with the month of follow-up",
                *_rates_text(self.followup),
                "",
                f"Ahmad et al. (2017), Cox model: hazard ratios with 95 % intervals of {self.refits} bootstrap refits",
                *_hazards_text(self.hazards),
                "",
                "What does not reproduce",
                *(_missed(self) or ["- nothing: all is within what the choice of splits explains"]),
            ]
        )


@dataclass(frozen=True, slots=True)
class _Method:
    """A line of theirs: how the model is made, on which columns, and how they judged it."""

    name: str
    make: Callable[[int], Any]
    columns: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    theirs: tuple[float, ...] = ()
    hard: bool = False
    swapped: bool = False
    note: str = ""


def _without_time(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, :-1]


def _months(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The month of follow-up as their programs use it: one column for each month but the first, shape (n, months)."""
    month: NDArray[np.float64] = np.floor(values[:, -1] / _DAYS_A_MONTH)
    columns: NDArray[np.bool_] = month[:, None] == np.unique(month)[1:]
    return columns.astype(np.float64)


def _three_variables(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([_named(values, "ejection_fraction"), _named(values, "serum_creatinine"), _months(values)])


def _all_variables(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([_without_time(values), _months(values)])


def _named(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    return values[:, [variable.name for variable in VARIABLES].index(name)]


def _random_forest(seed: int) -> RandomForestRegressor:
    """R's randomForest, which their 0/1 outcome makes a regression: mtry a third, nodes of at most 5 not split."""
    return RandomForestRegressor(n_estimators=500, max_features=3, min_samples_split=6, random_state=seed)


def _decision_tree(seed: int) -> DecisionTreeClassifier:
    """R's rpart by default; its cp, 0.01 of the root's impurity (Gini 0.44), stands in for its pruning."""
    return DecisionTreeClassifier(min_samples_split=20, min_samples_leaf=7, ccp_alpha=0.0044, random_state=seed)


def _gradient_boosting(seed: int) -> XGBClassifier:
    return XGBClassifier(
        max_depth=2, learning_rate=1.0, n_estimators=2, base_score=0.5, tree_method="exact", random_state=seed, n_jobs=1
    )


def _linear_regression(_seed: int) -> LinearRegression:
    return LinearRegression()


def _logistic_regression(_seed: int) -> Any:
    """R's glm: no penalty. Scaling changes nothing but the solver's speed."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, max_iter=1_000))


_HARD: Final = "hard labels"
_SWAPPED: Final = "predictions and truth swapped, as in their program"
_RIGHT: Final = "not swapped; ROC and PR of probabilities"

_BEDSIDE: Final = (
    _Method(
        "random forest",
        _random_forest,
        _without_time,
        (0.384, 0.547, 0.740, 0.491, 0.864, 0.657, 0.800),
        note="scores, not labels",
    ),
    _Method(
        "decision tree",
        _decision_tree,
        _without_time,
        (0.376, 0.554, 0.737, 0.532, 0.831, 0.506, 0.681),
        hard=True,
        note=_HARD,
    ),
    _Method(
        "gradient boosting",
        _gradient_boosting,
        _without_time,
        (0.367, 0.527, 0.738, 0.477, 0.860, 0.594, 0.754),
        note="scores, not labels",
    ),
    _Method(
        "linear regression",
        _linear_regression,
        _without_time,
        (0.332, 0.475, 0.730, 0.394, 0.892, 0.495, 0.643),
        hard=True,
        note=_HARD,
    ),
    _Method("linear regression", _linear_regression, _without_time, note="scores, as for the forest"),
)
_FOLLOWUP: Final = (
    _Method(
        "three variables",
        _logistic_regression,
        _three_variables,
        (0.616, 0.719, 0.838, 0.785, 0.860, 0.617, 0.822),
        hard=True,
        swapped=True,
        note=_SWAPPED,
    ),
    _Method("three variables", _logistic_regression, _three_variables, note=_RIGHT),
    _Method(
        "all variables",
        _logistic_regression,
        _all_variables,
        (0.607, 0.714, 0.833, 0.780, 0.856, 0.612, 0.818),
        hard=True,
        swapped=True,
        note=_SWAPPED,
    ),
    _Method("all variables", _logistic_regression, _all_variables, note=_RIGHT),
)
"""The three variables are ejection fraction, serum creatinine and the month of follow-up."""

_SIGNIFICANT: Final = "significant"
_NOT_NAMED: Final = "not named"


def reproduce(table: Table, *, splits: int = SPLITS, refits: int = REFITS, seed: int = SEED) -> Reproduction:
    """Run both papers' recipes, with a progress bar.

    Args:
        table: all twelve columns; the fills stay, as the papers knew of none.
        splits: how many shuffles.
        refits: how many bootstrap refits of the Cox model.
        seed: of shuffles, models and refits.
    """
    sides = _sides(len(table.outcome), splits, seed)
    methods = (*_BEDSIDE, *_FOLLOWUP)
    jobs = (delayed(_rates)(method, table, seed, train, test) for method in methods for train, test in sides)
    total = len(methods) * splits
    found = list(tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=total, desc="reproducing", unit="fit"))
    means = np.nanmean(np.reshape(found, (len(methods), splits, len(RATES))), axis=1).round(3)
    rows = [
        Row(method.name, tuple(mean.tolist()), method.theirs, method.note)
        for method, mean in zip(methods, means, strict=True)
    ]
    return Reproduction(
        splits=splits,
        refits=refits,
        seed=seed,
        bedside=rows[: len(_BEDSIDE)],
        followup=rows[len(_BEDSIDE) :],
        hazards=_hazards(table, refits, seed),
    )


def _sides(patients: int, splits: int, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Shuffled rows, the first 80 % to learn from; not stratified."""
    generator = np.random.default_rng(seed)
    training = round(TRAINING_SHARE * patients)
    orders = [generator.permutation(patients) for _ in range(splits)]
    return [(order[:training], order[training:]) for order in orders]


def _rates(
    method: _Method, table: Table, seed: int, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[float, ...]:
    columns = method.columns(table.values)
    model = method.make(seed).fit(columns[train], table.outcome[train])
    probability = getattr(model, "predict_proba", None)
    score = probability(columns[test])[:, 1] if probability else model.predict(columns[test])
    if method.hard:
        score = (score >= THRESHOLD).astype(np.float64)
    truth = table.outcome[test]
    if method.swapped:
        truth, score = score.astype(np.int64), truth.astype(np.float64)
    # A small table leaves some test sides with one outcome, where the rates do not exist.
    return rates_of(truth, score) if 0 < truth.sum() < len(truth) else (np.nan,) * len(RATES)


def rates_of(truth: NDArray[np.int64], score: NDArray[np.float64]) -> tuple[float, ...]:
    """The seven rates of their tables, in the order of `RATES`; both classes have to occur in ``truth``.

    Args:
        truth: shape (n,), 0 or 1.
        score: shape (n,), anything that is the higher the likelier a 1; at least 0.5 counts as 1.
    """
    predicted = (score >= THRESHOLD).astype(np.int64)
    true_negative, false_positive, false_negative, true_positive = confusion_matrix(
        truth, predicted, labels=[0, 1]
    ).ravel()
    return (
        float(matthews_corrcoef(truth, predicted)),
        float(f1_score(truth, predicted, zero_division=0)),
        float((predicted == truth).mean()),
        float(true_positive / (true_positive + false_negative)),
        float(true_negative / (true_negative + false_positive)),
        precision_recall_area(truth, score),
        float(roc_auc_score(truth, score)),
    )


def precision_recall_area(truth: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """The area that R's PRROC calls ``auc.integral``, which their programs print.

    Between two thresholds true and false positives grow in proportion (Davis and Goadrich 2006) and precision is
    integrated over recall; scikit-learn's average precision takes steps instead, which for hard labels is less.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    true_positives = np.append(0, np.cumsum(truth[order])[last]).astype(np.float64)
    false_positives = np.append(0, np.cumsum(1 - truth[order])[last]).astype(np.float64)
    grown = np.diff(true_positives) > 0
    start, end = true_positives[:-1][grown], true_positives[1:][grown]
    slope = np.diff(false_positives)[grown] / (end - start)
    steepness, offset = 1 + slope, false_positives[:-1][grown] - slope * start
    # The integral of x / (steepness x + offset); without an offset the logarithm, which may not exist, has no part.
    ends, starts = steepness * end + offset, steepness * start + offset
    logarithm = np.log(np.where(offset == 0, 1, ends) / np.where(offset == 0, 1, starts))
    return float(((end - start) / steepness - offset / steepness**2 * logarithm).sum() / true_positives[-1])


def cox_columns(values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Ahmad's variables, each of shape (n,): ejection fraction and platelets in three levels, creatinine in two."""
    ejection, platelets = _named(values, "ejection_fraction"), _named(values, "platelets")
    low, high = np.quantile(platelets, [0.25, 0.75])
    columns = {
        "age, a year": _named(values, "age"),
        "renal dysfunction, creatinine > 1.5 mg/dL": _named(values, "serum_creatinine") > _RENAL_DYSFUNCTION,
        "high blood pressure": _named(values, "high_blood_pressure"),
        "ejection fraction 31-45 %, not ≤ 30": (ejection > _LOW_EJECTION) & (ejection <= _HIGH_EJECTION),
        "ejection fraction > 45 %, not ≤ 30": ejection > _HIGH_EJECTION,
        "anaemia": _named(values, "anaemia"),
        "serum sodium, 1 mEq/L": _named(values, "serum_sodium"),
        "creatinine phosphokinase, 1000 mcg/L": _named(values, "creatinine_phosphokinase") / 1000,
        "platelets, second and third quarter": (platelets > low) & (platelets <= high),
        "platelets, highest quarter": platelets > high,
        "diabetes": _named(values, "diabetes"),
        "smoking": _named(values, "smoking"),
        "male sex": _named(values, "sex"),
    }
    return {name: column.astype(np.float64) for name, column in columns.items()}


_NAMED_BY_AHMAD: Final = ("age", "renal dysfunction", "high blood pressure", "ejection fraction", "anaemia")
"""What the abstract calls significant; it gives no figures."""


def _hazards(table: Table, refits: int, seed: int) -> list[Hazard]:
    columns = cox_columns(table.values)
    features, generator = np.column_stack([*columns.values()]), np.random.default_rng(seed)
    time, died = table.values[:, -1], table.outcome.astype(np.bool_)
    drawn = [generator.integers(0, len(died), len(died)) for _ in range(refits)]
    jobs = (delayed(_cox)(features[rows], time[rows], died[rows]) for rows in (np.arange(len(died)), *drawn))
    fits = list(tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=refits + 1, desc="Cox model", unit="fit"))
    low, high = np.exp(np.percentile(fits[1:], [2.5, 97.5], axis=0))
    figures = np.column_stack([np.exp(fits[0]), low, high]).round(3).tolist()
    return [
        Hazard(name, ratio, low, high, _SIGNIFICANT if name.startswith(_NAMED_BY_AHMAD) else _NOT_NAMED)
        for name, (ratio, low, high) in zip(columns, figures, strict=True)
    ]


def _cox(features: NDArray[np.float64], time: NDArray[np.float64], died: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log hazard ratios, shape (variables,), by partial likelihood, ties as Efron."""
    scale = features.std(axis=0)
    rows = pd.DataFrame(features / scale).assign(time=time, died=died)
    rows.columns = rows.columns.astype(str)
    # A trace of ridge: in a bootstrap draw a rare level may meet no death.
    model = CoxPHFitter(penalizer=1e-6).fit(rows, "time", "died")
    return cast("NDArray[np.float64]", model.params_.to_numpy() / scale)


def _rates_text(rows: Sequence[Row]) -> list[str]:
    lines = [f"{'':<19}{'':<8}" + "".join(f"{name:>10}" for name in RATES)]
    for row in rows:
        if row.theirs:
            shown = f"  ROC = ({row.theirs[3]:.3f} + {row.theirs[4]:.3f}) / 2: of hard labels" if row.labels else ""
            lines.append(f"{row.method:<19}{'theirs':<8}" + _figures(row.theirs) + shown)
        lines.append(f"{'' if row.theirs else row.method:<19}{'ours':<8}" + _figures(row.ours) + f"  {row.note}")
    return lines


def _figures(values: Iterable[float]) -> str:
    return "".join(f"{value:>10.3f}" for value in values)


def _hazards_text(hazards: Sequence[Hazard]) -> list[str]:
    width = max(len(hazard.variable) for hazard in hazards)
    return [
        f"{hazard.variable:<{width}}{hazard.ratio:>8.3f} ({hazard.low:.3f} to {hazard.high:.3f})  "
        f"ours: {hazard.ours}; theirs: {hazard.theirs}"
        for hazard in hazards
    ]


def _missed(found: Reproduction) -> list[str]:
    """Where theirs and ours differ by more than the choice of splits explains."""
    rows = [
        f"- {row.method}, {name}: theirs {theirs:.3f}, ours {ours:.3f}"
        for row in (*found.bedside, *found.followup)
        for name, theirs, ours in zip(RATES, row.theirs, row.ours, strict=False)
        if abs(theirs - ours) > _CHANCE
    ]
    hazards = [
        f"- {hazard.variable}: {hazard.theirs} in their abstract, {hazard.ours} in the public file"
        for hazard in found.hazards
        if (hazard.theirs == _SIGNIFICANT) != (hazard.ours == _SIGNIFICANT)
    ]
    return rows + hazards
