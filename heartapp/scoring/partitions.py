"""An input in partitions: each is scored by itself into a file of its own, and a marker says that it is there.

A partition's file is written elsewhere and moved, its marker last of all; so a partition that was cut off is scored
anew, and one that two workers scored at once is there once. Where the work is done, `heartapp.scoring.cluster` decides.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from heartapp.config import find, unserved_settings
from heartapp.errors import BundleError, DataError
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model, ModelIdentity
from heartapp.scoring.csv_input import CsvFormat, read_chunks, read_format
from heartapp.scoring.formats import delimiter_of
from heartapp.scoring.inputs import Input, open_file
from heartapp.scoring.journal import OtherInputError
from heartapp.scoring.outputs import open_output
from heartapp.scoring.parquet_input import check_same_columns, open_parquet, read_batches
from heartapp.scoring.pipeline import Scorer, run
from heartapp.scoring.rejects import HEADER, Rejects
from heartapp.scoring.replacing import replacing, sync_folder, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    import pyarrow as pa
    import pyarrow.parquet as pq

    from heartapp.scoring.formats import Kind

PARTITION_BYTES: Final = 64 * 1024 * 1024
PARTITION_ROWS: Final = 1_000_000
_REJECTS: Final = ".rejects.csv"


class Partition(msgspec.Struct, frozen=True):
    """Some rows of one file: bytes ``start`` to ``stop`` of a CSV file, or row groups of a Parquet file.

    ``index`` counts from 0, ``first`` is the number of its first row in the whole input, ``stamp`` the file's size and
    time of change when the work was planned.
    """

    index: int
    path: str
    stamp: tuple[int, int]
    first: int
    rows: int
    start: int = 0
    stop: int = 0
    groups: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name of its files, without a suffix."""
        return f"part-{self.index:05}"


class Marker(msgspec.Struct, frozen=True):
    """Says that a partition's file is there, of which model, and how many rows were scored and rejected."""

    partition: Partition
    model: ModelIdentity
    scored: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Job:
    """What all partitions have in common: where their files go, of which kind, the input's columns, and the model."""

    folder: str
    kind: Kind
    source: CsvFormat | pa.Schema
    model: ModelIdentity

    def part(self, partition: Partition) -> Path:
        """A partition's file."""
        return Path(self.folder) / f"{partition.name}.{self.kind}"

    def rejects(self, partition: Partition) -> Path:
        """A partition's rejects."""
        return Path(self.folder) / f"_{partition.name}{_REJECTS}"

    def marker(self, partition: Partition) -> Path:
        """A partition's marker; who reads a folder of Parquet files leaves out names that start so."""
        return Path(self.folder) / f"_{partition.name}.json"


def plan_csv(path: Path, delimiter: str | None) -> tuple[CsvFormat, list[Partition]]:
    """Cut a CSV file at the ends of records, which takes one look at all of it."""
    with open_file(str(path)) as stream:
        form, pending = read_format(stream, delimiter_of(str(path), delimiter), str(path))
        stamp = _stamp(path)
        start = stop = stream.tell() - len(pending)
        first, rows = 1, 0
        partitions: list[Partition] = []
        for chunk in read_chunks(stream, form, pending):
            rows += chunk.rows
            stop = min(stop + chunk.size, stamp[0])
            if stop - start >= PARTITION_BYTES:
                partitions.append(Partition(len(partitions), str(path), stamp, first, rows, start, stop))
                first, rows, start = first + rows, 0, stop
    if rows or not partitions:
        partitions.append(Partition(len(partitions), str(path), stamp, first, rows, start, stop))
    return form, partitions


def plan_parquet(paths: Sequence[Path]) -> tuple[pa.Schema, list[Partition]]:
    """Cut Parquet files between row groups."""
    partitions: list[Partition] = []
    row = 1
    with open_parquet(paths[0], str(paths[0])) as first:
        for path in paths:
            with open_parquet(path, str(path)) as file:
                check_same_columns(first, file, str(path))
                for groups, rows in _cut(file.metadata):
                    partitions.append(Partition(len(partitions), str(path), _stamp(path), row, rows, groups=groups))
                    row += rows
        return first.schema_arrow, partitions


