"""Files that are there whole or not at all, and streams, which are written as the work goes on."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heartapp.errors import DataError
from heartapp.scoring.formats import STREAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

UNFINISHED: Final = ".unfinished"


def unfinished(path: Path) -> Path:
    """The name under which a file is written, in the same folder and so on the same disk."""
    return path.with_name(path.name + UNFINISHED)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name when everything is written and safe on the disk; else it is removed.

    Raises:
        DataError: the disk is full, or the folder cannot be written to.
    """
    temporary = unfinished(path)
    try:
        with told(path), temporary.open("wb") as file:
            yield file
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
        with told(Path("standard output")):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    with told(path), path.open("wb") as stream:
        yield stream


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Make one line of what an operating system says of a file that cannot be written."""
    try:
        yield
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
