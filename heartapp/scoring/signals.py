"""How a long command ends early: by a signal, or because nobody reads its output any longer."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BY_SIGNAL: Final = 128
"""A shell adds this to the number of the signal that ended a program."""
_SIGPIPE: Final = 13


@contextmanager
def exit_on_signals(advice: str) -> Iterator[None]:
    """On SIGINT, SIGTERM or SIGHUP clean up, print one line with ``advice``, and exit with 128 + the signal's number.

    A broken pipe, as in ``heartapp score … | head``, exits with 141 and prints nothing. A signal that is ignored, as
    ``nohup`` ignores SIGHUP, stays ignored.
    """
    defaults = {signal.SIG_DFL, signal.default_int_handler}
    known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in known if signal.getsignal(number) in defaults}

    def stop(number: int, _frame: object) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # nothing interrupts the cleaning up
        raise SystemExit(_BY_SIGNAL + number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except SystemExit as stopped:
        name = signal.Signals(int(stopped.code or 0) - _BY_SIGNAL).name
        print(f"Stopped by {name}: {advice}", file=sys.stderr)  # noqa: T201 - for people
        raise
    except BrokenPipeError:
        # The rest of the buffer is written at the exit, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BY_SIGNAL + _SIGPIPE)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