def score_partition(job: Job, partition: Partition) -> Marker:
    """Score a partition and write its file, then its marker; or find them there.

    Raises:
        BundleError: the model is not here, or is another one.
        DataError: the input is not here or has changed, or the folder cannot be written to.
    """
    if marker := read_marker(job, partition):
        return marker
    model = load_model(job.model)
    with (
        told(Path(job.folder)),
        tempfile.TemporaryDirectory(prefix=f".{platform.node()}-{os.getpid()}-", dir=job.folder) as attempt,
        _open_partition(job, partition) as opened,
    ):
        mine = replace(job, folder=attempt)
        with replacing(mine.part(partition)) as stream, Rejects(mine.rejects(partition)) as rejects:
            output = open_output(job.kind, stream, opened.source, model.identity)
            scorer = Scorer(model, opened.match(model), output, opened.place)
            counts = run(opened, scorer, output, rejects, threads=1)
        if counts.read != partition.rows:
            raise OtherInputError(f"{opened.place} has changed while it was read; start anew")
        marker = Marker(partition, model.identity, counts.scored, counts.rejected)
        with replacing(mine.marker(partition)) as stream:
            stream.write(msgspec.json.encode(marker))
        for name in (Job.rejects, Job.part, Job.marker):
            if name(mine, partition).exists():
                name(mine, partition).replace(name(job, partition))
        sync_folder(Path(job.folder))
    return marker


@lru_cache
def load_model(identity: ModelIdentity) -> Model:
    """The model with this digest, from the folder of bundles that this machine's settings name.

    Bundles are not sent: each machine loads what was installed there, and the digest says that it is the same.

    Raises:
        BundleError: it is not there, or has another digest.
    """
    settings = unserved_settings()
    root = find(settings.models)
    bundle = read_bundle(root, identity.name, identity.version)
    if bundle.digest != identity.digest:
        raise BundleError(
            f"{root / identity.name / identity.version} on {platform.node()} has the digest {bundle.digest} and not "
            f"{identity.digest}; copy the same folder there, or have HEARTAPP_MODELS name it"
        )
    return Model(bundle)


def read_marker(job: Job, partition: Partition) -> Marker | None:
    """The marker of a partition, if it is there.

    Raises:
        OtherInputError: it is of another model or another input.
    """
    try:
        marker = msgspec.json.decode(job.marker(partition).read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    if (marker.partition, marker.model) != (partition, job.model) or not job.part(partition).exists():
        raise OtherInputError(f"{job.folder} is of another input or model; delete it to start anew")
    return marker


def join_parts(job: Job, partitions: Sequence[Partition], target: Path) -> None:
    """Write all partitions' rows into one file."""
    with replacing(target) as stream:
        if job.kind == "parquet":
            _join_parquet(job, partitions, stream)
        else:
            _join_csv(job, partitions, stream)


def join_rejects(job: Job, partitions: Sequence[Partition], target: Path | None) -> None:
    """Write all partitions' rejects into one file; there is none if there are no rejects."""
    with Rejects(target) as rejects:
        for path in map(job.rejects, partitions):
            if path.exists():
                rejects.write(path.read_bytes().removeprefix(HEADER), 1)


def _join_csv(job: Job, partitions: Sequence[Partition], stream: BinaryIO) -> None:
    header = io.BytesIO()
    open_output("csv", header, job.source, job.model)
    stream.write(header.getvalue())
    for partition in partitions:
        with job.part(partition).open("rb") as part:
            part.seek(len(header.getvalue()))
            shutil.copyfileobj(part, stream, 1024 * 1024)


def _join_parquet(job: Job, partitions: Sequence[Partition], stream: BinaryIO) -> None:
    with open_output("parquet", stream, job.source, job.model) as output:
        for partition in partitions:
            path = job.part(partition)
            with open_parquet(path, str(path)) as file:
                for chunk in read_batches(file, str(path)):
                    output.write(chunk.table)


@contextmanager
def _open_partition(job: Job, partition: Partition) -> Iterator[Input]:
    path = Path(partition.path)
    try:
        stamp = _stamp(path)
    except OSError as error:
        raise DataError(
            f"{path} on {platform.node()}: {error.strerror}; all machines of a cluster need the same files"
        ) from None
    if stamp != partition.stamp:
        raise OtherInputError(f"{path} has changed since the work was planned; start anew")
    if isinstance(job.source, CsvFormat):
        with open_file(partition.path) as stream:
            stream.seek(partition.start)
            records = io.BytesIO(stream.read(partition.stop - partition.start))
        chunks = read_chunks(records, job.source, first=partition.first)
        yield Input(job.source.place, job.source, chunks, first=partition.first)
        return
    with open_parquet(path, str(path)) as file:
        batches = read_batches(file, str(path), first=partition.first, groups=partition.groups)
        yield Input(str(path), job.source, batches, first=partition.first)


def _cut(metadata: pq.FileMetaData) -> Iterator[tuple[tuple[int, ...], int]]:
    """Neighbouring row groups of about a million rows, and how many rows they have; of an empty file, none."""
    groups: list[int] = []
    rows = 0
    for index in range(metadata.num_row_groups):
        groups.append(index)
        rows += metadata.row_group(index).num_rows
        if rows >= PARTITION_ROWS:
            yield tuple(groups), rows
            groups, rows = [], 0
    if groups or not metadata.num_row_groups:
        yield tuple(groups), rows


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
