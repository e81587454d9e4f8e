from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.training.defaults import BEDSIDE_USES
from heartapp.training.members import PLANS, READING_ERROR, RISING, Bagged, _bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.members import Estimator, Setting

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


def test_every_model_has_settings_for_every_member() -> None:
    assert tuple(PLANS) == tuple(MODEL_VARIABLES)
    for model, plan in PLANS.items():
        assert tuple(plan.candidates) == MEMBERS
        assert all(plan.candidates.values())
        assert {*(plan.variables or ())} <= {*MODEL_VARIABLES[model]}


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


def steps(member: Estimator, column: int) -> NDArray[np.float64]:
    """How the probability changes with one column, anywhere in the others, missing values included."""
    others = np.array([*range(-5, 106, 10), np.nan])
    lines = np.stack(np.meshgrid(others, others, np.linspace(-5, 105, 221), indexing="ij"), axis=-1)
    rows = np.roll(lines, column - 2, axis=-1).astype(np.float32)
    return np.diff(member.predict_proba(rows.reshape(-1, 3))[:, 1].reshape(rows.shape[:-1]).astype(np.float64))


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("rising", RISING)
def test_the_risk_of_a_bedside_member_never_falls_with_age_or_creatinine(name: str, rising: str) -> None:
    features, outcome = learnable()
    generator = np.random.default_rng(2)
    features[generator.random(features.shape) < 0.1] = np.nan
    features[:, 0] = 100 - features[:, 0]  # so that the risk falls with the first column
    plan = PLANS["bedside"]
    free, held = ((variable, "ejection_fraction", "x") for variable in ("sex", rising))
    setting = plan.candidates[name][0]
    falls = [steps(plan.make_member(name, setting, names, 7).fit(features, outcome), 0).min() for names in (free, held)]
    assert falls[0] < -1e-3
    assert falls[1] >= -1e-9


def test_only_the_boosting_of_followup_is_held() -> None:
    plan = PLANS["followup"]
    for name, member in ((name, plan.make_member(name, plan.candidates[name][0], BEDSIDE_USES, 7)) for name in MEMBERS):
        parameters = member.get_params()  # type: ignore[attr-defined]  # all are scikit-learn's
        held = parameters.get("monotone_constraints", parameters.get("monotonic_cst"))
        assert held == ((1, 0, 1) if name == "gradient_boosting" else None)


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

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Recorder:
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
