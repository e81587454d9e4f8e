"""The process behind the page `/validate`: ``python -m heartapp.validation.child``.

It reads a `Task` as JSON from standard input and writes to standard output, never to a file: per cents, each on a line,
an empty line, and then HTML or CSV. The exit status is an `Ending`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from heartapp.config import home
from heartapp.errors import Ending, TableError

_KINDER: Final = 10


def main() -> Ending:
    """Do the task on standard input, if no other process is at one."""
    with suppress(AttributeError):  # Windows has no such priorities
        os.nice(_KINDER)  # predictions go first
    if not _is_alone():
        return Ending.BUSY
    try:
        from heartapp.validation.page import Task, answer  # noqa: PLC0415 - needs the extra `validate`
    except ImportError:
        return Ending.INCOMPLETE
    ended, output = Ending.GOOD, sys.stdout.buffer
    try:
        result = answer(msgspec.json.decode(sys.stdin.buffer.read(), type=Task), partial(print, flush=True))
    except TableError as error:
        faults = [f"{one.field} {one.message}".lstrip() for one in error.faults]
        ended, result = Ending.FAULTY, msgspec.json.encode(faults)
    output.write(b"\n" + result)
    return ended


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
