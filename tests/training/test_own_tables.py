"""Training on tables that lack what the published one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES, OUTCOME
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model
from heartapp.training.data import REQUIRED, read_table
from heartapp.training.train import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cells = list[list[str]]

pytestmark = pytest.mark.usefixtures("small_plans")

NEEDED = [name for name in REQUIRED if name != OUTCOME]


def train_on(path: Path, output: Path, **flags: int) -> dict[str, Model]:
    """The models trained on a table, without report and refits."""
    train(read_table(path, **flags), output, splits=0, refits=0)  # type: ignore[arg-type]
    served = read_served(output)
    return {name: Model(read_bundle(output, name, version)) for name, version in served.items()}


def test_missing_cells_and_absent_columns_leave_both_models_usable(
    cells: Cells, write: Callable[[Cells], Path], tmp_path: Path
) -> None:
    place = cells[0].index("smoking")
    cells = [[*row[:place], *row[place + 1 :]] for row in cells]
    for row in cells[1::5]:
        row[cells[0].index("platelets")] = "NA"
    models = train_on(write(cells), tmp_path / "models", horizon=91)
    for name, model in models.items():
        assert model.names == tuple(one for one in MODEL_VARIABLES[name] if one != "smoking")
        assert "platelets" not in model.required
    manifest = models["bedside"].bundle.manifest
    assert manifest.horizon == 91
    assert manifest.curve is not None
    assert manifest.curve.days[-1] == 91
    assert models["followup"].bundle.manifest.horizon is None


def test_without_follow_up_times_bedside_alone_is_trained_and_has_no_date(
    cells: Cells, write: Callable[[Cells], Path], tmp_path: Path
) -> None:
    kept = [cells[0].index(name) for name in REQUIRED]
    models = train_on(write([[row[place] for place in kept] for row in cells]), tmp_path / "models")
    assert [*models] == ["bedside"]
    manifest = models["bedside"].bundle.manifest
    assert (manifest.horizon, manifest.curve) == (None, None)
    assert [*models["bedside"].names] == NEEDED
    risk = models["bedside"].score(np.array([[80.0, 20, 2.5], [50, 60, 0.9]])).risk
    assert risk[0] > risk[1]
