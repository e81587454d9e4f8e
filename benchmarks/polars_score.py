"""Compare `heartapp score` with 30 lines of polars and onnxruntime, in turn: time and memory for one CSV file."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks import bundle, environments
from benchmarks.contender import BENCH

ROWS: Final = 3_000_000
ROUNDS: Final = 5
FOLDER: Final = Path(__file__).parent / "contenders" / "polars"


def main() -> None:
    """Measure and print."""
    environments.install(BENCH / "polars", FOLDER / "requirements.txt")
    with TemporaryDirectory(dir=BENCH) as folder:
        source, ours, theirs = (f"{folder}/{name}.csv" for name in ("in", "heartapp", "polars"))
        pyarrow.csv.write_csv(patients(), source)
        heartapp = [str(Path(sys.executable).with_name("heartapp")), "score", source, ours]
        polars = [f"{BENCH}/polars/venv/bin/python", f"{FOLDER}/score.py", str(bundle.folder()), source, theirs]
        rounds = [(run(heartapp), run(polars)) for _ in range(ROUNDS)]
        risks = [np.asarray(pyarrow.csv.read_csv(path)["risk"]) for path in (ours, theirs)]
        np.testing.assert_allclose(risks[0], risks[1], atol=1e-5)
    for name, runs in zip(("heartapp score", "polars and onnxruntime"), zip(*rounds, strict=True), strict=True):
        seconds, megabytes = zip(*runs, strict=True)
        print(f"{name}: {median(seconds):.1f} s ({min(seconds):.1f}–{max(seconds):.1f}), {median(megabytes):,.0f} MB")
    ratios = [theirs[0] / ours[0] for ours, theirs in rounds]
    print(f"heartapp is {median(ratios):.1f} times as fast ({min(ratios):.1f}–{max(ratios):.1f}); goal: at least 3")


def patients() -> pa.Table:
    """Random patients between the training data's 1st and 99th percentiles, without missing values."""
    random = np.random.default_rng(0)
    columns = {}
    for seen in bundle.manifest()["variables"]:
        decimals = 0 if seen["p99"] == 1 else 1
        columns[seen["name"]] = random.uniform(seen["p1"], seen["p99"], ROWS).round(decimals)
    return pa.table(columns)


def run(command: list[str]) -> tuple[float, float]:
    """Seconds, and the largest resident set in MB, of a command."""
    began = time.perf_counter()
    _, status, used = os.wait4(subprocess.Popen(command).pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return time.perf_counter() - began, used.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
