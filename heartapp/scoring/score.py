"""`heartapp score`: a file of patients in, the same file with risks out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heartapp.errors import DataError
from heartapp.scoring.formats import SUFFIXES
from heartapp.scoring.inputs import find_files, find_kind, is_stream, open_input
from heartapp.scoring.journal import Journal, OtherInputError
from heartapp.scoring.outputs import open_output
from heartapp.scoring.pipeline import Counts, Scorer, run
from heartapp.scoring.progress import Progress
from heartapp.scoring.rejects import Rejects, check_list
from heartapp.scoring.replacing import open_stream, replacing, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from heartapp.inference.model import Model
    from heartapp.scoring.formats import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to score.

    ``kind`` is the format of what has no known suffix, ``delimiter`` one of `DELIMITERS`, by name; ``rejects`` names
    the file of rejects, ``threads`` is how many work at once.
    """

    kind: Kind | None = None
    delimiter: str | None = None
    rejects: Path | None = None
    resume: bool = False
    threads: int | None = None


def score(source: str, target: str, model: Model, options: Options, tell: Callable[[str], None]) -> Counts:
    """Score a file, a folder or pattern of Parquet files, or a stream.

    Args:
        source: a path, a pattern, or ``-`` for standard input.
        target: a path, or ``-`` for standard output.
        model: who scores.
        options: how.
        tell: is called with what a person should know while the work goes on.

    Raises:
        DataError: says what is wrong with input or output, and what to do.
    """
    kind, target_kind = find_kinds(source, target, options.kind)
    with open_input(source, kind, options.delimiter) as opened:
        positions = opened.match(model)
        with _open_target(source, target, model.identity.digest, options, tell) as (stream, rejects, journal):
            tell_absent(model, positions, tell)
            output = open_output(target_kind, stream, opened.source, model.identity)
            progress = Progress(opened.rows, opened.size)
            try:
                return run(
                    opened,
                    Scorer(model, positions, output, opened.place),
                    output,
                    rejects,
                    threads=options.threads or cores(),
                    journal=journal,
                    progress=progress,
                )
            finally:
                progress.close()


def tell_absent(model: Model, positions: Sequence[int | None], tell: Callable[[str], None]) -> None:
    """Say which of the model's variables the input does not have."""
    if absent := [name for name, position in zip(model.names, positions, strict=True) if position is None]:
        tell(f"no column {', '.join(absent)}: taken as not known")


def rejects_path(target: str, options: Options) -> Path | None:
    """Where rejects go; None is standard error, where the output is a stream and nothing else was said."""
    if options.rejects is not None or is_stream(target):
        return options.rejects
    return Path(target + ".rejects.csv")


def cores() -> int:
    """How many threads this process can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_kinds(source: str, target: str, stated: Kind | None) -> tuple[Kind, Kind]:
    """Formats of input and output: by suffix, else as stated; a stream is of the other's format, or CSV.

    Raises:
        DataError: the format of a file is not told, or the input is packed.
    """
    if source.lower().endswith(".gz") and Path(source).is_file():
        raise DataError(f"{source} is packed; unpack it on the way: zcat {source} | heartapp score - {target}")
    found = find_kind(source, stated), find_kind(target, stated)
    kinds = []
    for name, kind, other in zip((source, target), found, reversed(found), strict=True):
        if kind is None and not is_stream(name):
            raise DataError(f"{name}: the suffix tells no format; name one with --format, known: {', '.join(SUFFIXES)}")
        kinds.append(kind or other or "csv")
    return kinds[0], kinds[1]


@contextmanager
def _open_target(
    source: str, target: str, digest: str, options: Options, tell: Callable[[str], None]
) -> Iterator[tuple[BinaryIO, Rejects, Journal | None]]:
    """The files to write to. When all is well they get their names, the output last, and the journal goes."""
    rejects = Rejects(check_rejects(source, target, rejects_path(target, options)))
    if is_stream(target):
        if options.resume:
            raise DataError("a stream cannot be resumed: what was written is gone; name a file as OUTPUT")
        with open_stream(Path(target)) as stream, rejects:
            yield stream, rejects, None
        return
    path = check_target(source, target)
    if options.resume and parts_path(path).exists():
        tell(f"{parts_path(path)}, what a cluster scored, is not used; only with --scheduler it is")
    journal = Journal(journal_path(path), digest, resume=options.resume)
    try:
        with journal, replacing(path) as stream, rejects:
            yield stream, rejects, journal
    except OtherInputError as error:
        raise OtherInputError(f"{error}; delete {journal.path} to start anew") from None
    except BaseException:
        if journal.records:
            tell(f"what was scored so far is kept in {journal.path}; go on with --resume")
        raise
    journal.remove()


def journal_path(target: Path) -> Path:
    """Where the journal of an output is kept."""
    return target.with_name(target.name + ".journal")


def parts_path(target: Path) -> Path:
    """Where a cluster's run keeps the partitions of an output."""
    return target.with_name(target.name + ".parts")


def check_target(source: str, target: str) -> Path:
    """The output's path, links followed.

    Raises:
        DataError: it is a folder, in a folder that is not there, or an input.
    """
    path = Path(target).resolve()
    if path.is_dir():
        raise DataError(f"{target} is a folder; name a file")
    _check_replaced(path, source)
    return path


def check_rejects(source: str, target: str, rejects: Path | None) -> Path | None:
    """The path of the file of rejects, links followed; that of a stream as it is.

    Raises:
        DataError: it is an input or the output, in a folder that is not there, or there and no list of rejects.
    """
    if rejects is None:
        return None
    output = Path(target).resolve()
    # Two may write to one device, such as the one that forgets everything.
    if not rejects.is_char_device() and any(
        _same(rejects, one) for one in (output, unfinished(output), journal_path(output))
    ):
        raise DataError(f"{rejects} is where the output is written; name another file with --rejects")
    if is_stream(str(rejects)):
        return rejects
    path = rejects.resolve()
    _check_replaced(path, source)
    check_list(path)
    return path


def _check_replaced(path: Path, source: str) -> None:
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")
    if not is_stream(source) and any(_same(path, one) for one in find_files(source)):
        raise DataError(f"{path} is an input too, and would be replaced; name another file")


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
