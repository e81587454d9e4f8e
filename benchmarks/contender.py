"""The contenders, as ``contenders.toml`` declares them."""

from pathlib import Path
from typing import Final, Literal

import msgspec

from benchmarks.bundle import ROOT
from benchmarks.formats import FORMATS, Format

BENCH: Final = ROOT / ".bench"

Kind = Literal["heartapp", "limit", "handwritten", "tutorial", "off-the-shelf"]


class Contender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One server.

    ``environment`` names its virtual environment, and its folder in ``contenders/`` (default: its own name). In
    ``command`` and ``variables``, ``{port}``, ``{port_2}`` and ``{port_3}`` are free ports and ``{root}`` is this
    repository. ``prepare`` is a command that runs once before the first start, in the folder where the server runs.
    ``packages`` are those whose versions the page shows.
    """

    name: str
    title: str
    kind: Kind
    packages: list[str]
    command: str
    path: str
    format: str
    environment: str = ""
    variables: dict[str, str] = {}
    prepare: str = ""

    @property
    def json(self) -> Format:
        """How it is asked and answers."""
        return FORMATS[self.format]

    @property
    def folder(self) -> Path:
        """Its environment, logs and files."""
        return BENCH / (self.environment or self.name)

    @property
    def run_folder(self) -> Path:
        """Where its server runs and may write."""
        return self.folder / f"{self.name}.run"

    @property
    def programs(self) -> Path:
        """Python and the installed commands."""
        return self.folder / "venv" / "bin"

    @property
    def lock(self) -> Path:
        """The exact versions of its packages."""
        if self.environment == "heartapp":
            return ROOT / "requirements" / "serve.txt"
        return ROOT / "benchmarks" / "contenders" / self.folder.name / "requirements.txt"


CONTENDERS: Final = msgspec.toml.decode(
    Path(__file__).with_name("contenders.toml").read_bytes(), type=dict[str, list[Contender]]
)["contenders"]
