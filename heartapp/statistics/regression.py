"""Logistic regressions: on the logit of a risk, to see how it is off, and the plain one that models compete with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import expit, logit, xlogy
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

Floats = NDArray[np.float64]

EXTREME: Final = 1e-6
"""Risks are held between this and one minus this."""
KNOTS: Final = (5.0, 50.0, 95.0)
"""The percentiles of the risk at which the smooth curve bends; it is straight beyond them, on the logit scale."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted logistic regression: its coefficients and its log likelihood."""

    coefficients: Floats
    log_likelihood: float


def log_odds(risk: Floats) -> Floats:
    """The logit of risks."""
    odds: Floats = logit(np.clip(risk, EXTREME, 1 - EXTREME))
    return odds


def fit_logistic(design: Floats, dead: NDArray[np.bool_], weight: Floats, offset: Floats | float = 0.0) -> Logistic:
    """Maximum likelihood, without a penalty.

    Args:
        design: the columns to weigh, shape (n, columns); may have none.
        dead: the outcome, shape (n,); both outcomes have weight.
        weight: shape (n,).
        offset: added to the logit as it is.
    """

    def slope(coefficients: Floats) -> tuple[Floats, Floats]:
        """Of the negative log likelihood, and its derivatives."""
        risk = expit(offset + design @ coefficients)
        return design.T @ (weight * (risk - dead)), (design.T * (weight * risk * (1 - risk))) @ design

    columns = design.shape[1]
    # The likelihood is concave, so the only root of its slope is the best fit.
    found = root(slope, np.zeros(columns), jac=True).x if columns else np.zeros(0)
    risk = expit(offset + design @ found)
    return Logistic(found, float(weight @ (xlogy(dead, risk) + xlogy(1 - dead, 1 - risk))))


def calibration_intercept(dead: NDArray[np.bool_], risk: Floats, weight: Floats) -> float:
    """Calibration in the large: the intercept where the risk's logit is an offset; NaN where one outcome is missing."""
    if not (weight[dead].any() and weight[~dead].any()):
        return float("nan")
    return float(fit_logistic(np.ones((len(risk), 1)), dead, weight, log_odds(risk)).coefficients[0])


def smooth_calibration(dead: NDArray[np.bool_], risk: Floats, weight: Floats, at: Floats) -> Floats:
    """The observed risk beside each predicted one: a logistic regression on a spline of the risk's logit.

    Args:
        dead: the outcome, shape (n,).
        risk: the predicted risk, shape (n,), with at least two values.
        weight: shape (n,).
        at: predicted risks, of shape (m,), which is that of the answer.
    """
    there = weight > 0
    knots = np.unique(np.percentile(log_odds(risk[there]), KNOTS))
    if len(knots) == 1 or len(np.unique(dead[there])) == 1:
        return np.full(len(at), np.average(dead, weights=weight))
    spline = SplineTransformer(knots=knots[:, None], extrapolation="linear", include_bias=False)
    model = make_pipeline(spline, LogisticRegression(C=100, solver="newton-cholesky"))
    model.fit(log_odds(risk[there])[:, None], dead[there], logisticregression__sample_weight=weight[there])
    observed: Floats = model.predict_proba(log_odds(at)[:, None])[:, 1]
    return observed


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
