import csv
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from heartapp.cli import main
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.errors import DataError
from heartapp.inference.bundle import list_bundles, read_bundle
from heartapp.inference.model import ModelIdentity
from heartapp.inference.served import read_served
from heartapp.tables.columns import model_label
from heartapp.training import download, protocols, train
from heartapp.training.audit import audit
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.defaults import SEED
from tests.client import SHIPPED, damaged_copy
from tests.inference.test_signatures import make_key
from tests.training.small import small_training

COMMANDS = (
    "serve",
    "train",
    "evaluate",
    "validate",
    "update",
    "audit-data",
    "score",
    "models",
    "keys",
    "config",
    "variables",
)


def run(*arguments: str | Path, **environment: str) -> Result:
    """Run the command without the settings of the person who runs the tests."""
    empty = {name: None for name in os.environ if name.startswith("HEARTAPP_")}
    return CliRunner().invoke(main, [*map(str, arguments)], env={**empty, **environment}, prog_name="heartapp")


def output(*arguments: str | Path, **environment: str) -> str:
    """What a command prints that succeeds."""
    result = run(*arguments, **environment)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def failure(status: int, *arguments: str | Path, **environment: str) -> str:
    """The last line of a command that fails."""
    result = run(*arguments, **environment)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (status, "")
    assert "Traceback" not in result.stderr
    *usage, last = result.stderr.strip().splitlines()
    assert last.startswith("Error: ")
    assert (usage != []) is (status == 2)
    return last


@pytest.fixture
def faulty(cohort: Path, tmp_path: Path) -> Path:
    """A table whose first patient's age is no number."""
    table = tmp_path / "table.csv"
    table.write_text(re.sub(r"\n[^,]+", "\nold", cohort.read_text(), count=1))
    return table


# help


def test_help_names_every_command() -> None:
    listed = output("-h")
    for command in COMMANDS:
        assert f"\n  {command} " in listed
        assert output(command, "--help").startswith(f"Usage: heartapp {command}")
    assert output("--version").startswith("heartapp, version ")


# serve


def test_serve_says_in_one_line_which_option_or_setting_is_wrong(tmp_path: Path) -> None:
    for option, value in (("--workers", "0"), ("--port", "70000"), ("--port", "http")):
        assert option in failure(2, "serve", option, value)
    line = failure(1, "serve", HEARTAPP_HOME=str(tmp_path), HEARTAPP_PORT="80")
    assert line.startswith("Error: the environment: unknown setting port; ")


# train


def test_train_adds_versions_that_are_served_once_they_are_promoted(cohort: Path, tmp_path: Path) -> None:
    folder = damaged_copy(tmp_path / "models")
    with small_training():
        printed = output("train", "--data", cohort, "--output", folder, "--seed", "2", "--skip-report")
    first, *wrote = printed.splitlines()
    assert re.fullmatch(r"150 patients, \d+ deaths: another table", first)
    new = sorted(set(list_bundles(folder)) - set(list_bundles(SHIPPED)))
    assert {name for name, _ in new} == set(MODEL_VARIABLES)
    verified = output("models", "--folder", folder, "verify").splitlines()
    assert [tuple(line.partition(": good, sha256:")[0].split()) for line in verified] == list_bundles(folder)
    bundle = read_bundle(folder, *new[0])
    assert (bundle.manifest.seed, bundle.report.evaluation, bundle.report.instability) == (2, None, None)

    assert read_served(folder) == read_served(SHIPPED)
    for line, (name, version) in zip(wrote, new, strict=True):
        command = line.removeprefix(f"wrote {folder / name / version}; serve it with: heartapp ").split()
        assert failure(1, *command).endswith("or promote it with --anyway")
        assert output(*command, "--anyway").startswith(f"{name} {version} is served instead of ")
    assert read_served(folder) == dict(new)
    listed = {tuple(line.split()) for line in output("models", "--folder", folder).splitlines()}
    assert listed == {*list_bundles(SHIPPED), *((*one, "served") for one in new)}
    assert output("models", "--folder", folder, "rollback", "bedside").startswith("bedside ")
    assert read_served(folder)["bedside"] == read_served(SHIPPED)["bedside"]


