from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.training.members import PLANS, RANKER, RISING, make_member

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.members import Setting

THREE = ("age", "ejection_fraction", "platelets")
FIRST = PLANS["bedside"].candidates
KINDS = dict(zip(MEMBERS, (DecisionTreeClassifier, XGBRFClassifier, XGBClassifier), strict=True))


def learnable() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of three columns, the first of which decides the class in most cases."""
    generator = np.random.default_rng(1)
    features = generator.random((60, 3), np.float32)
    return features, (features[:, 0] + generator.normal(0, 0.2, 60) > 0.5).astype(np.int64)


def predicted(name: str, setting: Setting, seed: int, names: tuple[str, ...] = THREE) -> NDArray[np.floating]:
    features, outcome = learnable()
    return make_member(name, setting, names, seed).fit(features, outcome).predict_proba(features)[:, 1]


def test_every_model_has_settings_to_choose_from() -> None:
    assert tuple(PLANS) == tuple(MODEL_VARIABLES)
    for plan in PLANS.values():
        assert tuple(plan.candidates) == MEMBERS
        assert all(len(settings) > 1 for settings in plan.candidates.values())
        assert plan.sizes


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (MEMBERS[1], RANKER),
        *((name, setting) for plan in PLANS.values() for name in MEMBERS for setting in plan.candidates[name]),
    ],
    ids=str,
)
def test_a_member_is_of_its_kind_and_setting_learns_and_is_reproducible(name: str, setting: Setting) -> None:
    made = make_member(name, setting, THREE, 7)
    assert type(made) is KINDS[name]
    parameters = made.get_params()  # type: ignore[attr-defined]  # all are scikit-learn estimators
    assert parameters.items() >= {**setting, "random_state": 7}.items()
    died, (_, outcome) = predicted(name, setting, 7), learnable()
    assert died[outcome == 1].mean() > died[outcome == 0].mean() + 0.2
    assert np.array_equal(predicted(name, setting, 7), died)
    assert np.array_equal(predicted(name, setting, 8), died) is (name == MEMBERS[0])  # trees draw nothing at random


@pytest.mark.parametrize("name", RISING)
def test_boosting_lets_the_risk_only_rise_with_age_and_creatinine(name: str) -> None:
    features, outcome = learnable()
    features[:, 0] = 1 - features[:, 0]  # so that the risk falls with the first column
    line = np.full((50, 3), 0.5, np.float32)
    line[:, 0] = np.linspace(0, 1, 50)

    def steps(first: str) -> NDArray[np.float64]:
        member = make_member(MEMBERS[2], FIRST[MEMBERS[2]][0], (first, "x", "y"), 7).fit(features, outcome)
        return np.diff(member.predict_proba(line)[:, 1].astype(np.float64))

    assert np.all(steps(name) >= 0)
    assert steps("ejection_fraction").min() < -1e-3
