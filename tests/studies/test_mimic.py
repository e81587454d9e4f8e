"""The committed test on an outside cohort is what the documented command gives."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import pooch
import pytest
from click.testing import CliRunner

from heartapp.inference.bundle import MANIFEST
from heartapp.inference.served import read_served
from studies import mimic
from tests.conftest import ROOT, require

TABLE = ROOT.parent / "shared" / "data" / "external" / "mimic_hf.csv"


def committed(models: Path) -> mimic.External:
    folder = models / "bedside" / read_served(models)["bedside"]
    content = (folder / "external" / "mimic.json").read_bytes()
    assert (folder / MANIFEST).is_file()
    return msgspec.json.decode(content, type=mimic.External)


def test_the_command_gives_the_committed_figures(models: Path, tmp_path: Path) -> None:
    require(TABLE.is_file(), f"the outside cohort is not at {TABLE}")
    copy = shutil.copytree(models, tmp_path / "models")
    done = CliRunner().invoke(mimic.main, [str(TABLE), "--models", str(copy), "--bootstrap", "20"])
    assert done.exit_code == 0, done.output
    found, known = committed(copy).result, committed(models).result
    assert (found.model, found.table.digest, found.patients) == (known.model, known.table.digest, known.patients)
    for figures in ("discrimination", "calibration", "brier"):
        assert values(getattr(found, figures)) == pytest.approx(values(getattr(known, figures)), abs=1e-5)


def values(figures: Any) -> list[float]:
    """The values of all figures, without their intervals."""
    if isinstance(figures, list):
        return [value for one in figures for value in values(one)]
    if hasattr(figures, "value"):
        return [figures.value]
    return [value for name in getattr(figures, "__struct_fields__", ()) for value in values(getattr(figures, name))]


def test_another_table_is_refused_and_does_not_stay_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / mimic.MEMBER
    other.write_text("a\n1\n", "utf-8")
    assert "its SHA-256 is another one" in CliRunner().invoke(mimic.main, [str(other)]).output
    with ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(other, mimic.MEMBER)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with HTTPServer(("127.0.0.1", 0), handler) as server, ThreadPoolExecutor() as pool:
        monkeypatch.setattr(mimic, "ARCHIVE", f"http://127.0.0.1:{server.server_port}/archive.zip")
        pool.submit(server.handle_request)
        assert "its SHA-256 is another one" in CliRunner().invoke(mimic.main, []).output
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix == ".zip"] == []
    assert "with a browser" in CliRunner().invoke(mimic.main, []).output  # the server has gone
