"""Writing files: a file is there whole, or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from heartapp.errors import DataError

UNFINISHED: Final = ".unfinished"
"""The suffix of a file that is being written, in the folder of the final file. Its name starts with a dot."""


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name when everything is written and on the disk; after an error nothing is left.

    It has the mode of the file that it replaces. A link stays, and the file behind it is replaced. A pipe or a device
    is written directly.

    Raises:
        DataError: the file cannot be written.
    """
    if path.exists() and not path.is_file():
        with as_data_error(path), path.open("wb") as stream:
            yield stream
        return
    target = path.resolve()
    # The name is random: two processes may write the same file, and the last one wins.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with as_data_error(path):
            with temporary.open("xb") as file:
                if target.is_file():
                    temporary.chmod(stat.S_IMODE(target.stat().st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def as_data_error(place: object) -> Iterator[None]:
    """Turn an error of the operating system into a `DataError` that says which file cannot be written.

    A broken pipe is not the file's fault and passes.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"{place} cannot be written: {error.strerror or error}") from None
