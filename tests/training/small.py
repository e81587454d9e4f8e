"""Plans that train in a second, for tests that are not about how good a model is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.training import evaluation, stability
from heartapp.training.cohort import Cohort
from heartapp.training.members import PLANS, Plan, Setting

BOOTSTRAPS: Final = 20
"""Samples of patients for the intervals."""


def lacking(cohort: Cohort, *names: str) -> Cohort:
    """The same patients, without any value of some variables."""
    values = cohort.values.copy()
    values[:, [[*BY_NAME].index(name) for name in names]] = np.nan
    return replace(cohort, values=values)


def small(plan: Plan) -> Plan:
    """The same choices, among ensembles of ten trees in bags of two."""
    candidates = {member: tuple(map(_small, settings)) for member, settings in plan.candidates.items()}
    return replace(plan, candidates=candidates, bags=dict.fromkeys(plan.bags, 2))


def _small(setting: Setting) -> Setting:
    return {**setting, "n_estimators": 10} if "n_estimators" in setting else setting


def _smallest(plan: Plan) -> Plan:
    """The same, and nothing to choose from."""
    return replace(plan, candidates={member: settings[:1] for member, settings in plan.candidates.items()})


SMALLEST: Final = {name: _smallest(small(plan)) for name, plan in PLANS.items()}


@contextmanager
def small_training() -> Iterator[None]:
    """Let training use the smallest plans, and few samples for the intervals."""
    with pytest.MonkeyPatch.context() as patch:
        for name, plan in SMALLEST.items():
            patch.setitem(PLANS, name, plan)
        for module in (evaluation, stability):
            patch.setattr(module, "BOOTSTRAPS", BOOTSTRAPS)
        yield
