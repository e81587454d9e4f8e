"""The rows that could not be scored: ``row,field,reason``, one line a fault, without any value."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from heartapp.errors import DataError
from heartapp.scoring.inputs import is_stream
from heartapp.scoring.replacing import open_stream, replacing, told

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

HEADER: Final = b"row,field,reason\n"


class Rejects:
    """The file of rejects, which is there only if a row was rejected; without a path, standard error.

    One of an earlier run is gone when this one is complete. A pipe or device is written to and stays.
    """

    def __init__(self, path: Path | None) -> None:
        self.rows = 0
        self._path = path
        self._stream: BinaryIO | None = None
        self._files = ExitStack()

    def write(self, lines: bytes, rows: int) -> None:
        """Write the lines of so many rows."""
        if not rows:
            return
        if self._stream is None:
            self._stream = sys.stderr.buffer if self._path is None else self._files.enter_context(replacing(self._path))
        self._stream.write(lines if self.rows else HEADER + lines)
        self.rows += rows

    def __enter__(self) -> Self:
        """Open a pipe or device, for who reads there waits until it is closed; a file is made when it is needed."""
        if self._path is not None and is_stream(str(self._path)):
            self._stream = self._files.enter_context(open_stream(self._path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, unless something went wrong."""
        self._files.__exit__(kind, error, trace)
        if kind is None and self._path is not None and self._stream is None:
            with told(self._path):
                self._path.unlink(missing_ok=True)


def check_list(path: Path) -> None:
    """Make sure that a file, if it is there, is a list of rejects or empty, so that another may take its place.

    Raises:
        DataError: it is something else, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            found = file.readline(len(HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name another file with --rejects") from None
    if found and found.rstrip() != HEADER.rstrip():
        raise DataError(f"{path} is there and is no list of rejects; name another file with --rejects, or move it away")
