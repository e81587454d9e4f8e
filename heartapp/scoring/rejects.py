"""The rows that could not be scored: ``row,field,reason``, one line a fault, without any value."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from heartapp.scoring.replacing import replacing, told

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

HEADER: Final = b"row,field,reason\n"


class Rejects:
    """The file of rejects, which is there only if a row was rejected; without a path, standard error.

    One of an earlier run is gone when this one is complete.
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
        self.rows += rows
        if self._stream is None:
            self._stream = sys.stderr.buffer if self._path is None else self._files.enter_context(replacing(self._path))
            self._stream.write(HEADER)
        self._stream.write(lines)

    def __enter__(self) -> Self:
        """The rejects themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, unless something went wrong."""
        self._files.__exit__(kind, error, trace)
        if kind is None and self._path is not None and self._stream is None:
            with told(self._path):
                self._path.unlink(missing_ok=True)
