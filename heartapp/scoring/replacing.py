"""Files that are there whole or not at all, and streams, which are written as the work goes on."""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from heartapp.errors import DataError
from heartapp.scoring.formats import STREAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

UNFINISHED: Final = ".unfinished"


class _Told(io.RawIOBase):
    """A stream whose errors name it: whoever writes to several at once learns which of them failed."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Any) -> int:
        """Write all of it."""
        with told(self._path):
            return self._stream.write(content)


def naming(stream: BinaryIO, path: Path) -> BinaryIO:
    """A stream to write to whose errors name this path; it is left open."""
    return cast("BinaryIO", _Told(stream, path))


def unfinished(path: Path) -> Path:
    """The name under which a file is written, in the same folder and so on the same disk."""
    return path.with_name(path.name + UNFINISHED)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name when everything is written and safe on the disk; else it is removed.

    It gets the mode of the file that it replaces, before anything is written to it.

    Raises:
        DataError: the disk is full, or the folder cannot be written to.
    """
    temporary = unfinished(path)
    try:
        with told(path), temporary.open("wb") as file:
            if path.is_file():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            yield naming(file, path)
            file.flush()
            os.fsync(file.fileno())
        with told(path):
            temporary.replace(path)
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def open_stream(path: Path) -> Iterator[BinaryIO]:
    """Standard output, or a pipe or device, to write to.

    Raises:
        DataError: it cannot be written to.
    """
    if str(path) == STREAM:
        name = Path("standard output")
        with told(name):
            yield naming(sys.stdout.buffer, name)
            sys.stdout.buffer.flush()
        return
    with told(path), path.open("wb") as stream:
        yield naming(stream, path)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Make one line of what an operating system says of a file that cannot be written.

    That nobody reads a pipe any longer is no fault of the file's, and is left to the command.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut; Windows opens no folders, and has no need of it."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
