"""`/validate` with real tables and the real child process."""

import csv
import fcntl
import http.client
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import msgspec
import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heartapp.inference.model import Model
from heartapp.ui import validate as page_of_validate
from heartapp.ui import work
from heartapp.validation import child
from heartapp.validation.cohort import read_cohort
from heartapp.validation.mapping import Mapping
from heartapp.validation.options import SEED
from heartapp.validation.validate import validate
from tests.client import Page, make_app, text
from tests.server.running import make_home, running, wait_until
from tests.validation.conftest import draw, write_table

ROWS = 300
BOOTSTRAPS = 20
AS_MAPPED = Mapping(
    outcome="Dead",
    columns={"age": "Years", "ejection_fraction": "LVEF", "serum_creatinine": "Creatinine_umol", "sex": "Gender"},
    units={"ejection_fraction": "fraction", "serum_creatinine": "umol/L"},
    codes={"sex": {"M": 1, "F": 0}, "outcome": {"yes": 1, "no": 0}},
)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lock is one for each home."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    monkeypatch.setattr(page_of_validate, "BOOTSTRAPS", BOOTSTRAPS)
    return tmp_path


@pytest.fixture(scope="module")
def table(bedside: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients whose columns have other names, units and codes."""
    drawn = draw(bedside, ROWS)
    columns = {
        "Years": drawn.columns["age"],
        "LVEF": (drawn.columns["ejection_fraction"] / 100).round(2),
        "Creatinine_umol": (drawn.columns["serum_creatinine"] * 88.42).round(1),
        "Gender": np.where(drawn.columns["sex"] == 1, "M", "F"),
        "Dead": np.where(drawn.died == 1, "yes", "no"),
        "Days": drawn.days.round(1),
    }
    return write_table(tmp_path_factory.mktemp("validate") / "cohort.csv", columns)


def post(client: FlaskClient, fields: dict[str, Any]) -> TestResponse:
    return client.post("/validate", data=fields, content_type="multipart/form-data")


def upload(client: FlaskClient, content: bytes | Path, **fields: str) -> TestResponse:
    read = content if isinstance(content, bytes) else content.read_bytes()
    return post(client, {"file": (io.BytesIO(read), "cohort.csv"), **fields})


def chosen(field: Element) -> str:
    options = [*field.iter("option")]
    one = next((option for option in options if "selected" in option.attrib), options[0])
    return one.get("value", one.text or "")


def fields_of(response: TestResponse) -> dict[str, str]:
    """What a browser would send from this page."""
    page = Page(response.text)
    typed = {
        one.attrib["name"]: one.get("value", "") for one in page.all("form//input") if one.get("type") != "checkbox"
    }
    return typed | {one.attrib["name"]: chosen(one) for one in page.all("form//select")}


@pytest.fixture
def step(client: FlaskClient, table: Path) -> dict[str, str]:
    """The second step's form, as guessed, with the one column that has no known name."""
    return {**fields_of(upload(client, table)), "column-age": "Years", "unit-age": "years", "answer": "report"}


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work without a process, which takes two seconds to start."""

    class InProcess:
        def __init__(self, task: dict[str, object]) -> None:
            self.result = child.work(msgspec.json.encode(task), print)

        def progress(self) -> Iterator[int]:
            yield from ()

        def stop(self) -> None:
            """There is no process."""

    monkeypatch.setattr(page_of_validate, "Work", InProcess)


def shown_faults(response: TestResponse, status: int) -> str:
    assert response.status_code == status
    return Page(response.text).text("faults")


def test_the_first_page_links_to_it(client: FlaskClient) -> None:
    links = {link.attrib["href"] for link in Page(client.get("/").text).all("a")}
    assert "/validate" in links
    assert Page(client.get("/validate").text).ids["file"].get("type") == "file"


def test_columns_units_and_codes_are_guessed_and_the_first_row_is_shown(client: FlaskClient, table: Path) -> None:
    response = upload(client, table)
    fields = fields_of(response)
    columns = {name: fields[f"column-{name}"] for name in ("outcome", "age", "ejection_fraction", "sex", "smoking")}
    assert columns == {"outcome": "Dead", "age": "", "ejection_fraction": "LVEF", "sex": "Gender", "smoking": ""}
    assert (fields["unit-ejection_fraction"], fields["unit-serum_creatinine"]) == ("fraction", "µmol/L")
    assert (fields["one-sex"], fields["zero-sex"], fields["one-outcome"], fields["zero-outcome"]) == (
        "M",
        "F",
        "yes",
        "no",
    )
    preview = {text(row[0]): text(row[3]) for row in Page(response.text).all("tbody/tr")}
    first = next(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert preview["Ejection fraction (needed)"] == f"{float(first['LVEF']):.0%}"
    assert preview["Sex"] == {"M": "Man", "F": "Woman"}[first["Gender"]]
    assert (preview["Smoking"], preview["Age (needed)"]) == ("", "")


@pytest.mark.parametrize(
    ("cell", "fields", "preview"),
    [
        ("NA", {"column-age": "x"}, "missing"),
        ("old", {"column-age": "x"}, "not a number"),
        ("720", {"column-age": "x", "unit-age": "months"}, "60 years"),
        ("1.0", {"column-sex": "x"}, "Man"),
        ("2", {"column-sex": "x"}, "not understood"),
        ("2", {"column-sex": "x", "zero-sex": "0, 2", "one-sex": "1"}, "Woman"),
        ("2", {"column-follow-up": "x", "unit-follow-up": "years"}, "730 days"),
        ("2", {"column-age": "y"}, ""),
    ],
)
def test_the_first_row_is_shown_as_it_is_read(
    client: FlaskClient, cell: str, fields: dict[str, str], preview: str
) -> None:
    response = post(client, {"table": f"x\n{cell}", "name": "x.csv", "column-": "", **fields})
    assert {text(row[3]) for row in Page(response.text).all("tbody/tr")} == {"", preview}


def test_the_report_is_that_of_the_command_and_follows_its_progress(
    client: FlaskClient, table: Path, step: dict[str, str], bedside: Model
) -> None:
    response = post(client, {**step, "column-follow-up": "Days", "unit-follow-up": "days"})
    page = Page(response.text)
    mapping = msgspec.structs.replace(AS_MAPPED, time="Days", time_unit="days")
    found = validate(bedside, read_cohort(table, bedside, mapping), bootstraps=BOOTSTRAPS, seed=SEED)
    assert page.text("verdict") == found.verdict
    assert "Harrell’s C" in page.text("main")
    assert len(page.all("figure/svg")) == 3
    assert not page.all("style")
    assert [int(one.attrib["value"]) for one in page.all("label/progress")] == [0, 47, 95]
    assert fields_of(response)["column-follow-up"] == "Days"


@pytest.mark.usefixtures("in_process")
def test_without_an_outcome_the_table_is_scored(
    client: FlaskClient, table: Path, step: dict[str, str], bedside: Model
) -> None:
    header, *rows = table.read_text("utf-8").splitlines()
    damaged = "\n".join([header, *rows[:-1], "200" + rows[-1][rows[-1].index(",") :], "1,2"])
    response = post(client, {**step, "table": damaged, "column-outcome": ""})
    page = Page(response.text)
    assert f"{ROWS - 1} of {ROWS + 1} rows have a risk" in page.text("verdict")
    assert "age must be" in page.text("main")
    assert len(page.all("figure/svg")) == 1
    scored = post(client, {**fields_of(response), "answer": "csv"})
    assert scored.headers["Content-Disposition"] == "attachment; filename=scored.csv"
    first, *_, last = csv.DictReader(io.StringIO(scored.text))
    assert last["fault"].startswith("has 2 cells")
    names = {"age": "Years", "ejection_fraction": "LVEF", "serum_creatinine": "Creatinine_umol"}
    factors = {"age": 1, "ejection_fraction": 100, "serum_creatinine": 1 / 88.42}
    row = [float(first[names[name]]) * factors[name] if name in names else np.nan for name in bedside.names]
    assert float(first["risk"]) == pytest.approx(bedside.risk(np.array([row]))[0], abs=1e-6)
    again = fields_of(post(client, {**fields_of(response), "answer": "columns"}))
    assert (again["column-age"], again["unit-ejection_fraction"]) == ("Years", "fraction")


@pytest.mark.usefixtures("in_process")
def test_a_table_without_a_usable_row_has_no_risks(client: FlaskClient) -> None:
    columns = {f"column-{name}": name for name in ("age", "ejection_fraction", "serum_creatinine")}
    body = "age,ejection_fraction,serum_creatinine\n,30,1"
    page = Page(post(client, {"table": body, "name": "x", "answer": "report", **columns}).text)
    assert page.text("verdict") == "0 of 1 rows have a risk."


def few_deaths(table: str) -> str:
    header, *rows = table.splitlines()
    return "\n".join([header, *(row for row in rows if ",no," in row), *[row for row in rows if ",yes," in row][:20]])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"column-age": ""}, ["age is missing", "choose its column"]),
        ({"one-outcome": ""}, ["cells are neither 0 (alive) nor 1 (died); enter which texts stand for died"]),
        ({"one-sex": "", "column-follow-up": "LVEF"}, ["for man", "choose the unit of the times"]),
        ({"column-sex": "Dead"}, ["the column of sex is also that of the outcome"]),
        ({"column-outcome": "", "one-sex": ""}, ["sex: "]),
        ({"column-outcome": "", "table": "Years,LVEF,Creatinine_umol,risk\n60,0.3,100,1"}, ["risk is there already"]),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_a_fault_is_told_with_what_to_do_on_the_page(
    changes: dict[str, str], what: list[str], client: FlaskClient, step: dict[str, str]
) -> None:
    response = post(client, {**step, **changes})
    assert all(one in shown_faults(response, 422) for one in what)
    assert "--" not in shown_faults(response, 422)
    assert fields_of(response)["column-ejection_fraction"] == "LVEF"


@pytest.mark.usefixtures("in_process")
def test_few_deaths_are_accepted_if_that_is_ticked(client: FlaskClient, step: dict[str, str]) -> None:
    fields = {**step, "table": few_deaths(step["table"])}
    assert "or tick “Fewer than 30 deaths are enough”" in shown_faults(post(client, fields), 422)
    assert "verdict" in Page(post(client, {**fields, "anyway": "1"}).text).ids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a\n\xff", "is not UTF-8 at byte 2"),
        (b"a;b\n1;2", "its header is a single column"),
        (b"age", "has 0 rows and may have 1 to 20"),
        (b"age\n" + b"1\n" * 21, "has 21 rows"),
        (b"age\n" + b"1" * 40_000, "is too large for this server"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_remedy(content: bytes, message: str) -> None:
    client = make_app(max_patients=20, max_body_bytes=100_000).test_client()
    assert message in shown_faults(upload(client, content), 422)


def test_a_body_above_the_limit_is_refused() -> None:
    client = make_app(max_body_bytes=100_000).test_client()
    assert upload(client, b"age\n" + b"1" * 100_000).status_code == 413


def lock(home: Path) -> int:
    """Take the lock that a process at work has."""
    descriptor = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def test_one_table_is_read_at_a_time(client: FlaskClient, step: dict[str, str], own_home: Path) -> None:
    held = lock(own_home)
    busy = post(client, step)
    os.close(held)
    assert "Another table is being read" in shown_faults(busy, 503)
    assert busy.headers["Retry-After"] == "30"
    assert fields_of(busy)["table"] == step["table"]


def test_without_locks_every_table_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert child._is_alone()


def test_a_table_that_takes_too_long_is_stopped(
    client: FlaskClient, step: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SECONDS", 0.01)
    assert "was stopped" in shown_faults(post(client, step), 503)


def test_a_server_sends_the_progress_and_ends_the_process_when_the_reader_leaves(
    step: dict[str, str], tmp_path: Path
) -> None:
    home = make_home(tmp_path / "home")
    with running(home) as server, closing(http.client.HTTPConnection(server.host, server.port)) as connection:
        connection.request("POST", "/validate", urlencode(step), {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert any(b"</progress>" in part for part in iter(answer.read1, b""))
        with pytest.raises(BlockingIOError):
            lock(home)
        answer.close()
        connection.close()

        def ended() -> bool:
            with suppress(BlockingIOError):
                os.close(lock(home))
                return True
            return False

        wait_until(ended, "the process has ended")


def test_a_failure_during_the_report_is_told_in_its_place(
    client: FlaskClient, step: dict[str, str], own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; sys.stdin.read(); print(1); print(2); sys.exit(3)"
    (own_home / "failing.py").write_text(script, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(own_home))
    monkeypatch.setattr(work, "CHILD", "failing")
    assert "Something failed on the server" in shown_faults(post(client, step), 200)


def test_without_the_extra_the_page_says_how_to_get_it(
    client: FlaskClient, step: dict[str, str], own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / "sklearn.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{own_home}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert "pip install scikit-learn" in shown_faults(post(client, step), 501)


def test_a_crash_is_logged_without_what_was_sent(
    client: FlaskClient, step: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(work, "CHILD", "heartapp.none")
    assert "Something failed on the server" in shown_faults(post(client, step), 500)
    assert "status 1" in caplog.text
    assert not re.search(r"Creatinine|cohort\.csv", caplog.text)


_HOOK = """
import os, sys
def hook(event, arguments):
    if event != "open" or not isinstance(arguments[2], int) or not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    name = arguments[0] if isinstance(arguments[0], str) else os.devnull
    if not any(part in name for part in (os.devnull, "__pycache__", ".coverage")):
        raise RuntimeError(f"{arguments[0]} is opened to write")
sys.addaudithook(hook)
"""


def test_nothing_is_written_to_disk(
    step: dict[str, str], own_home: Path, run_python: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Server and child may open no file to write, not even a temporary one."""
    padded = "\n".join(line + ',"' + "x" * 2_000 + '"' for line in step["table"].splitlines())
    (own_home / "sent.csv").write_text(padded, "utf-8")
    (own_home / "sitecustomize.py").write_text(_HOOK, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{own_home}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    script = """
import sys
from pathlib import Path
from heartapp.ui import validate
from tests.client import make_app
from tests.ui.test_validate import fields_of
validate.BOOTSTRAPS = 20
client = make_app().test_client()
part = '--b\\r\\nContent-Disposition: form-data; name="{}"\\r\\n\\r\\n{}\\r\\n'
def post(fields):
    body = "".join(part.format(name, value) for name, value in fields.items()) + "--b--\\r\\n"
    return client.post("/validate", data=body.encode(), content_type="multipart/form-data; boundary=b")
fields = fields_of(post({'file"; filename="a.csv': Path(sys.argv[1]).read_text("utf-8")}))
answer = post({**fields, "column-age": "Years", "answer": "report"})
print(answer.status_code, "verdict" in answer.text)
try:
    open(sys.argv[1] + ".none", "w")
except RuntimeError:
    print("watched")
"""
    assert run_python(script, own_home / "sent.csv").split() == ["200", "True", "watched"]
