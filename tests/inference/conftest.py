"""The shipped models, one after the other."""

from pathlib import Path

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import Bundle, read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served


@pytest.fixture(scope="session", params=MODEL_VARIABLES)
def bundle(request: pytest.FixtureRequest, models: Path) -> Bundle:
    return read_bundle(models, request.param, read_served(models)[request.param])


@pytest.fixture(scope="session")
def model(bundle: Bundle) -> Model:
    return Model(bundle)
