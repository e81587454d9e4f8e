"""What tests of several floors share: models, data, a generated cohort, patients, and when a test may be skipped."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from heartapp.clinical.variables import BY_NAME, OUTCOME, VARIABLES
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served
from tests.client import make_app

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT.parent / "shared" / "data" / "heart_failure_clinical_records.csv"
COHORT_PATIENTS = 150


def _option(name: str, default: str) -> str:
    """``HEARTAPP_<name>`` of the environment, kept there as ``TESTS_<name>`` for the other processes of pytest."""
    value = os.environ.get(f"HEARTAPP_{name}") or os.environ.get(f"TESTS_{name}", default)
    os.environ[f"TESTS_{name}"] = value
    return value


FORBID_SKIPS = _option("FORBID_SKIPS", "0") == "1"
REPRODUCE = _option("REPRODUCE", "0") == "1"
COLD_STARTS = int(_option("COLD_STARTS", "1"))
# The programs that tests start inherit the environment; remove the settings of whoever runs the tests.
for _name in [name for name in os.environ if name.startswith("HEARTAPP_") and name != "HEARTAPP_CHROMIUM"]:
    del os.environ[_name]

# How long an example takes says more of the machine than of heartapp. CI tries the same examples each time, so that a
# change is judged by what it changes; on a developer's machine they are new ones.
settings.register_profile(
    "heartapp", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("heartapp")


def require(available: bool, reason: str, *, installed_in_ci: bool = False) -> None:  # noqa: FBT001 - reads as a sentence
    """Skip the test where what it needs is not there.

    ``HEARTAPP_FORBID_SKIPS=1``, as ``.ci/run`` sets it, makes a failure of the absence of what CI installs. What a
    clone may lack, such as the published data set, stays a skip.
    """
    if available:
        return
    if FORBID_SKIPS and installed_in_ci:
        pytest.fail(f"{reason} (HEARTAPP_FORBID_SKIPS=1 turns this skip into a failure)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def models() -> Path:
    """The shipped bundles. Tests change copies only."""
    return ROOT / "models"


@pytest.fixture(scope="session")
def bedside(models: Path) -> Model:
    """The shipped bedside model."""
    return Model(read_bundle(models, "bedside", read_served(models)["bedside"]))


@pytest.fixture(scope="session")
def published_data() -> Path:
    """The published data set, which is not committed to the project."""
    require(PUBLISHED.is_file(), f"the published data set is not at {PUBLISHED}")
    return PUBLISHED


@pytest.fixture(scope="session")
def random_patients() -> Callable[[Sequence[str], int], list[list[float]]]:
    """Patients anywhere within the limits, most of them where the trees split, by names of variables and number."""

    def draw(names: Sequence[str], count: int) -> list[list[float]]:
        generator = np.random.default_rng(0)
        columns = []
        for variable in (BY_NAME[name] for name in names):
            share = generator.random(count)
            if variable.kind == "number":
                columns.append((variable.low + (variable.high - variable.low) * share**3).round(3))
            else:
                columns.append(share.round())
        return [list(map(float, row)) for row in zip(*columns, strict=True)]

    return draw


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of generated patients in the ranges of the published one; the old, weak and ill die more often."""
    generator = np.random.default_rng(519)
    size = COHORT_PATIENTS
    columns = {variable.name: generator.integers(0, 2, size).astype(np.float64) for variable in VARIABLES}
    columns["age"] = generator.integers(40, 96, size).astype(np.float64)
    columns["creatinine_phosphokinase"] = generator.lognormal(5.6, 1, size).round().clip(23, 7861)
    columns["ejection_fraction"] = generator.integers(14, 71, size).astype(np.float64)
    columns["platelets"] = generator.normal(263_000, 90_000, size).round(-2).clip(25_100, 850_000)
    columns["serum_creatinine"] = generator.lognormal(0.2, 0.4, size).round(2).clip(0.5, 9.4)
    columns["serum_sodium"] = generator.integers(120, 149, size).astype(np.float64)
    ill = (
        0.08 * (columns["age"] - 67)
        - 0.07 * (columns["ejection_fraction"] - 42)
        + 2 * (columns["serum_creatinine"] - 1.3)
    )
    died = generator.random(size) < 1 / (1 + np.exp(1 - ill))
    columns["time"] = np.where(died, generator.integers(4, 200, size), generator.integers(60, 286, size)).astype(
        np.float64
    )
    columns[OUTCOME] = died.astype(np.float64)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    path = tmp_path_factory.mktemp("cohort") / "cohort.csv"
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="session")
def run_python() -> Callable[..., str]:
    """Run a script in a Python process of its own, with arguments; gives what it printed."""

    def run(script: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


# The web floors: tests/web, tests/api, tests/ui, and the tests of the factory and of the contracts.


@pytest.fixture(scope="session")
def app() -> Flask:
    """The application over the shipped bundles. Tests ask it and do not change it."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor without cookies."""
    return app.test_client()
