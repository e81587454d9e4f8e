"""How fast `heartapp score` is beside the members alone, and how much memory it takes.

The limit is the members' raw throughput: the same threads, each asking the same onnxruntime session about batches of
patients that are in memory already. A model that looks its answers up can be faster than that. Beside it, the command
from file to file, its start included. The order rotates from round to round; medians are shown.

    make bench-score ARGS="--rows 10000000 --rounds 3 --model bedside"
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from heartapp.clinical.variables import BY_NAME
from heartapp.config import models_folder
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model
from heartapp.scoring.score import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 16_384
BLOCK = 262_144
MISSING = 0.02


class Run(NamedTuple):
    """One measurement: seconds, seconds of CPU, and the largest memory of the process in megabytes, 0 where unknown."""

    wall: float
    cpu: float
    memory: float = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="bedside")
    asked = parser.parse_args()
    root = models_folder()
    model = Model(read_bundle(root, asked.model, read_served(root)[asked.model]))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        paths = write_inputs(model, asked.rows, Path(folder))
        cases: dict[str, Callable[[], Run]] = {
            "members alone, patients in memory": lambda: raw(model, asked.rows),
            "CSV to CSV": lambda: score(paths["csv"], asked.model),
            "Parquet to Parquet": lambda: score(paths["parquet"], asked.model),
        }
        runs: dict[str, list[Run]] = defaultdict(list)
        for turn in range(asked.rounds):
            for index in range(len(cases)):
                name = [*cases][(turn + index) % len(cases)]
                runs[name].append(cases[name]())
        for name, path in paths.items():
            print(f"{name}: {path.stat().st_size / asked.rows:.0f} bytes a row in")
    report(runs, [*cases], asked.rows)


def blocks(model: Model, rows: int) -> Iterator[pa.Table]:
    """Patients anywhere within the limits, one value in fifty missing where it may be."""
    for start in range(0, rows, BLOCK):
        generator = np.random.default_rng(start)
        count = min(BLOCK, rows - start)
        columns: dict[str, pa.Array] = {"patient": pa.array(range(start, start + count))}
        for variable in (BY_NAME[name] for name in model.names):
            share = generator.random(count)
            gone = None if variable.name in model.required else generator.random(count) < MISSING
            if variable.kind == "number":
                drawn = pa.array((variable.low + (variable.high - variable.low) * share**3).round(2), mask=gone)
            else:
                drawn = pa.array(share.round().astype(np.int8), mask=gone)
            columns[variable.name] = drawn
        yield pa.table(columns)


def write_inputs(model: Model, rows: int, folder: Path) -> dict[str, Path]:
    """The same patients as CSV and as Parquet."""
    paths = {kind: folder / f"in.{kind}" for kind in ("csv", "parquet")}
    schema = next(blocks(model, 1)).schema
    with pa_csv.CSVWriter(paths["csv"], schema) as text, pq.ParquetWriter(paths["parquet"], schema) as parquet:
        for block in blocks(model, rows):
            text.write_table(block)
            parquet.write_table(block)
    return paths


def raw(model: Model, rows: int) -> Run:
    """All threads ask the members about patients in memory; a block is asked about again until rows are enough."""
    block = next(blocks(model, min(rows, BLOCK))).select(model.names)
    values = np.column_stack([column.cast(pa.float32()).to_numpy() for column in block.columns])
    batches = [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
    turns = round(rows / len(values))
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(model.run_graph, batches * turns):
            pass
    scale = rows / (turns * len(values))
    return Run((time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale)


def score(source: Path, name: str) -> Run:
    """The command as a person runs it."""
    target = source.with_stem("out")
    command = [str(Path(sys.executable).with_name("heartapp")), "score", str(source), str(target), "--model", name]
    wall = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - wall
    if status:
        raise SystemExit(f"scoring {source} failed")
    target.unlink()
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def report(runs: dict[str, list[Run]], names: list[str], rows: int) -> None:
    """A table of medians, and each case's share of the members' throughput."""
    middle = {name: Run(*map(statistics.median, zip(*runs[name], strict=True))) for name in names}
    limit = middle[names[0]]
    print(f"{rows:,} rows, {cores()} threads, medians of {len(runs[names[0]])} rounds (least to most rows/s)")
    for name in names:
        own = middle[name]
        rates = sorted(rows / one.wall for one in runs[name])
        print(
            f"{name:<34} {rows / own.wall:>10,.0f} rows/s ({rates[0]:,.0f} to {rates[-1]:,.0f})  "
            f"{limit.wall / own.wall:.2f} of the limit  {own.cpu / rows * 1e6:.2f} µs CPU a row "
            f"({limit.cpu / own.cpu:.2f})" + (f"  {own.memory:.0f} MB at most" if own.memory else "")
        )


if __name__ == "__main__":
    main()
