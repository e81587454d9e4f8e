"""The plain regression beside which a model is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.pipeline import Pipeline


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
