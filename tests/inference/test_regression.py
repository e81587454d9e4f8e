import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from heartapp.errors import BundleError
from heartapp.inference.bundle import MANIFEST, read_bundle
from heartapp.inference.model import Model
from heartapp.inference.regression import Regression, Term
from heartapp.inference.served import read_served

NAME = "bedside"


def test_the_risk_is_the_logistic_of_the_terms_which_are_flat_beyond_their_values() -> None:
    terms = {"age": Term([50.0, 60.0], [0.0, 1.0]), "ejection_fraction": Term([30.0, 40.0], [0.5, -0.5])}
    regression = Regression(-1.0, terms, 2.0, 0.25)
    for age, fraction, log_odds in ((55, 35, -0.5), (40, 20, -0.5), (100, 80, -0.5), (60, 32.5, 0.25)):
        risk = regression.risk({"age": age, "ejection_fraction": fraction})
        assert risk == pytest.approx(1 / (1 + np.exp(-(2 * log_odds + 0.25))), abs=1e-12)


def test_the_shipped_one_agrees_with_the_trees_on_who_is_at_risk(bedside: Model) -> None:
    strong = {"age": 50.0, "ejection_fraction": 55.0, "serum_creatinine": 0.9}
    weak = {"age": 85.0, "ejection_fraction": 20.0, "serum_creatinine": 2.5}
    low, high = (bedside.regression_risk([one.get(name, np.nan) for name in bedside.names]) for one in (strong, weak))
    assert low is not None
    assert high is not None
    assert low < bedside.threshold < high


def test_a_model_without_one_has_none(models: Path) -> None:
    model = Model(read_bundle(models, "followup", read_served(models)["followup"]))
    assert model.regression_risk([variable.example for variable in model.variables]) is None


@pytest.mark.parametrize(("values", "log_odds"), [([2.0, 1.0], [0.0, 0.0]), ([1.0], []), ([1.0, 2.0], [0.0])])
@pytest.mark.parametrize("name", ["age", "sex"])
def test_a_damaged_one_is_refused(
    models: Path, tmp_path: Path, name: str, values: list[float], log_odds: list[float]
) -> None:
    version = read_served(models)[NAME]
    shutil.copytree(models / NAME / version, tmp_path / NAME / version)
    path = tmp_path / NAME / version / MANIFEST
    manifest = json.loads(path.read_bytes())
    manifest["regression"]["terms"] = {name: {"values": values, "log_odds": log_odds}}
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=MANIFEST):
        read_bundle(tmp_path, NAME, version)
