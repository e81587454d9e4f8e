from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training.evaluation import spline_regression

if TYPE_CHECKING:
    from heartapp.training.cohort import Cohort

USED = ("age", "ejection_fraction", "serum_creatinine")


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_comparator_predicts_from_its_three_variables_in_either_model(people: Cohort, model: str) -> None:
    names = MODEL_VARIABLES[model]
    fitted = spline_regression(names).fit(people.features(model), people.outcome)

    def risk(**values: float) -> float:
        patient = [values.get(name, BY_NAME[name].example) for name in names]
        return float(fitted.predict_proba(np.array([patient], np.float32))[0, 1])

    assert risk(age=90) > risk(age=45)
    assert risk(ejection_fraction=20) > risk(ejection_fraction=60)
    assert risk(serum_creatinine=4) > risk(serum_creatinine=0.8)
    assert risk(**{name: BY_NAME[name].high for name in names if name not in USED}) == risk()
    assert 0 <= risk(**{name: BY_NAME[name].high for name in USED}) <= 1
