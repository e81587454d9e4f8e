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
every_candidate = pytest.mark.parametrize(
    ("name", "setting"),
    [(name, setting) for plan in PLANS.values() for name in MEMBERS for setting in plan.candidates[name]],
    ids=str,
)


def learnable() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of three columns, the first of which tells the class in most cases."""
    generator = np.random.default_rng(1)
    features = generator.random((60, 3), np.float32)
    return features, (features[:, 0] + generator.normal(0, 0.2, 60) > 0.5).astype(np.int64)


def test_the_members_are_a_tree_a_forest_and_boosting() -> None:
    kinds = [type(make_member(name, FIRST[name][0], THREE, 1)) for name in MEMBERS]
    assert kinds == [DecisionTreeClassifier, XGBRFClassifier, XGBClassifier]


def test_every_member_has_settings_to_choose_from() -> None:
    assert tuple(PLANS) == tuple(MODEL_VARIABLES)
    for plan in PLANS.values():
        assert tuple(plan.candidates) == MEMBERS
        assert all(len(settings) > 1 for settings in plan.candidates.values())
        assert plan.sizes


def test_the_ranking_forest_can_be_made() -> None:
    assert isinstance(make_member(MEMBERS[1], RANKER, (), 1), XGBRFClassifier)


@pytest.mark.parametrize("name", RISING)
def test_boosting_may_only_let_the_risk_rise_with_age_and_creatinine(name: str) -> None:
    features, outcome = learnable()
    features[:, 0] = 1 - features[:, 0]  # so that the risk falls with the first column
    line = np.full((50, 3), 0.5, np.float32)
    line[:, 0] = np.linspace(0, 1, 50)

    def steps(first: str) -> NDArray[np.float64]:
        member = make_member(MEMBERS[2], FIRST[MEMBERS[2]][0], (first, "x", "y"), 7).fit(features, outcome)
        return np.diff(member.predict_proba(line)[:, 1].astype(np.float64))

    assert np.all(steps(name) >= 0)
    assert steps("ejection_fraction").min() < -1e-3


@every_candidate
def test_a_member_is_made_with_the_chosen_setting(name: str, setting: Setting) -> None:
    made = make_member(name, setting, THREE, 7).get_params()  # type: ignore[attr-defined]  # all are scikit-learn estimators
    assert {key: made[key] for key in setting} == setting
    assert made["random_state"] == 7


@every_candidate
def test_the_same_seed_gives_the_same_member(name: str, setting: Setting) -> None:
    features, outcome = learnable()
    one, two = (make_member(name, setting, THREE, 7).fit(features, outcome).predict_proba(features) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting"])
def test_the_seed_reaches_the_subsampling(name: str) -> None:
    features, outcome = learnable()
    one, two = (
        make_member(name, FIRST[name][0], THREE, seed).fit(features, outcome).predict_proba(features) for seed in (1, 2)
    )
    assert not np.array_equal(one, two)


@every_candidate
def test_a_member_learns_what_can_be_learned(name: str, setting: Setting) -> None:
    features, outcome = learnable()
    died = make_member(name, setting, THREE, 7).fit(features, outcome).predict_proba(features)[:, 1]
    assert died[outcome == 1].mean() > died[outcome == 0].mean() + 0.2