def test_train_names_the_faulty_cell_or_file(faulty: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    line = failure(1, "train", "--data", faulty, "--output", models)
    assert line.startswith(f"Error: {faulty}: row 2, column age: must be a number")
    line = failure(1, "train", "--data", tmp_path / "none.csv", "--output", models)
    assert line == f"Error: {tmp_path}/none.csv: No such file or directory; name a CSV file"
    assert "is a directory" in failure(2, "train", "--data", tmp_path)
    assert not models.exists()


def test_an_altered_table_is_used_only_with_the_option(
    published_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "train", lambda *_, **__: [])
    table = tmp_path / "altered.csv"
    table.write_text(re.sub(r"\n75(\.0)?,", "\n74,", published_data.read_text(), count=1))
    line = failure(1, "train", "--data", table)
    assert "row 2" in line
    assert "--allow-altered" in line
    assert "another table" in output("train", "--data", table, "--allow-altered")


def test_without_a_table_the_published_one_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> None:
        raise DataError("it could not be downloaded")

    monkeypatch.setattr(download, "download_table", fail)
    for command in (("train", "--output", tmp_path), ("evaluate",)):
        assert failure(1, *command) == "Error: it could not be downloaded"


@pytest.mark.parametrize("command", ["train", "evaluate", "audit-data"])
def test_a_missing_package_is_named_with_both_ways_to_install_it(
    monkeypatch: pytest.MonkeyPatch, cohort: Path, command: str
) -> None:
    for module in ("data", "audit"):
        monkeypatch.setitem(sys.modules, f"heartapp.training.{module}", None)  # as if it could not be imported
    line = failure(1, command, *((cohort,) if command == "audit-data" else ("--data", cohort)))
    assert "is missing" in line
    assert "`make .venv/train`" in line
    assert re.search("`pip install joblib .*scikit-learn .*xgboost(-cpu)?`", line)


# evaluate and audit-data


def test_evaluate_prints_the_lines_of_the_protocols(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_protocols(table: Cohort, **options: int) -> list[str]:
        return [table.digest, str(options)]

    monkeypatch.setattr(protocols, "run_protocols", run_protocols)
    told = output("evaluate", "--data", cohort, "--splits", "2", "--refits", "3", "--split-seed", "7").splitlines()
    assert told[1:] == [read_table(cohort).digest, str({"seed": SEED, "splits": 2, "split_seed": 7, "refits": 3})]


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_train_and_evaluate_read_tables_by_the_same_flags(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    tables: list[Cohort] = []

    def keep(table: Cohort, *_: Path, **__: int) -> list[str]:
        tables.append(table)
        return []

    monkeypatch.setattr(train, "train", keep)
    monkeypatch.setattr(protocols, "run_protocols", keep)
    header, *rows = cohort.read_text("utf-8").splitlines()
    path = tmp_path / "table.csv"
    path.write_text("\n".join([f"{header},ward", *(f"{row},7" for row in [*rows, *rows])]).replace(",", ";"))
    table = (command, "--data", path)
    assert "--delimiter semicolon" in failure(1, *table)
    assert "--anyway" in failure(1, *table, "--delimiter", "semicolon")
    flags = ("--delimiter", "semicolon", "--anyway", "--allow-altered", "--horizon", "90")
    notes = run(*table, *flags).stderr.splitlines()
    assert notes[0] == "kept out, as they are not variables: ward"
    assert "292 more equal another row" in notes[1]
    assert [(one.horizon, len(one.outcome)) for one in tables] == [(90, 300)]
    assert "--horizon" in failure(2, *table, "--horizon", "29")


def test_a_table_is_refused_before_the_training_code_is_loaded(cohort: Path, run_python: Callable[..., str]) -> None:
    script = """
import sys
from heartapp.cli import main
from heartapp.inference.served import read_served
try:
    main(["train", "--data", sys.argv[1], "--horizon", "30"])
except SystemExit as left:
    print(left.code, *sorted({"sklearn", "xgboost", "onnx"} & {*sys.modules}))
"""
    assert run_python(script, cohort) == "1\n"


def test_an_audit_prints_its_findings_and_ends_with_status_1_for_a_fault(cohort: Path, faulty: Path) -> None:
    assert output("audit-data", cohort).strip() == audit(cohort).text()
    assert json.loads(output("audit-data", cohort, "--json")) == json.loads(msgspec.json.encode(audit(cohort)))
    result = run("audit-data", faulty)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.strip() == audit(faulty).text().strip()
    assert "No such file" in failure(1, "audit-data", faulty.with_name("none.csv"))


# score


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Two patients in a file."""
    path = tmp_path / "in.csv"
    path.write_text("id,age,ejection_fraction,serum_creatinine,time\na,62,35,1.4,100\nb,80,20,2.5,30\n")
    return path


def score(*arguments: str | Path, **environment: str) -> Result:
    return run("score", *arguments, HEARTAPP_MODELS=str(SHIPPED), **environment)


def identity(name: str) -> ModelIdentity:
    bundle = read_bundle(SHIPPED, name, read_served(SHIPPED)[name])
    return ModelIdentity(name, bundle.manifest.version, bundle.digest)


def test_score_adds_columns_and_says_what_was_done_and_by_which_model(few: Path) -> None:
    result = score(few, few.with_name("out.csv"))
    assert (result.exit_code, result.stdout) == (0, "")
    absent, counts, model = result.stderr.splitlines()
    assert absent.startswith("no column anaemia, ")
    assert counts == "2 rows read = 2 scored + 0 rejected"
    assert model.endswith(identity("bedside").digest)
    assert score(few, "-").stdout == few.with_name("out.csv").read_text()
    rows = [*csv.DictReader(few.with_name("out.csv").read_text().splitlines())]
    assert [(row["id"], row["model"]) for row in rows] == [(name, model_label(identity("bedside"))) for name in "ab"]


def test_score_uses_the_model_that_is_named_or_configured(few: Path) -> None:
    few.write_text("\n".join([",".join(BY_NAME), ",".join(str(variable.example) for variable in VARIABLES)]))
    followup = identity("followup")
    for arguments, environment in (
        (["--model", "followup"], {}),
        ([], {"HEARTAPP_DEFAULT_MODEL": "followup"}),
        (["--model", "followup"], {"HEARTAPP_SERVED": json.dumps({"followup": followup.version})}),
    ):
        assert score(few, few.with_name("out.csv"), *arguments, **environment).exit_code == 0
        assert few.with_name("out.csv").read_text().strip().endswith(model_label(followup))
    assert "no version of none that is served" in score(few, few.with_name("out.csv"), "--model", "none").stderr
    pinned = score(few, few.with_name("out.csv"), HEARTAPP_SERVED='{"bedside": "999"}')
    assert "there is no bundle bedside 999" in pinned.stderr


def test_score_ends_with_status_3_and_counts_rejects_by_reason(few: Path) -> None:
    few.write_text(few.read_text() + "c,300,20,2.5,30\nd,x,20,2.5,30\ne,62\n")
    result = score(few, few.with_name("out.csv"))
    assert result.exit_code == 3
    assert result.stderr.splitlines()[1:-1] == [
        "5 rows read = 2 scored + 3 rejected",
        f"  2 × age must be {BY_NAME['age'].expected}",
        "  1 × has 2 cells, the header has 5",
        f"rejected rows: {few.with_name('out.csv.rejects.csv')}",
    ]


def test_score_of_a_folder_can_be_resumed(few: Path) -> None:
    (few.parent / "in").mkdir()
    few.rename(few.parent / "in" / "a.csv")
    for arguments, counts in (([], "2 rows read"), (["--resume"], "0 rows read")):
        result = score(few.parent / "in", few.parent / "out", "--threads", "1", *arguments)
        assert result.exit_code == 0
        assert f"\n{counts} = " in result.stderr
    assert "--resume" in failure(1, "score", few.parent / "in", few.parent / "out", HEARTAPP_MODELS=str(SHIPPED))


def test_score_says_in_one_line_what_is_wrong(few: Path) -> None:
    target = few.with_name("out.csv")
    environment = {"HEARTAPP_MODELS": str(SHIPPED)}
    assert "is the same file" in failure(1, "score", few, few, **environment)
    assert "No such file" in failure(1, "score", few.with_name("none.csv"), target, **environment)
    assert "a single column" in failure(1, "score", few, target, "--delimiter", "tab", **environment)
    assert "Missing argument 'OUTPUT'" in failure(2, "score", few)
    assert "--threads" in failure(2, "score", few, target, "--threads", "0")
    assert "folder or pattern" in failure(2, "score", few, target, "--resume")


@pytest.mark.parametrize(
    ("module", "extras", "arguments"),
    [
        ("heartapp.scoring.parts", ["bulk"], []),
        ("heartapp.scoring.cluster", ["dask", "bulk"], ["--scheduler", "tcp://127.0.0.1:9"]),
    ],
)
def test_score_names_the_packages_that_it_needs(
    few: Path, monkeypatch: pytest.MonkeyPatch, module: str, extras: list[str], arguments: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it could not be imported
    declared = tomllib.loads((SHIPPED.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {one.partition(">")[0] for extra in extras for one in declared[extra]} - {"heartapp[bulk]"}
    line = failure(1, "score", few.parent, few.parent / "out", *arguments, HEARTAPP_MODELS=str(SHIPPED))
    assert f"({module} is missing)" in line
    assert "make .venv/bulk" in line
    assert {*line.partition("pip install ")[2].rstrip("`").split()} == needed


# models


def test_models_lists_the_bundles_and_marks_what_is_served() -> None:
    served = read_served(SHIPPED)
    lines = output("models", "--folder", SHIPPED).splitlines()
    assert lines == [
        f"{name} {version}{'  served' * (served[name] == version)}" for name, version in list_bundles(SHIPPED)
    ]
    assert output("models", "--folder", SHIPPED, "list").splitlines() == lines


def test_the_folder_comes_from_the_environment_or_the_home(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(SHIPPED)
    for environment in ({"HEARTAPP_MODELS": str(SHIPPED)}, {"HEARTAPP_HOME": str(tmp_path)}):
        assert output("models", **environment) == output("models", "--folder", SHIPPED)


def test_show_gives_what_the_api_gives_or_says_what_there_is() -> None:
    folder = ("models", "--folder", SHIPPED, "show")
    shown, served = output(*folder, "bedside"), identity("bedside")
    assert json.loads(shown)["model"] == {"name": "bedside", "version": served.version, "digest": served.digest}
    assert output(*folder, "bedside", served.version) == shown
    listed = ", ".join(f"{name} {version}" for name, version in list_bundles(SHIPPED))
    for asked, told in (
        (("none",), "no version of none that is served"),
        (("bedside", "999"), "no bundle bedside 999"),
        (("..", "bedside"), "no bundle .. bedside"),
    ):
        assert failure(1, *folder, *asked) == f"Error: {SHIPPED}: there is {told}; these are there: {listed}"


def test_verify_names_what_is_damaged_goes_on_and_ends_with_status_1(tmp_path: Path) -> None:
    folder = damaged_copy(tmp_path / "models", "bedside")
    result = run("models", "--folder", folder, "verify")
    assert result.exit_code == 1
    versions = {name: [version for one, version in list_bundles(folder) if one == name] for name in MODEL_VARIABLES}
    for line, version in zip(result.stderr.splitlines(), versions["bedside"], strict=True):
        assert line.startswith(f"bedside {version}: bedside/{version}/model.onnx: its SHA-256")
    for line, version in zip(result.stdout.splitlines(), versions["followup"], strict=True):
        assert line.startswith(f"followup {version}: good, sha256:")


def test_a_folder_without_bundles_is_not_found_good(tmp_path: Path) -> None:
    told = failure(1, "models", "--folder", tmp_path, "verify")
    assert told == f"Error: {tmp_path}: there is no bundle; name another folder with --folder"
    assert failure(1, "models", "--folder", tmp_path).startswith(f"Error: {tmp_path}: served.toml: ")
    (tmp_path / "served.toml").write_text("")
    assert failure(1, "models", "--folder", tmp_path, "show", "bedside").endswith("; these are there: none")


def test_with_trusted_keys_a_bundle_has_to_be_signed_before_it_is_promoted(tmp_path: Path) -> None:
    folder, (private, public) = damaged_copy(tmp_path / "models"), make_key(tmp_path)
    version, keys = read_served(SHIPPED)["bedside"], {"HEARTAPP_TRUSTED_KEYS": str(public)}
    models = ("models", "--folder", folder)
    assert "model.sig is not there" in failure(1, *models, "promote", "bedside", version, **keys)
    assert output(*models, "sign", "bedside", version, "--key", private).endswith("model.sig\n")
    assert output(*models, "promote", "bedside", version, **keys).startswith(f"bedside {version} is served")
    verified = run(*models, "verify", **keys)
    assert verified.exit_code == 1
    assert f"bedside {version}: good" in verified.stdout
    assert "followup/" in verified.stderr


def test_keys_are_added_listed_and_revoked(tmp_path: Path) -> None:
    home = {"HEARTAPP_HOME": str(tmp_path)}
    secret = output("keys", "add", "clinic", **home).strip()
    assert secret.startswith("heartapp_")
    output("keys", "add", "operator", "--scope", "predict", "--scope", "metrics", **home)
    listed = output("keys", "list", **home)
    assert [line.split()[:2] for line in listed.splitlines()] == [
        ["clinic", "predict"],
        ["operator", "predict,metrics"],
    ]
    assert secret not in listed
    assert "there is a key clinic" in failure(1, "keys", "add", "clinic", **home)
    output("keys", "revoke", "clinic", **home)
    assert output("keys", "list", **home).startswith("operator ")


# variables


def test_variables_are_printed_with_what_is_expected_and_as_json() -> None:
    for line, variable in zip(output("variables").splitlines(), VARIABLES, strict=True):
        assert line.split(maxsplit=1) == [variable.name, f"{variable.expected}. {variable.label}: {variable.help}"]
    listed = [json.loads(json.dumps(asdict(variable))) for variable in VARIABLES]
    assert json.loads(output("variables", "--json")) == listed


def test_characters_that_a_code_page_lacks_are_replaced() -> None:
    result = CliRunner(charset="cp1252").invoke(main, ["variables"])
    assert (result.exit_code, result.exception) == (0, None)
    assert "200 000" in result.stdout
