"""A folder or pattern of files into a folder: one output file, a part, for each input file."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from heartapp.config import find, read_settings
from heartapp.errors import BundleError, DataError, HeartappError
from heartapp.files import UNFINISHED
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model, ModelIdentity
from heartapp.scoring.names import REJECTS, find_parts
from heartapp.scoring.score import Options, Report, score_file

Part = Callable[[], Report]
"""`score_part` for one file. It goes to other processes and machines; the model does not."""


def score_parts(
    source: str, output: Path, model: Model, options: Options, *, resume: bool = False, scheduler: str | None = None
) -> Report:
    """Score every file of a folder or pattern, in processes of this machine or on a Dask cluster.

    Args:
        source: a folder, or a pattern of files.
        output: the folder of the output files.
        model: the model.
        options: see `Options`; ``kind`` is not used, each part has its own suffix.
        resume: skip the parts whose output is there under its name. It gets that name when it is complete.
        scheduler: the address of a Dask scheduler.

    Raises:
        DataError: a file cannot be used; says why. The parts that are complete stay.
    """
    _make_folder(output, resume=resume)
    pairs = find_parts(source, output)
    score = partial(score_part, model.identity, replace(options, threads=1))
    todo: list[Part] = [partial(score, *pair) for pair in pairs if not (resume and pair[1].exists())]
    report = Report(notes=[f"{len(pairs):,} files, {len(pairs) - len(todo):,} of them complete before"])
    try:
        with closing(_run(todo, options.threads or pa.cpu_count(), scheduler)) as reports:
            for one in tqdm(reports, total=len(todo), unit="file", disable=None, leave=False):
                report.add(one)
    finally:
        for leftover in output.rglob(f".*{UNFINISHED}"):
            leftover.unlink(missing_ok=True)
    report.rejects = [path for path in (f"{target}{REJECTS}" for _, target in pairs) if Path(path).is_file()]
    return report


def score_part(identity: ModelIdentity, options: Options, source: Path, target: Path) -> Report:
    """Score one file into another. Both the process pool and Dask call this function.

    Raises:
        DataError: see `score_file`; or the bundle on this machine is another one.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return score_file(str(source), str(target), load_model(identity), options)
    except HeartappError as error:
        # Only an exception whose single argument is its message can go to another process.
        raise DataError(str(error)) from None


@lru_cache
def load_model(identity: ModelIdentity) -> Model:
    """The model with this digest, from the bundles that this machine's settings name.

    Raises:
        BundleError: it is not there, or has another digest.
    """
    root = find(read_settings().models)
    bundle = read_bundle(root, identity.name, identity.version)
    if bundle.digest != identity.digest:
        raise BundleError(
            f"{root / identity.name / identity.version} on this worker has the digest {bundle.digest} and not "
            f"{identity.digest}; copy the same bundle there, or name its folder with HEARTAPP_MODELS"
        )
    return Model(bundle)


def _make_folder(output: Path, *, resume: bool) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{output}: {error.strerror}; name a folder as OUTPUT") from None
    if not resume and any(output.iterdir()):
        raise DataError(f"{output} is not empty; go on with --resume, or name another folder")


def _run(todo: Sequence[Part], processes: int, scheduler: str | None) -> Generator[Report]:
    if scheduler is None:
        return _run_pool(todo, processes)
    from heartapp.scoring.cluster import run_cluster  # noqa: PLC0415 - needs the extra dask

    return run_cluster(todo, scheduler)


def _run_pool(todo: Sequence[Part], processes: int) -> Generator[Report]:
    # A forked process would have copies of Arrow's and onnxruntime's locks without the threads that release them.
    context = multiprocessing.get_context("spawn")
    others = {*multiprocessing.active_children()}
    with ProcessPoolExecutor(processes, context, _prepare_process) as pool:
        try:
            for future in as_completed([pool.submit(part) for part in todo]):
                yield future.result()
        except BrokenProcessPool:
            raise DataError("a process was killed (out of memory?); go on with --resume and fewer --threads") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in {*multiprocessing.active_children()} - others:
                child.terminate()


def _prepare_process() -> None:
    """Leave Ctrl-C to the main process, and end with it even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[multiprocessing.parent_process()], daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
