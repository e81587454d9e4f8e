"""The generated cohort as training takes it, and what is fitted to it once for all tests of this floor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.training.cohort import Cohort
from heartapp.training.data import Table, read_table
from heartapp.training.evaluation import evaluate
from heartapp.training.members import PLANS
from heartapp.training.recipe import FittedRecipe, fit_recipe
from heartapp.training.refitting import Refit, refit

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.report import Evaluation

SEED = 519
SPLITS = 3
REFITS = 3
SOMETIMES_MISSING = ("creatinine_phosphokinase", "platelets", "serum_creatinine", "serum_sodium")


@pytest.fixture(scope="session")
def table(cohort: Path) -> Table:
    return read_table(cohort)


@pytest.fixture(scope="session")
def people(table: Table) -> Cohort:
    """The generated patients; some of their values are missing, as fills are in the published table."""
    complete = Cohort.from_table(table)
    generator, values = np.random.default_rng(1), complete.values.copy()
    names = Cohort.names("followup")
    for name in SOMETIMES_MISSING:
        values[generator.random(len(values)) < 0.1, names.index(name)] = np.nan
    return replace(complete, values=values)


@pytest.fixture(scope="session")
def bedside(people: Cohort) -> FittedRecipe:
    return fit_recipe(people.features("bedside"), people.outcome, people.names("bedside"), PLANS["bedside"], SEED)


@pytest.fixture(scope="session")
def followup(people: Cohort) -> FittedRecipe:
    return fit_recipe(people.features("followup"), people.outcome, people.names("followup"), PLANS["followup"], SEED)


@pytest.fixture(scope="session")
def evaluation(people: Cohort) -> Evaluation:
    """The bedside model's, on a few splits."""
    return evaluate(people, "bedside", PLANS["bedside"], seed=1, splits=SPLITS)


@pytest.fixture(scope="session")
def refitted(people: Cohort) -> list[Refit]:
    """The bedside model on a few bootstrap samples."""
    features = people.features("bedside")
    return refit(features, people.outcome, people.names("bedside"), PLANS["bedside"], seed=SEED, refits=REFITS)
