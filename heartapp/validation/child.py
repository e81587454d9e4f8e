"""The process behind the page `/validate`: ``python -m heartapp.validation.child``.

It reads a `Task` as JSON from standard input, writes HTML or CSV to standard output, and no file. The exit status says
what became of it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import msgspec

from heartapp.config import home
from heartapp.errors import TableError

FAULTY: Final = 65
"""The table cannot be used: the output lists the faults as JSON, each as one sentence."""
INCOMPLETE: Final = 69
"""A package of the extra ``validate`` is missing."""
BUSY: Final = 75
"""Another such process is at work."""
_KINDER: Final = 10


def main() -> int:
    """Do the task on standard input, if no other process is at one."""
    with suppress(AttributeError):  # Windows has no such priorities
        os.nice(_KINDER)  # predictions go first
    if not _is_alone():
        return BUSY
    try:
        from heartapp.validation.page import Task, answer  # noqa: PLC0415 - needs the extra `validate`
    except ImportError:
        return INCOMPLETE
    try:
        sys.stdout.buffer.write(answer(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))
    except TableError as error:
        sys.stdout.buffer.write(msgspec.json.encode([f"{one.field} {one.message}".lstrip() for one in error.faults]))
        return FAULTY
    return 0


def _is_alone() -> bool:
    """Take the lock of this home, which ends with the process. Windows has none."""
    try:
        import fcntl  # noqa: PLC0415 - Windows does not have it
    except ImportError:
        return True
    try:
        fcntl.flock(os.open(home(), os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
