from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.inference.bundle import MEMBERS
from heartapp.training.defaults import BEDSIDE_USES
from heartapp.training.members import PLANS, READING_ERROR, Bagged, Setting, _bootstrap

KINDS = dict(zip(MEMBERS, (DecisionTreeClassifier, XGBRFClassifier, XGBClassifier), strict=True))
every_setting = pytest.mark.parametrize(
    ("model", "name", "setting"),
    [(model, name, setting) for model, plan in PLANS.items() for name in MEMBERS for setting in plan.candidates[name]],
    ids=str,
)


def learnable() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of three columns, the first of which decides the class in most cases."""
    generator = np.random.default_rng(1)
    features = generator.uniform(0, 100, (60, 3)).astype(np.float32)
    return features, (features[:, 0] + generator.normal(0, 20, 60) > 50).astype(np.int64)


def predicted(model: str, name: str, setting: Setting, seed: int) -> NDArray[np.floating]:
    features, outcome = learnable()
    member = PLANS[model].make_member(name, setting, BEDSIDE_USES, seed).fit(features, outcome)
    return member.predict_proba(features)[:, 1]


@every_setting
def test_a_member_is_of_its_kind_and_setting_learns_and_is_reproducible(
    model: str, name: str, setting: Setting
) -> None:
    made: Any = PLANS[model].make_member(name, setting, BEDSIDE_USES, 7)
    inner = made.estimator if isinstance(made, Bagged) else made
    assert type(inner) is KINDS[name]
    assert inner.get_params().items() >= {**setting, "random_state": 7}.items()
    died, (_, outcome) = predicted(model, name, setting, 7), learnable()
    assert died[outcome == 1].mean() > died[outcome == 0].mean() + 0.15
    assert np.array_equal(predicted(model, name, setting, 7), died)
    alone = not isinstance(made, Bagged) and name == MEMBERS[0]  # such a tree draws nothing at random
    assert np.array_equal(predicted(model, name, setting, 8), died) is alone


@pytest.mark.parametrize("model", PLANS)
def test_the_members_that_a_plan_names_never_fall_with_age_or_creatinine(model: str) -> None:
    plan = PLANS[model]
    for name in MEMBERS:
        made: Any = plan.make_member(name, plan.candidates[name][0], BEDSIDE_USES, 7)
        parameters = (made.estimator if isinstance(made, Bagged) else made).get_params()
        held = parameters.get("monotone_constraints", parameters.get("monotonic_cst"))
        assert held == ((1, 0, 1) if name in plan.monotone else None)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_bagged_member_is_the_mean_of_its_fits(name: str) -> None:
    features, outcome = learnable()
    plan = replace(PLANS["bedside"], bags=dict.fromkeys(MEMBERS, 3))
    member = plan.make_member(name, plan.candidates[name][0], BEDSIDE_USES, 7).fit(features, outcome)
    assert isinstance(member, Bagged)
    each = np.array([one.predict_proba(features)[:, 1] for one in member.estimators], np.float64)
    assert len({one.tobytes() for one in each}) == 3
    expected = each.mean(axis=0)
    if name != MEMBERS[0]:
        expected = 1 / (1 + np.exp(-np.log(each / (1 - each)).mean(axis=0)))
    assert member.predict_proba(features)[:, 1] == pytest.approx(expected, abs=1e-6)
    assert member.predict_proba(features).sum(axis=1) == pytest.approx(1)


class Recorder(XGBClassifier):
    """Keeps what it is fitted to."""

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        self.seen_ = features, outcome
        return self


def test_each_bag_gets_every_patient_with_whole_ejection_fractions_that_are_moved_a_little() -> None:
    features, outcome = learnable()
    features[0, 1] = np.nan
    before = features.copy()
    bagged = Bagged(Recorder(), 4, 1, 7).fit(features, outcome)
    assert np.array_equal(features, before, equal_nan=True)
    moved = np.array([one.seen_[0] for one in bagged.estimators])
    assert np.array_equal(moved[:, :, [0, 2]], np.broadcast_to(before[:, [0, 2]], (4, 60, 2)))
    assert np.isnan(moved[:, 0, 1]).all()
    change = moved[:, 1:, 1] - before[1:, 1]
    assert np.abs(change).max() <= READING_ERROR + 0.5
    assert change.std() > READING_ERROR / 4
    assert np.array_equal(moved[:, 1:, 1], moved[:, 1:, 1].round())
    assert len({one.random_state for one in bagged.estimators}) == 4


def test_a_bootstrap_sample_has_both_outcomes() -> None:
    outcome = np.array([1, *[0] * 7])
    generator = np.random.default_rng(1)
    for _ in range(50):
        rows = _bootstrap(outcome, generator)
        assert set(outcome[rows]) == {0, 1}
        assert len(rows) == len(outcome)
