"""What tests of scoring share: the model, tables of patients, and what the model says of them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Patients = "Callable[[Sequence[str], int], list[list[float]]]"


@pytest.fixture(scope="session")
def bedside(models: Path) -> Model:
    return Model(read_bundle(models, "bedside", read_served(models)["bedside"]))


@pytest.fixture(scope="session")
def patients(bedside: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]) -> pa.Table:
    """3,000 patients with a column of text in front, one value in twenty of those that may be missing gone."""
    generator = np.random.default_rng(3)
    columns: dict[str, pa.Array] = {"name": pa.array([f"Ünal, {number}" for number in range(3_000)])}
    drawn = np.array(random_patients(bedside.names, 3_000))
    for name, values in zip(bedside.names, drawn.T, strict=True):
        kind = pa.float64() if BY_NAME[name].kind == "number" else pa.int8()
        gone = generator.random(len(values)) < (0 if name in bedside.required else 0.05)
        columns[name] = pa.array(values, mask=gone).cast(kind)
    return pa.table(columns)
