"""What a wheel holds, and that it works from an empty folder without the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from heartapp.inference.bundle import list_bundles
from tests.client import SHIPPED, example
from tests.server.running import ROOT, running


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a wheel, built offline and installed in an environment that finds its dependencies in this one."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *build], check=True)
    venv.create(folder / "venv", symlinks=os.name == "posix")
    python = folder / "venv" / Path(sys.executable).parent.name / Path(sys.executable).name
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    site_packages = next((folder / "venv").rglob("site-packages"))
    # Behind its own folder, so that the wheel is what is imported.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return python.with_name("heartapp")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no trace of the checkout in the environment."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    return work


def test_a_wheel_verifies_the_models_it_comes_with(installed: Path, empty: Path) -> None:
    done = subprocess.run([installed, "models", "verify"], cwd=empty, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name, version in list_bundles(SHIPPED):
        assert f"{name} {version}: good" in done.stdout


def test_a_wheel_serves_its_models_from_an_empty_folder(installed: Path, empty: Path) -> None:
    command = ("env", "-u", "HEARTAPP_HOME", str(installed), "serve", "--port", "0")
    with running(empty, command=command) as server:
        assert server.get("/readyz").status == 200
        assert server.predict(example()).status == 200
        assert 'lang="zh"' in server.get("/zh/").text
