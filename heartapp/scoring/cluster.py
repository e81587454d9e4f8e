"""`heartapp score --scheduler`: the same work on a Dask cluster.

Dask decides which worker scores which partition, and gives the partitions of a worker that was lost to others. Workers
read the input and write partitions themselves, on storage that they share with this machine.
"""

from __future__ import annotations

import gc
import logging
import shutil
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client, KilledWorker, as_completed
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError

from heartapp.errors import DataError
from heartapp.scoring.inputs import Input, find_files, is_stream
from heartapp.scoring.journal import OtherInputError
from heartapp.scoring.partitions import (
    Job,
    join_parts,
    join_rejects,
    plan_csv,
    plan_parquet,
    read_marker,
    score_partition,
)
from heartapp.scoring.pipeline import Counts
from heartapp.scoring.progress import Progress
from heartapp.scoring.replacing import told
from heartapp.scoring.score import check_rejects, check_target, find_kinds, parts_path, rejects_path, tell_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from heartapp.inference.model import Model
    from heartapp.scoring.partitions import Marker, Partition
    from heartapp.scoring.score import Options


def score_on_cluster(
    source: str, target: str, model: Model, options: Options, tell: Callable[[str], None], *, scheduler: str
) -> Counts:
    """Score files as `heartapp.scoring.score.score` does, on the workers of a scheduler.

    The partitions are kept in ``OUTPUT.parts`` until all are there; then they become one file.

    Raises:
        DataError: says what is wrong, and what to do.
    """
    kind, target_kind = find_kinds(source, target, options.kind)
    if is_stream(source) or is_stream(target):
        raise DataError("a cluster reads and writes files, no streams; name files that all its machines can reach")
    rejects = check_rejects(source, target, rejects_path(target, options))
    path = check_target(source, target)
    paths = [one.resolve() for one in find_files(source)]
    columns, partitions = plan_csv(paths[0], options.delimiter) if kind == "csv" else plan_parquet(paths)
    tell_absent(model, Input(source, columns, []).match(model), tell)
    job = Job(_make_folder(path, resume=options.resume), target_kind, columns, model.identity)
    try:
        counts = _score_all(job, partitions, scheduler, tell)
        join_rejects(job, partitions, rejects)
        join_parts(job, partitions, path)
    except OtherInputError:
        raise
    except BaseException:
        if _kept(Path(job.folder)):
            tell(f"what was scored so far is kept in {job.folder}; go on with --resume")
        raise
    # A worker that Dask gave up too early may still be writing there.
    shutil.rmtree(job.folder, ignore_errors=True)
    return counts


def _make_folder(target: Path, *, resume: bool) -> str:
    """Where partitions are kept."""
    folder = parts_path(target)
    if folder.exists() and not resume:
        raise DataError(
            f"{folder} is there: an earlier run was interrupted; go on with --resume, or delete it to start anew"
        )
    with told(folder):
        folder.mkdir(exist_ok=True)
    return str(folder)


def _kept(folder: Path) -> bool:
    """Whether there is anything in a folder, which is removed if not."""
    with suppress(OSError):
        folder.rmdir()
    return folder.exists()


def _score_all(job: Job, partitions: Sequence[Partition], scheduler: str, tell: Callable[[str], None]) -> Counts:
    """Have every partition scored that has no marker yet; then add up what the markers say."""
    markers = {partition: read_marker(job, partition) for partition in partitions}
    there = [marker for marker in markers.values() if marker is not None]
    missing = [partition for partition, marker in markers.items() if marker is None]
    done = [*there, *(_score(job, missing, scheduler, tell) if missing else [])]
    return Counts(
        read=sum(partition.rows for partition in partitions),
        scored=sum(marker.scored for marker in done),
        rejected=sum(marker.rejected for marker in done),
        resumed=sum(marker.scored for marker in there),
    )


def _score(job: Job, partitions: Sequence[Partition], scheduler: str, tell: Callable[[str], None]) -> list[Marker]:
    progress = Progress(sum(partition.rows for partition in partitions))
    markers = []
    with _connected(scheduler) as client:
        if not client.nthreads():
            tell("the cluster has no worker yet; waiting for one")
        futures = client.map(partial(score_partition, job), partitions, pure=False)
        try:
            for future in as_completed(futures, loop=client.loop):
                markers.append(future.result())
                future.release()  # else Dask would have it done again if its worker were lost later
                progress.add(markers[-1].partition.rows, 0)
        except KilledWorker:
            raise DataError(
                "one worker after the other died over the same partition; their logs say why (memory?)"
            ) from None
        except ImportError as error:
            raise DataError(f"the workers need heartapp[dask] as well ({error.name} is missing there)") from None
        finally:
            client.cancel(futures)
            progress.close()
    return markers


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    # Dask would tell of a lost connection in a traceback as well.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with _connect(scheduler) as client:
            yield client
    except (CancelledError, ClosedClientError, CommClosedError):
        raise DataError(f"the Dask scheduler at {scheduler} was lost; see that it runs again") from None


def _connect(scheduler: str) -> Client:
    try:
        return Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error)
    # The client that came to nothing closes itself when it is collected; while another starts, that would never end.
    gc.collect()
    raise DataError(f"no Dask scheduler answers at {scheduler}: {reason}")
