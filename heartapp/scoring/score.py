"""One file of patients into one file with risks, in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from heartapp.errors import FieldError
from heartapp.files import as_data_error
from heartapp.inference.model import Model
from heartapp.scoring.names import REJECTS, STREAM, Kind, check_different, find_delimiter, find_kind
from heartapp.scoring.numbers import read_columns
from heartapp.scoring.output import Output, open_stream, write_csv, write_parquet, write_rejects
from heartapp.scoring.source import Source, open_source
from heartapp.tables.check import check_table, row_of
from heartapp.tables.columns import find_columns, find_misspelled

AHEAD: Final = 4
"""How many pieces for each thread are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to score.

    ``kind`` is the format of a file without a known suffix; ``delimiter`` a key of `heartapp.tables.DELIMITERS`;
    ``threads`` how many cores to use, all where it is None.
    """

    kind: Kind | None = None
    delimiter: str | None = None
    threads: int | None = None


@dataclass(slots=True)
class Report:
    """What was done: rows read and rejected, how often each reason occurred, where rejects are listed, and notes.

    A row may have several reasons.
    """

    read: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rejects: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Add the counts and notes of some of the rows."""
        self.read += other.read
        self.rejected += other.rejected
        self.reasons += other.reasons
        self.notes += [note for note in other.notes if note not in self.notes]


_Scored = tuple[Any, list[FieldError], Report]


def score_file(source: str, target: str, model: Model, options: Options) -> Report:
    """Score a file or stream.

    Args:
        source: a path, or ``-`` for standard input.
        target: a path, or ``-`` for standard output.
        model: the model.
        options: see `Options`.

    Raises:
        DataError: input or output cannot be used; says why and what to do.
    """
    kinds = [find_kind(name, options.kind) for name in (source, target)]
    rejects = None if target == STREAM else Path(target + REJECTS)
    check_different(Path(source), Path(target))
    with open_source(source, kinds[0], find_delimiter(source, options.delimiter)) as opened, ExitStack() as files:
        positions = find_columns(opened.schema.names, model.names, model.required, opened.place)
        report = Report(notes=_notes(opened, model, positions))
        stream = files.enter_context(open_stream(target))
        with as_data_error(target):
            if kinds[1] == "csv":
                writer = write_csv(stream, opened, model.identity, find_delimiter(target, options.delimiter))
            else:
                writer = write_parquet(stream, opened, model.identity)
            output = files.enter_context(writer)
        # Opened last and so complete first: an output that has its name has its rejects too.
        reject = files.enter_context(write_rejects(rejects))
        score = partial(_score, opened, model, positions, output)
        for encoded, faults, part in _in_order(opened, score, options.threads or pa.cpu_count()):
            with as_data_error(target):
                output.write(encoded)
            if faults:
                reject(faults, report.read + 1)
            report.add(part)
    report.rejects = [str(rejects or "standard error")] if report.rejected else []
    return report


def _score(opened: Source, model: Model, positions: Sequence[int | None], output: Output, piece: Any) -> _Scored:
    """The scored rows of a piece, ready to be written; the faults of the others, in the order of rows; the counts."""
    batch, broken = opened.parse(piece)
    values = read_columns(batch, positions, opened.place)
    found, good = check_table(values, [], model.variables, model.required)
    total = len(values) + len(broken)
    numbers = np.delete(np.arange(total), [row_of(fault) for fault in broken])
    faults = [*broken, *(FieldError(one.field, one.message, int(numbers[row_of(one)])) for one in found)]
    batch = batch.filter(pa.array(good)) if found else batch
    reasons = Counter(f"{fault.field} {fault.message}".lstrip() for fault in faults)
    report = Report(total, len({fault.row for fault in faults}), reasons)
    return output.encode(batch, model.score(values[good])), sorted(faults, key=row_of), report


def _in_order(opened: Source, score: Callable[[Any], _Scored], threads: int) -> Iterator[_Scored]:
    """Score pieces in threads; Arrow, numpy and onnxruntime release Python's lock while they work."""
    with ThreadPoolExecutor(threads) as pool:
        while pieces := [*islice(opened.pieces, AHEAD * threads)]:
            yield from pool.map(score, pieces)


def _notes(opened: Source, model: Model, positions: Sequence[int | None]) -> list[str]:
    """What a person should know about the columns."""
    absent = [name for name, position in zip(model.names, positions, strict=True) if position is None]
    notes = [f"no column {', '.join(absent)}: taken as missing values"] if absent else []
    misspelled = find_misspelled(opened.schema.names, model.names)
    return notes + [f"column {column} is not used; did you mean {variable}?" for column, variable in misspelled]
