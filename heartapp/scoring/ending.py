"""How a command that takes long ends early: by a signal, or because nobody reads its output any longer."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_SIGNAL: Final = 128
"""What a shell adds to the number of the signal that ended a program."""
_SIGPIPE: Final = 13


@contextmanager
def signals_break_off() -> Iterator[None]:
    """Have SIGTERM and SIGHUP break off the work as Ctrl-C does, so that it tidies up and says how to go on."""

    def end(number: int, _: object) -> None:
        sys.exit(_BY_SIGNAL + number)

    found = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows: no SIGHUP
    # One that is ignored stays so: that is how nohup works.
    taken = [number for number in found if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """End without a word when nobody reads the output any longer, as behind ``| head``."""
    try:
        yield
    except BrokenPipeError:
        # What is left in the buffer would be written at the exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BY_SIGNAL + _SIGPIPE)
