"""How far the work is: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_SECONDS: Final = 10
"""Between two lines."""


class Progress:
    """Rows done, rows a second and the time that is left, on standard error."""

    def __init__(
        self,
        rows: int | None = None,
        size: int | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at nothing.

        Args:
            rows: how many there are, where that is known.
            size: how many bytes the input has, where that is known and rows are not.
            stream: standard error where not given.
            clock: the time in seconds.
        """
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._start = self._told = clock()
        self._rows = self._bytes = 0
        self._total = rows
        self._size = size
        self._bar = (
            tqdm(total=rows, unit=" rows", unit_scale=True, file=self._stream) if self._stream.isatty() else None
        )

    def add(self, rows: int, size: int) -> None:
        """So many rows more, from so many bytes of the input."""
        self._rows += rows
        self._bytes += size
        if self._size and self._bytes:
            self._total = max(self._rows, round(self._rows * self._size / self._bytes))
        if self._bar is not None:
            self._bar.total = self._total
            self._bar.update(rows)
        elif self._clock() >= self._told + _SECONDS:
            self._told = self._clock()
            self._stream.write(self._line() + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()

    def _line(self) -> str:
        rate = self._rows / max(self._clock() - self._start, 1e-9)
        left = f", {tqdm.format_interval((self._total - self._rows) / rate)} left" if self._total and rate else ""
        return f"{self._rows:,} rows, {rate:,.0f} rows/s{left}"
