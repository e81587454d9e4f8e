"""The generated cohort as training takes it, and what is fitted to it once for all tests."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.report import Evaluation
from heartapp.training import goals
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.defaults import HORIZON, SEED
from heartapp.training.evaluation import evaluate
from heartapp.training.recipe import FittedRecipe, Recipe
from tests.training.small import SMALLEST, small_training

Cells = list[list[str]]

SPLITS = 3
SOMETIMES_MISSING = ("creatinine_phosphokinase", "platelets", "serum_creatinine", "serum_sodium")


@pytest.fixture(autouse=True, scope="session")
def threads() -> Iterator[None]:
    """Work in threads: starting processes takes longer than these tests."""
    with parallel_config(backend="threading"):
        yield


@pytest.fixture
def small_plans() -> Iterator[None]:
    """Small plans for a test that is not about the choice of settings."""
    with small_training():
        yield


@pytest.fixture
def cells(cohort: Path) -> Cells:
    """The cohort's cells, the header first."""
    return list(csv.reader(io.StringIO(cohort.read_text("utf-8"))))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Cells], Path]:
    """Write rows of cells, the header first, as a CSV file."""

    def write_cells(cells: Cells) -> Path:
        path = tmp_path / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(cells)
        return path

    return write_cells


@pytest.fixture(scope="session")
def table(cohort: Path) -> Cohort:
    return read_table(cohort)


@pytest.fixture(scope="session")
def published(published_data: Path) -> Cohort:
    """The published patients."""
    return read_table(published_data).without_fills()


@pytest.fixture(scope="session")
def people(table: Cohort) -> Cohort:
    """The generated patients; some of their values are missing, as fills are in the published table."""
    complete = table.without_fills()
    generator, values = np.random.default_rng(1), complete.values.copy()
    for name in SOMETIMES_MISSING:
        values[generator.random(len(values)) < 0.1, [*BY_NAME].index(name)] = np.nan
    return replace(complete, values=values)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The bedside model's, with nothing to choose from."""
    return Recipe(MODEL_VARIABLES["bedside"], SMALLEST["bedside"], SEED, HORIZON)


@pytest.fixture(scope="session")
def bedside(people: Cohort, recipe: Recipe) -> FittedRecipe:
    """Fitted to three variables."""
    return recipe.fit(people.sample("bedside"))


@pytest.fixture(scope="session")
def followup(people: Cohort) -> FittedRecipe:
    """Fitted to all variables."""
    recipe = Recipe(MODEL_VARIABLES["followup"], SMALLEST["followup"], SEED, None)
    return recipe.fit(people.sample("followup"))


@pytest.fixture(scope="session")
def evaluation(people: Cohort) -> Evaluation:
    """The bedside model's, on a few splits, by which the goals are judged all the same."""
    with small_training(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(goals, "LEAST", SPLITS)
        return evaluate(people, "bedside", seed=1, splits=SPLITS)
