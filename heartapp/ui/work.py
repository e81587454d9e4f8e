"""The process that reads a table for `/validate`: it needs packages that serving does without."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import takewhile
from threading import Timer
from typing import IO, Final, cast

import msgspec

from heartapp.errors import Ending

logger = logging.getLogger(__name__)

CHILD: Final = "heartapp.validation.child"
SECONDS: Final = 60
"""How long a table may take."""


class Work:
    """One process at one `heartapp.validation.page.Task`. Its errors are not read: they may quote a value."""

    def __init__(self, task: Mapping[str, object]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very Python, and nothing of the request in the arguments
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._output = cast("IO[bytes]", self._process.stdout)
        self._limit = Timer(SECONDS, self._process.kill)
        self._limit.start()
        # A process that is not alone does not read.
        with suppress(BrokenPipeError), cast("IO[bytes]", self._process.stdin) as entry:
            entry.write(msgspec.json.encode(task))

    def progress(self) -> Iterator[int]:
        """Per cents of a report as they come; nothing where another answer comes."""
        yield from map(int, takewhile(str.strip, map(bytes.decode, self._output)))

    @cached_property
    def result(self) -> tuple[Ending, bytes]:
        """How the process ended, and its answer. Take it after the progress."""
        answer, status = self._output.read(), self._process.wait()
        late = self._limit.finished.is_set()
        self.stop()
        if status in {*Ending}:
            return Ending(status), answer
        if late:
            return Ending.LATE, b""
        logger.error("the process of /validate failed with status %d", status)
        return Ending.FAILED, b""

    def stop(self) -> None:
        """End the process, which may have ended."""
        self._limit.cancel()
        self._process.kill()
        self._process.wait()
        self._output.close()
