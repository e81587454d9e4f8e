"""From chunks to an output: read in one thread, scored in all, written in order.

onnxruntime, Arrow and numpy let go of Python's lock while they work, so threads use every core; one copy of the model
serves them all.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from heartapp.scoring.journal import OtherInputError, Record
from heartapp.tables.check import check_table

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from concurrent.futures import Future

    from heartapp.errors import FieldError
    from heartapp.inference.model import Model
    from heartapp.scoring.chunk import Chunk
    from heartapp.scoring.inputs import Input
    from heartapp.scoring.journal import Journal
    from heartapp.scoring.outputs import Output
    from heartapp.scoring.progress import Progress
    from heartapp.scoring.rejects import Rejects


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows read, scored and rejected, and how many of the scored ones an interrupted run had scored before."""

    read: int
    scored: int
    rejected: int
    resumed: int = 0

    def __post_init__(self) -> None:
        """Make sure that no row was lost and none came twice.

        Raises:
            RuntimeError: the counts do not add up, which is a fault of heartapp's.
        """
        if self.read != self.scored + self.rejected:
            raise RuntimeError(f"{self.read} rows read are not {self.scored} scored + {self.rejected} rejected")


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk that is ready to be written: its rows, the rejected among them, and both in the form of their files."""

    chunk: Chunk
    rejected: int
    output: Any
    rejects: bytes
    record: Record
    resumed: bool


class Scorer:
    """Scores chunks of one input for one output; may be called in several threads at once."""

    def __init__(self, model: Model, positions: Sequence[int | None], output: Output, place: str) -> None:
        """See `Chunk.values` for ``positions``; ``place`` is the input's name for messages."""
        self._model = model
        self._positions = positions
        self._output = output
        self._place = place

    def __call__(self, chunk: Chunk, known: Record | None) -> Scored:
        """Score the rows of a chunk that can be scored; ask the members only where the journal does not know.

        Raises:
            OtherInputError: the rows are not those that the journal knows.
        """
        values, broken = chunk.values(self._positions)
        faults, good = check_table(values, broken, self._model)
        kept = (values[good] if faults else values).astype(np.float32, order="C")
        checksum = zlib.crc32(kept.data)
        record = known or Record(checksum, self._model.probabilities(kept))
        if (record.checksum, len(record.probabilities)) != (checksum, len(kept)):
            raise OtherInputError(f"{self._place} is not what the interrupted run read (near row {chunk.first})")
        scores = self._model.decide(record.probabilities)
        return Scored(
            chunk=chunk,
            rejected=chunk.rows - len(kept),
            output=self._output.encode(chunk, np.flatnonzero(good), scores),
            rejects=_spell(faults, chunk.first),
            record=record,
            resumed=known is not None,
        )


def run(
    opened: Input,
    scorer: Scorer,
    output: Output,
    rejects: Rejects,
    *,
    threads: int,
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Score all chunks of an input.

    Raises:
        DataError: the input is faulty, or an output cannot be written.
        RuntimeError: the counts do not add up, which is a fault of heartapp's.
    """
    last, resumed = opened.first - 1, 0
    with output, closing(_in_order(opened.chunks, scorer, journal, threads)) as all_scored:
        for scored in all_scored:
            output.write(scored.output)
            rejects.write(scored.rejects, scored.rejected)
            if scored.resumed:
                resumed += len(scored.record.probabilities)
            elif journal is not None:
                journal.add(scored.record)
            last = scored.chunk.first + scored.chunk.rows - 1
            if progress is not None:
                progress.add(scored.chunk.rows, scored.chunk.size)
    return Counts(last - opened.first + 1, output.rows, rejects.rows, resumed)


def _in_order(chunks: Iterable[Chunk], scorer: Scorer, journal: Journal | None, threads: int) -> Generator[Scored]:
    """What the scorer makes of each chunk, in order; only a few chunks are in memory at a time."""
    waiting: deque[Future[Scored]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(scorer, chunk, journal.next() if journal else None))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _spell(faults: Sequence[FieldError], first: int) -> bytes:
    """Lines of the file of rejects."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (first + (fault.row or 0), fault.field, fault.message) for fault in faults
    )
    return text.getvalue().encode()
