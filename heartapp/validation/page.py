"""What the page `/validate` shows of a table: the report, or without an outcome the risks."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import msgspec

from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.tables.columns import ADDED_NAMES, model_label
from heartapp.tables.csv_body import CsvRows, read_csv, write_csv
from heartapp.validation.cohort import take_cohort, take_patients
from heartapp.validation.faults import CohortError, Fault
from heartapp.validation.mapping import Mapping
from heartapp.validation.options import SEED
from heartapp.validation.report import render_article, render_scores
from heartapp.validation.samples import Floats
from heartapp.validation.validate import validate

_EVERY: Final = 10
"""Samples between two notes of the progress."""


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table to judge a model by, or to score if the mapping names no outcome.

    ``models`` is the folder of bundles and ``place`` the table's name. ``answer`` is HTML, or the scored table.
    ``anyway`` accepts few deaths, and ``bootstraps`` is the number of samples.
    """

    models: str
    name: str
    version: str
    place: str
    table: str
    mapping: Mapping
    answer: Literal["report", "csv"]
    anyway: bool
    bootstraps: int


def answer(task: Task, progress: Callable[[int], object]) -> bytes:
    """HTML, or CSV; ``progress`` is called with the per cent of a report that is done.

    Raises:
        CohortError: lists what is wrong with the table.
    """
    model = Model(read_bundle(Path(task.models), task.name, task.version))
    table = read_csv(task.table.encode(), task.place)
    # What a person left out must not be read under its own name.
    named = {task.mapping.outcome, task.mapping.time, *task.mapping.columns.values()}
    mapped = replace(table, names=[name if name in named else "" for name in table.names])
    if not task.mapping.outcome:
        return _score(task, model, table, mapped)
    cohort = take_cohort(mapped, Path(task.place), model, task.mapping, anyway=task.anyway)

    def watch(samples: Floats) -> Iterator[Floats]:
        for done, sample in enumerate(samples):
            if done % _EVERY == 0:
                progress(100 * done // len(samples))
            yield sample

    return render_article(validate(model, cohort, bootstraps=task.bootstraps, seed=SEED, watch=watch)).encode()


def _score(task: Task, model: Model, table: CsvRows, mapped: CsvRows) -> bytes:
    """The scored table as CSV, or a summary of the risks as HTML."""
    if taken := sorted({*table.names} & {*ADDED_NAMES}):
        what, remedy = "is there already, where scoring adds its own", "rename or drop that column"
        raise CohortError(task.place, [Fault(what, remedy, column=name) for name in taken])
    values, faults, good = take_patients(mapped, task.place, model, task.mapping)
    scores = model.score(values[good])
    if task.answer == "csv":
        return write_csv(table, good, scores, model_label(model.identity), faults)
    rejected = Counter(f"{fault.field} {fault.message}".lstrip() for fault in faults)
    return render_scores(len(good), scores, dict(rejected.most_common()), model.threshold).encode()
