"""Cohorts with known answers: patients are drawn, and die as often as the model says, or by a shift of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from numpy.typing import NDArray

from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served

ROWS = 600
DAYS = 365.25


@pytest.fixture(autouse=True, scope="session")
def threads() -> Iterator[None]:
    """Work in threads: starting processes takes longer than these tests."""
    with parallel_config(backend="threading"):
        yield


@pytest.fixture(scope="session")
def bedside(models: Path) -> Model:
    return Model(read_bundle(models, "bedside", read_served(models)["bedside"]))


@pytest.fixture(scope="session")
def followup(models: Path) -> Model:
    return Model(read_bundle(models, "followup", read_served(models)["followup"]))


@dataclass(frozen=True)
class Drawn:
    """Patients: their columns by variable, the model's risk, who died by the horizon, and the days to death."""

    columns: dict[str, NDArray[np.float64]]
    risk: NDArray[np.float64]
    died: NDArray[np.int64]
    days: NDArray[np.float64]


def draw(model: Model, rows: int = ROWS, *, seed: int = 1, intercept: float = 0, slope: float = 1) -> Drawn:
    """Draw patients whose true risk is a recalibration of the model's."""
    generator = np.random.default_rng(seed)
    columns = {
        "age": generator.integers(40, 95, rows).astype(np.float64),
        "sex": generator.integers(0, 2, rows).astype(np.float64),
        "ejection_fraction": generator.integers(15, 70, rows).astype(np.float64),
        "serum_creatinine": generator.lognormal(0.25, 0.5, rows).round(2).clip(0.5, 9),
    }
    values = np.column_stack([columns.get(name, np.full(rows, np.nan)) for name in model.names])
    risk = model.risk(values)
    hazard = -np.log1p(-1 / (1 + np.exp(-(intercept + slope * np.log(risk / (1 - risk))))))
    assert model.curve is not None
    share = generator.exponential(size=rows) / hazard
    inside = np.interp(share, model.curve.exponents, model.curve.days)
    days = np.where(share < 1, inside, share * model.curve.horizon)
    return Drawn(columns, risk, (share < 1).astype(np.int64), np.maximum(days, 0.5))


def write_table(path: Path, columns: Mapping[str, Sequence[object] | NDArray[np.generic]]) -> Path:
    """A CSV file; numbers in the digits that give them back."""
    rows = zip(*(list(column) for column in columns.values()), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="session")
def drawn(bedside: Model) -> Drawn:
    return draw(bedside)


@pytest.fixture
def table(drawn: Drawn, tmp_path: Path) -> Path:
    return write_table(tmp_path / "cohort.csv", {**drawn.columns, "died": drawn.died})
