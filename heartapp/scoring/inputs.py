"""Opening what is to be scored: a CSV or Parquet file, standard input, a folder or pattern of Parquet files."""

from __future__ import annotations

import glob
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heartapp.errors import DataError
from heartapp.scoring.columns import check_types
from heartapp.scoring.csv_input import CsvFormat, read_chunks, read_format
from heartapp.scoring.formats import STREAM, SUFFIXES, delimiter_of
from heartapp.scoring.parquet_input import check_same_columns, open_parquet, read_batches
from heartapp.tables.columns import find_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    import pyarrow as pa

    from heartapp.inference.model import Model
    from heartapp.scoring.chunk import Chunk
    from heartapp.scoring.formats import Kind


@dataclass(frozen=True, slots=True)
class Input:
    """An opened input: its name for messages, its columns, its chunks, and how much there is, where that is known.

    ``first`` is the number of its first row.
    """

    place: str
    source: CsvFormat | pa.Schema
    chunks: Iterable[Chunk]
    rows: int | None = None
    size: int | None = None
    first: int = 1

    def match(self, model: Model) -> tuple[int | None, ...]:
        """The column of each of the model's variables, None where an optional one is not there.

        Raises:
            DataError: the columns do not fit the model.
        """
        positions = find_columns(self.source.names, model, self.place)
        if not isinstance(self.source, CsvFormat):
            check_types(self.source, positions, self.place)
        return positions


def find_kind(name: str, stated: Kind | None) -> Kind | None:
    """The kind of a file by its suffix, else the one that was stated. A folder or a pattern is of Parquet files."""
    if Path(name).is_dir() or is_pattern(name):
        return "parquet"
    return SUFFIXES.get(Path(name).suffix.lower(), stated)


def is_stream(name: str) -> bool:
    """Whether a name stands for a standard stream, a pipe or a device: read once, and never replaced by a file."""
    path = Path(name)
    return name == STREAM or (path.exists() and not path.is_file() and not path.is_dir())


def is_pattern(name: str) -> bool:
    """Whether a name stands for several files and not for one that has a star in it."""
    return glob.has_magic(name) and not Path(name).exists()


def find_files(name: str) -> list[Path]:
    """The files that a name stands for, sorted; those of a folder that start with a dot or ``_`` are left out.

    Raises:
        DataError: there is none.
    """
    if is_pattern(name):
        if SUFFIXES.get(Path(name).suffix.lower()) == "csv":
            raise DataError(f"{name}: a pattern names Parquet files only; score CSV files one by one")
        found = [Path(one) for one in glob.glob(name, recursive=True)]  # noqa: PTH207 - Path's own refuses absolute ones
    elif Path(name).is_dir():
        found = [one for one in Path(name).glob("*.[pP]*") if SUFFIXES.get(one.suffix.lower()) == "parquet"]
    else:
        return [Path(name)]
    files = sorted(one for one in found if one.is_file() and not one.name.startswith((".", "_")))
    if not files:
        raise DataError(f"{name}: there is no Parquet file; name files that end in .parquet")
    return files


@contextmanager
def open_input(name: str, kind: Kind, delimiter: str | None = None) -> Iterator[Input]:
    """Open an input and read its header or footer; ``delimiter`` is one of `DELIMITERS`.

    Raises:
        DataError: it cannot be read; says what to do.
    """
    if kind == "csv":
        with open_file(name) as stream:
            yield open_csv(stream, name, delimiter)
    elif is_stream(name):
        with open_file(name) as pipe, _seekable(pipe) as stream, open_parquet(stream, _place(name)) as file:
            chunks = read_batches(file, _place(name))
            yield Input(_place(name), file.schema_arrow, chunks, rows=file.metadata.num_rows)
    else:
        yield _open_files(find_files(name))


def open_csv(stream: BinaryIO, name: str, delimiter: str | None) -> Input:
    """Read the header of a CSV file."""
    form, pending = read_format(stream, delimiter_of(name, delimiter), _place(name))
    size = None if is_stream(name) else Path(name).stat().st_size
    return Input(form.place, form, read_chunks(stream, form, pending), size=size)


def _open_files(paths: Sequence[Path]) -> Input:
    with open_parquet(paths[0], str(paths[0])) as first:
        rows = first.metadata.num_rows
        for path in paths[1:]:
            with open_parquet(path, str(path)) as other:
                check_same_columns(first, other, str(path))
                rows += other.metadata.num_rows
        return Input(str(paths[0]), first.schema_arrow, _read_files(paths), rows=rows)


def _read_files(paths: Sequence[Path]) -> Iterator[Chunk]:
    row = 1
    for path in paths:
        with open_parquet(path, str(path)) as file:
            yield from read_batches(file, str(path), first=row)
            row += file.metadata.num_rows


@contextmanager
def open_file(name: str) -> Iterator[BinaryIO]:
    """Open a file or standard input to read its bytes.

    Raises:
        DataError: it cannot be opened.
    """
    if name == STREAM:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115 - closed below; the block is not to catch what its user raises
    except OSError as error:
        raise DataError(f"{name}: {error.strerror}; name a CSV or Parquet file") from None
    with stream:
        yield stream


@contextmanager
def _seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """A Parquet file is read from its end: what comes through a pipe goes to the disk first."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file)
        yield file


def _place(name: str) -> str:
    return "standard input" if name == STREAM else name
