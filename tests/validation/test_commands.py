"""The commands as a user calls them."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from heartapp.cli import main
from heartapp.validation import update
from tests.client import Page, text
from tests.training.small import small_training
from tests.validation.conftest import Drawn, write_table


@pytest.fixture
def run(models: Path) -> Any:
    def invoke(*arguments: str | Path) -> Result:
        return CliRunner(env={"HEARTAPP_MODELS": str(models)}).invoke(main, [*map(str, arguments)])

    return invoke


def test_validate_writes_the_fixed_keys_each_figure_with_its_interval(run: Any, table: Path, drawn: Drawn) -> None:
    target = table.with_name("result.json")
    page = table.with_name("report.html")
    options = ("--outcome", "died", "--bootstrap", 20, "--seed", 2)
    done = run("validate", table, *options, "--json", target, "--report", page)
    assert done.exit_code == 0, done.stderr
    found = json.loads(target.read_text("utf-8"))
    assert (found["patients"], found["events"]) == (len(drawn.died), drawn.died.sum())
    for figure in (
        found["discrimination"]["auc"],
        found["calibration"]["observed_expected"],
        found["calibration"]["slope"],
        found["calibration"]["intercept"],
        found["brier"],
        found["cautions"],
        found["net_benefit"][0]["model"],
    ):
        assert {*figure} == {"value", "low", "high"}
        assert figure["low"] <= figure["high"]
    assert found["discrimination"]["harrell"] is None
    assert {*found["sample_size"]} == {"sufficient", "patients", "criteria"}
    assert found["verdict"] in done.stdout
    assert f"{len(drawn.died)} rows read" in done.stdout
    assert_self_contained(page.read_text("utf-8"), found)


def assert_self_contained(html: str, found: Any) -> None:
    """The report holds the verdict, the plots and every group, and asks for nothing."""
    page = Page(html)
    assert page.text("verdict") == found["verdict"]
    assert len(page.all("figure/svg")) == 3
    headers = {text(header) for header in page.all("tbody//th")}
    assert {one["name"].capitalize() for one in found["subgroups"]} < headers
    assert not any(page.all(name) for name in ("script", "link", "img"))
    assert "url(" not in html


def test_what_is_left_out_and_notes_are_told(run: Any, table: Path) -> None:
    header, first, *rows = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([header, "NA" + first[first.index(",") :], *rows, rows[0]]) + "\n", "utf-8")
    done = run("validate", table, "--outcome", "died", "--bootstrap", 20)
    assert "1 × age is missing" in done.stdout
    assert "1 rows equal an earlier row" in done.stderr


def test_a_mapping_file_is_started_from_the_header_and_used(run: Any, table: Path) -> None:
    file = table.with_name("mapping.toml")
    assert run("validate", table, "--write-mapping", file).exit_code == 0
    assert run("validate", table, "--mapping", file, "--bootstrap", 20).exit_code == 0
    assert "column nothing" in run("validate", table, "--mapping", file, "--outcome", "nothing").stderr


def test_update_writes_a_version_and_says_what_it_is_worth(run: Any, drawn: Drawn, table: Path) -> None:
    died = drawn.died * (np.arange(len(drawn.died)) % 2)
    write_table(table, {**drawn.columns, "died": died})
    arguments = ("update", table, "--outcome", "died", "--bootstrap", 20, "--output", table.with_name("models"))
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    assert "method: recalibrate (closed test" in done.stdout
    assert "observed_expected" in done.stdout
    assert len([*table.with_name("models").glob("bedside/*/model.onnx")]) == 1
    assert "before:" in run(*arguments, "--method", "recalibrate", "--anyway").stdout


def test_update_can_refit(run: Any, drawn: Drawn, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "REFITS", 3)
    odds = (drawn.columns["ejection_fraction"] - 45) / 10
    died = np.random.default_rng(3).random(len(odds)) < 1 / (1 + np.exp(-odds))
    write_table(table, {**drawn.columns, "died": died.astype(np.int64)})
    with small_training():
        done = run(
            "update", table, "--outcome", "died", "--bootstrap", 20, "--method", "refit", "--output", table.parent
        )
    assert done.exit_code == 0, done.stderr
    assert "method: refit" in done.stdout
    manifest, *_ = table.parent.glob("bedside/*/manifest.json")
    assert json.loads(manifest.read_bytes())["horizon"] is None


def test_a_missing_extra_is_named(run: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "heartapp.validation.validate", None)
    stderr = run("validate", table, "--outcome", "died").stderr
    assert "validation needs more packages" in stderr
    assert "scikit-learn" in stderr
    monkeypatch.setitem(sys.modules, "heartapp.training.train", None)
    stderr = run("update", table, "--outcome", "died", "--bootstrap", 20, "--method", "refit").stderr
    assert "a refit needs more packages" in stderr
