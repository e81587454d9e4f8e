"""Measure `heartapp score` from file to file against the members alone, with patients that are in memory already.

The members are asked by as many threads as the command uses. `bedside` looks its answers up and can be faster than its
members; `followup` cannot. The cases take turns; medians are printed.

    make bench-score ARGS="--rows 10000000 --rounds 3 --model bedside"
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from heartapp.clinical.variables import BY_NAME
from heartapp.config import find, read_settings
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served

BATCH = 16_384
BLOCK = 262_144
MISSING = 0.02
KINDS = {"CSV": "in.csv", "CSV, 0.1 % bad rows": "bad.csv", "Parquet": "in.parquet"}


class Run(NamedTuple):
    """Seconds, seconds of CPU, and the largest memory in megabytes (0 where it is not measured)."""

    wall: float
    cpu: float
    memory: float = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="bedside")
    options = parser.parse_args()
    model = Model(
        read_bundle(
            find(read_settings().models), options.model, read_served(find(read_settings().models))[options.model]
        )
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        write_inputs(model, options.rows, Path(folder))
        cases: dict[str, Callable[[], Run]] = {"members, in memory": partial(members, model, options.rows)}
        cases |= {kind: partial(score, Path(folder, name), options.model) for kind, name in KINDS.items()}
        runs = [[case() for case in cases.values()] for _ in range(options.rounds)]
    middle = [Run(*map(statistics.median, zip(*those, strict=True))) for those in zip(*runs, strict=True)]
    for name, own in zip(cases, middle, strict=True):
        print(
            f"{name:<22} {options.rows / own.wall:>10,.0f} rows/s  {middle[0].wall / own.wall:.2f} of the members  "
            f"{own.cpu / options.rows * 1e6:.2f} µs CPU a row  {own.memory:.0f} MB"
        )


def blocks(model: Model, rows: int) -> Iterator[pa.Table]:
    """Patients anywhere within the limits, one value in fifty missing where it may be."""
    for start in range(0, rows, BLOCK):
        generator = np.random.default_rng(start)
        count = min(BLOCK, rows - start)
        columns: dict[str, pa.Array] = {}
        for variable in (BY_NAME[name] for name in model.names):
            share = generator.random(count)
            gone = None if variable.name in model.required else generator.random(count) < MISSING
            number = (variable.low + (variable.high - variable.low) * share**3).round(2)
            whole = share.round().astype(np.int8)
            columns[variable.name] = pa.array(number if variable.kind == "number" else whole, mask=gone)
        yield pa.table({**columns, "patient": pa.array(range(start, start + count))})


def write_inputs(model: Model, rows: int, folder: Path) -> None:
    """The same patients as CSV and as Parquet; and CSV in which one row in a thousand begins with a letter."""
    text, bad, parquet = (folder / name for name in KINDS.values())
    schema = next(blocks(model, 1)).schema
    with pa_csv.CSVWriter(text, schema) as csv, pq.ParquetWriter(parquet, schema) as other:
        for block in blocks(model, rows):
            csv.write_table(block)
            other.write_table(block)
    with text.open("rb") as lines, bad.open("wb") as file:
        file.writelines(line if number % 1_000 != 1 else b"x" + line for number, line in enumerate(lines))


def members(model: Model, rows: int) -> Run:
    """Threads run the graph for patients in memory, the same block again until there are enough rows."""
    block = next(blocks(model, min(rows, BLOCK))).select(model.names)
    values = np.column_stack([column.cast(pa.float32()).to_numpy() for column in block.columns])
    batches = [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
    turns = round(rows / len(values))
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        list(pool.map(model.graph, batches * turns))
    scale = rows / (turns * len(values))
    return Run((time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale)


def score(source: Path, name: str) -> Run:
    """The command from file to file, its start included."""
    target = source.with_stem("out")
    command = [str(Path(sys.executable).with_name("heartapp")), "score", str(source), str(target), "--model", name]
    wall = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - wall
    if os.waitstatus_to_exitcode(status) not in {0, 3}:
        raise SystemExit(f"scoring {source} failed")
    target.unlink()
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
