"""The process behind the page `/validate`: ``python -m heartapp.validation.child``.

It reads a `Task` as JSON from standard input and writes to standard output, never to a file: per cents, each on a line,
an empty line, and then HTML or CSV. The exit status is an `Ending`.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from heartapp.config import home
from heartapp.errors import Ending
from heartapp.validation.faults import FIELDS, OPTIONS, CohortError

_KINDER: Final = 10


def main() -> Ending:
    """Do the task on standard input, if no other process is at one."""
    with suppress(AttributeError):  # Windows has no such priorities
        os.nice(_KINDER)  # predictions go first
    if not _is_alone():
        return Ending.BUSY
    ended, answer = work(sys.stdin.buffer.read(), partial(print, flush=True))
    sys.stdout.buffer.write(b"\n" + answer)
    return ended


def work(task: bytes, progress: Callable[[int], object]) -> tuple[Ending, bytes]:
    """Do a task. The answer is empty, the result, or with `Ending.FAULTY` what to correct, as a list of sentences."""
    try:
        from heartapp.validation.page import Task, answer  # noqa: PLC0415 - needs the extra `validate`
    except ImportError:
        return Ending.INCOMPLETE, b""
    try:
        return Ending.GOOD, answer(msgspec.json.decode(task, type=Task), progress)
    except CohortError as error:
        faults = [cause.describe({**OPTIONS, **FIELDS}) for cause in error.causes]
        return Ending.FAULTY, msgspec.json.encode([f"{one.field} {one.message}".lstrip() for one in faults])


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
