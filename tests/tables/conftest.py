from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def bedside(models: Path) -> Model:
    return Model(read_bundle(models, "bedside", read_served(models)["bedside"]))
