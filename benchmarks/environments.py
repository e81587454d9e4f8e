"""A virtual environment for each contender under ``.bench/``, made from its lock and kept for the next run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.bundle import ROOT
from benchmarks.contender import Contender

_INHERITED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


class ContenderError(Exception):
    """A contender cannot be installed, does not start or does not answer."""


def prepare(one: Contender) -> None:
    """Install a contender, and run its preparation.

    Raises:
        ContenderError: this failed.
    """
    install(one.folder, one.lock, project=one.folder.name == "heartapp")
    one.run_folder.mkdir(exist_ok=True)
    if one.prepare:
        program, *arguments = shlex.split(one.prepare)
        _run([str(one.programs / program), *arguments], one.run_folder, variables(one))


def install(folder: Path, lock: Path, *, project: bool = False) -> None:
    """Make the environment ``folder/venv``, unless it exists and neither its lock nor Python has changed.

    With ``project``, heartapp itself is installed too, in place.

    Raises:
        ContenderError: with pip's last line.
    """
    stamp = folder / "installed"
    sources = [lock, ROOT / "pyproject.toml"] if project else [lock]
    wanted = "\n".join([sys.version, *(path.read_text("utf-8") for path in sources)])
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    print(f"Installing {folder.name} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _run([sys.executable, "-m", "venv", "venv"], folder)
    pip = [f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--requirement", str(lock)], folder)
    if project:
        _run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], folder)
    stamp.write_text(wanted, "utf-8")


def variables(one: Contender, **places: str) -> dict[str, str]:
    """The environment variables of a contender's processes; the user's own settings are left out."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    path = f"{one.programs}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    own = {name: value.format_map(places) for name, value in one.variables.items()}
    return {**inherited, "PATH": path, "PYTHONPATH": str(ROOT), **own}


def versions(one: Contender) -> dict[str, str]:
    """The locked versions of the packages that the page shows."""
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", one.lock.read_text("utf-8"), re.MULTILINE))
    return {name: locked[name] for name in one.packages}


def installed_bytes(one: Contender) -> int:
    """The size of all files of the environment, with heartapp and its models where it is installed in place."""
    folders = [one.folder / "venv"]
    if one.kind == "heartapp":
        folders += [ROOT / "heartapp", ROOT / "models"]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def last_line(output: str) -> str:
    """The last line, which names the error."""
    return (output.strip() or "no output").splitlines()[-1].strip()


def _run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContenderError(f"{Path(arguments[0]).name}: {last_line(done.stderr)}")
