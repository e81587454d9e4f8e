"""A virtual environment for each contender, under ``.bench/``, made from its lock and kept for the next run."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.bundle import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BENCH: Final = ROOT / ".bench"

_VERSIONS: Final = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


class SetupError(Exception):
    """What a contender needs cannot be installed or prepared here."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Exact versions in a virtual environment. ``told`` are the packages whose versions the table names.

    With ``project``, heartapp itself is installed as well, in place.
    """

    name: str
    requirements: Path
    told: Sequence[str]
    project: bool = False

    @property
    def folder(self) -> Path:
        """Everything of this environment."""
        return BENCH / self.name

    @property
    def programs(self) -> Path:
        """Where Python and the installed commands are."""
        return self.folder / "venv" / "bin"

    def install(self) -> None:
        """Make it, unless it is there and of the same lock and Python.

        Raises:
            SetupError: with the last words of pip.
        """
        stamp = self.folder / "installed"
        sources = [self.requirements, *([ROOT / "pyproject.toml"] if self.project else [])]
        content = b"".join(path.read_bytes() for path in sources)
        wanted = hashlib.sha256(content + sys.version.encode()).hexdigest()
        if stamp.is_file() and stamp.read_text("utf-8") == wanted:
            return
        print(f"Installing {self.name} ...", file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        run([sys.executable, "-m", "venv", str(self.folder / "venv")], self.folder)
        pip = [str(self.programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--requirement", str(self.requirements)], self.folder)
        if self.project:
            run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], self.folder)
        stamp.write_text(wanted, "utf-8")

    def versions(self) -> dict[str, str]:
        """The versions of the packages that the table names."""
        answer = run([str(self.programs / "python"), "-c", _VERSIONS, *self.told], self.folder)
        versions: dict[str, str] = json.loads(answer)
        return versions

    def installed_bytes(self) -> int:
        """The size of all its files, and of heartapp's where that is installed in place."""
        folders = [self.folder / "venv", *([ROOT / "heartapp"] if self.project else [])]
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_size for path in files)


def run(arguments: Sequence[str], folder: Path, variables: dict[str, str] | None = None) -> str:
    """Run a program to its end and give what it printed.

    Raises:
        SetupError: it failed; with its last words.
    """
    done = subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise SetupError(lines[-1] if lines else f"{arguments[0]} ended with status {done.returncode}")
    return done.stdout
