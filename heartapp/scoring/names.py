"""What the names on the command line stand for. Imports nothing heavy, so that help is instant."""

import glob
import os
from pathlib import Path
from typing import Final, Literal

from heartapp.errors import DataError
from heartapp.tables import DELIMITERS

Kind = Literal["csv", "parquet"]
SUFFIXES: Final[dict[str, Kind]] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
STREAM: Final = "-"
"""Standard input or output."""
REJECTS: Final = ".rejects.csv"
"""Goes behind the output's name for the list of rejected rows."""


def find_kind(name: str, stated: Kind | None) -> Kind:
    """The format of a file: by its suffix, else as stated; a standard stream without a stated format is CSV.

    Raises:
        DataError: the suffix is unknown, and no format was stated.
    """
    kind = SUFFIXES.get(Path(name).suffix.lower(), stated)
    if kind is not None or name == STREAM:
        return kind or "csv"
    if name.endswith(".gz"):
        raise DataError(f"{name} is compressed; uncompress it on the way: zcat {name} | heartapp score - OUTPUT")
    raise DataError(f"{name}: unknown suffix; state the format with --format, or use {', '.join(SUFFIXES)}")


def find_delimiter(name: str, stated: str | None) -> str:
    """The delimiter of a CSV file: the stated one (a key of `DELIMITERS`), else a tab for .tsv, else a comma."""
    return DELIMITERS[stated or ("tab" if name.lower().endswith(".tsv") else "comma")]


def is_many(source: str) -> bool:
    """Whether a name stands for a folder or a pattern. A file with a star in its name is one file."""
    return Path(source).is_dir() or (glob.has_magic(source) and not Path(source).exists())


def find_parts(source: str, output: Path) -> list[tuple[Path, Path]]:
    """The input files of a folder or pattern, and the output file of each, with the same name and subfolders.

    Files without a known suffix, lists of rejects, and names that start with a dot or ``_`` are left out.

    Raises:
        DataError: there is no file.
    """
    pattern = str(Path(glob.escape(source), "*")) if Path(source).is_dir() else source
    found = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path's own takes no absolute pattern
    files = sorted(path.resolve() for path in found if _is_part(path))
    if not files:
        raise DataError(f"{source}: there is no file to score; known suffixes: {', '.join(SUFFIXES)}")
    root = Path(os.path.commonpath([file.parent for file in files]))
    return [(file, output.resolve() / file.relative_to(root)) for file in files]


def _is_part(path: Path) -> bool:
    return (
        path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not path.name.startswith(("_", "."))
        and not path.name.endswith(REJECTS)
    )


def check_different(source: Path, target: Path) -> None:
    """Make sure that neither the output nor its list of rejects replaces the input while it is read.

    Raises:
        DataError: names both.
    """
    for written in (target, Path(f"{target}{REJECTS}")):
        if source.is_file() and written.is_file() and written.samefile(source):
            raise DataError(f"{written} is the same file as {source}; name another output")
