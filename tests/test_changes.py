"""The two changes that CONTRIBUTING describes, made in a copy of the tree: a new variable, another limit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.inference.bundle import list_bundles
from tests.client import ROOT

NEW = """    Variable(
        name="bnp",
        label="BNP",
        group="Measurements",
        kind="number",
        unit="pg/mL",
        low=1,
        high=50_000,
        logarithmic=True,
        help="B-type natriuretic peptide.",
        example=300,
    ),
"""
HIGHER = BY_NAME["age"].high + 10

TRAIN = """
import sys
from heartapp.cli import main
from tests.training.small import small_training
with small_training():
    main(["train", "--data", sys.argv[1], "--output", "models", "--skip-report"])
"""

ASK = """
import json, sys
from heartapp.clinical.variables import BY_NAME
from tests.client import example, form_page, make_app
client = make_app().test_client()
patient = {**example("followup"), "age": BY_NAME["age"].high}
print(json.dumps({
    "prediction": client.post("/api/v1/predict?model=followup&explain=true", json=patient).json,
    "without": client.post("/api/v1/predict?model=followup", json={**patient, "bnp": None}).json,
    "openapi": client.get("/api/v1/openapi.json").json["components"]["schemas"],
    "fields": [field.attrib.get("name") for field in form_page(client).all("input")],
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Path:
    """A copy of the tree with one more variable and a higher limit, whose models are trained on a cohort with both."""
    folder = tmp_path_factory.mktemp("changed")
    for name in ("heartapp", "models", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "wsgi.py"):
        shutil.copy(ROOT / name, folder)
    declaration = folder / "heartapp" / "clinical" / "variables.py"
    text = declaration.read_text("utf-8")
    text = text.replace(
        '    Variable(\n        name="serum_creatinine"', f'{NEW}    Variable(\n        name="serum_creatinine"'
    )
    text = text.replace(f"high={BY_NAME['age'].high:g},", f"high={HIGHER:g},", 1)
    declaration.write_text(text, "utf-8")
    rows = cohort.read_text("utf-8").splitlines()
    values = np.random.default_rng(1).lognormal(6, 1, len(rows)).round().clip(1, 5_000)
    table = [f"{row},{value:g}" for row, value in zip(rows[1:], values[1:], strict=True)]
    (folder / "cohort.csv").write_text("\n".join([f"{rows[0]},bnp", *table]) + "\n", "utf-8")
    run(folder, "-c", TRAIN, "cohort.csv")
    for name, version in set(list_bundles(folder / "models")) - set(list_bundles(ROOT / "models")):
        heartapp(folder, "models", "promote", "--anyway", name, version)
    return folder


def run(folder: Path, *arguments: str, status: int = 0) -> str:
    """What a Python process prints that imports heartapp from the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def heartapp(folder: Path, *arguments: str, status: int = 0) -> str:
    return run(folder, "-c", "from heartapp.cli import main; main()", *arguments, status=status)


def test_the_bundles_from_before_and_after_the_changes_are_verified(tree: Path) -> None:
    verified = [line.partition(": good, ")[0] for line in heartapp(tree, "models", "verify").splitlines()]
    assert verified == [f"{name} {version}" for name, version in list_bundles(tree / "models")]
    assert len(verified) == len(list_bundles(ROOT / "models")) + len(MODEL_VARIABLES)


def test_api_contract_and_form_have_the_new_variable_and_the_new_limit(tree: Path) -> None:
    answers = json.loads(run(tree, "-c", ASK))
    contributions = answers["prediction"]["explanation"]["contributions"]
    assert len(contributions) == len(VARIABLES) + 1
    assert "bnp" in {part["field"] for part in contributions}
    assert 0 < answers["prediction"]["risk"] < 1
    (error,) = answers["without"]["errors"]
    assert error["field"] == "bnp"
    schema = answers["openapi"]["FollowupPatient"]["properties"]
    assert (schema["bnp"]["maximum"], schema["age"]["maximum"]) == (50_000, HIGHER)
    assert "bnp" in answers["fields"]


def test_a_table_without_the_new_column_can_still_be_read(tree: Path, cohort: Path) -> None:
    script = (
        "import sys, pathlib, heartapp.training.data as data; print(data.read_table(pathlib.Path(sys.argv[1])).notes)"
    )
    assert "the models leave it out: bnp" in run(tree, "-c", script, str(cohort))


def test_the_contracts_hold_without_a_change_to_the_tests(tree: Path) -> None:
    tests = ["tests/test_contracts.py", "tests/clinical"]
    run(tree, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not without_javascript", *tests)
