"""The journal: what the members said so far, safe on the disk, so that interrupted work resumes.

The output is written anew when work resumes, which is quick; the members are asked about no row twice. One record a
chunk, in order: how many rows were scored, a checksum of their values, and the members' probabilities. A record that
the interruption cut off is dropped.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from heartapp.errors import DataError
from heartapp.inference.bundle import MEMBERS
from heartapp.scoring.replacing import told

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

_HEAD: Final = "heartapp journal 1 {digest}\n"
_RECORD: Final = struct.Struct("<II")  # rows, checksum of their values; behind it the checksum of all the record
_CHECKSUM: Final = struct.Struct("<I")
_SYNC_EVERY: Final = 64


class OtherInputError(DataError):
    """The input is not what the interrupted run read: work must start anew."""


@dataclass(frozen=True, slots=True)
class Record:
    """A chunk's scored rows: a checksum of their values, and the members' probabilities, shape (rows, 3)."""

    checksum: int
    probabilities: NDArray[np.float32]


class Journal:
    """The records of one output, read from the first on, and then added to; ``records`` counts both."""

    def __init__(self, path: Path, digest: str, *, resume: bool) -> None:
        """Start a journal, or open the one that an interrupted run left.

        Raises:
            DataError: there is one and it is not to be resumed, or it is of another model, or no journal, or another
                run has it.
        """
        self.path = path
        self.records = 0
        self._reading = True
        head = _HEAD.format(digest=digest).encode()
        with told(path):
            there = path.exists()
            self._file = path.open("r+b" if there else "x+b")
            found = self._file.read(len(head))
        if fault := self._fault(found, head, unwanted=there and not resume):
            self._file.close()
            raise DataError(f"{path} is {fault}")
        if found != head:
            self._write(0, head)

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file. It stays, unless there is nothing in it."""
        self._file.close()
        if not self.records:
            self.path.unlink()

    def next(self) -> Record | None:
        """The next record; None after the last whole one, and from then on."""
        if not self._reading:
            return None
        start = self._file.tell()
        head = self._file.read(_RECORD.size)
        if len(head) == _RECORD.size:
            rows, checksum = _RECORD.unpack(head)
            payload = self._file.read(rows * len(MEMBERS) * np.dtype(np.float32).itemsize)
            if self._file.read(_CHECKSUM.size) == _CHECKSUM.pack(zlib.crc32(head + payload)):
                self.records += 1
                return Record(checksum, np.frombuffer(payload, np.float32).reshape(rows, len(MEMBERS)))
        self._reading = False
        self._write(start, b"")
        return None

    def add(self, record: Record) -> None:
        """Write a record behind the last one. A killed process loses none; a power cut, the last few at most."""
        content = _RECORD.pack(len(record.probabilities), record.checksum) + record.probabilities.tobytes()
        self._write(None, content + _CHECKSUM.pack(zlib.crc32(content)))
        self.records += 1
        if self.records % _SYNC_EVERY == 0:
            with told(self.path):
                os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Take the journal away: its output is there."""
        self.path.unlink(missing_ok=True)

    def _fault(self, found: bytes, head: bytes, *, unwanted: bool) -> str | None:
        if not _lock(self._file):
            return "in use: another run is writing this output; wait until it ends, or name another OUTPUT"
        if unwanted:
            return "there: an earlier run was interrupted; go on with --resume, or delete it to start anew"
        if not head.startswith(found):
            return "of another model or another heartapp; delete it to start anew"
        return None

    def _write(self, position: int | None, content: bytes) -> None:
        with told(self.path):
            if position is not None:
                self._file.seek(position)
                self._file.truncate()
            self._file.write(content)
            self._file.flush()


def _lock(file: BinaryIO) -> bool:
    """Keep a file from other runs until it is closed; False where another has it."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has no such module

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass  # some file systems have no locks either
    return True
