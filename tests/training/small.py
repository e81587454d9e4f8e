"""Plans that train in a second, for tests that are not about how good a model is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from heartapp.inference.survival import LEAST_REFITS
from heartapp.training import survival, train
from heartapp.training.members import PLANS, Plan
from heartapp.training.survival import make_survival

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heartapp.inference.survival import SurvivalParameters
    from heartapp.training.members import Setting
    from heartapp.training.survival import FittedSurvival, Patients


def small(plan: Plan) -> Plan:
    """The same choices, among ensembles of ten trees."""
    candidates = {member: tuple(map(_small, settings)) for member, settings in plan.candidates.items()}
    return replace(plan, candidates=candidates)


def _small(setting: Setting) -> Setting:
    return {**setting, "n_estimators": 10} if "n_estimators" in setting else setting


def smallest(plan: Plan) -> Plan:
    """Ensembles of ten trees, and nothing to choose from."""
    candidates = {member: settings[:1] for member, settings in small(plan).candidates.items()}
    return Plan(plan.sizes[:1], candidates)


SMALL: Final = {name: small(plan) for name, plan in PLANS.items()}
SMALLEST: Final = {name: smallest(plan) for name, plan in PLANS.items()}


def survival_of_two_refits(patients: Patients, *, seed: int) -> tuple[FittedSurvival, SurvivalParameters]:
    """As many refits as a bundle needs, all copies of two."""
    fitted, parameters = make_survival(patients, seed=seed, refits=2)
    return fitted, msgspec.structs.replace(parameters, refits=parameters.refits * (LEAST_REFITS // 2))


@contextmanager
def small_training() -> Iterator[None]:
    """Let training use the smallest plans and hardly refit the survival model."""
    with pytest.MonkeyPatch.context() as patch:
        for name, plan in SMALLEST.items():
            patch.setitem(PLANS, name, plan)
        patch.setattr(train, "make_survival", survival_of_two_refits)
        patch.setattr(survival, "PENALTIES", (10.0, 40.0))
        yield
