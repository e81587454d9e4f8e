"""What one could write instead of `heartapp score`: ``python score.py BUNDLE INPUT OUTPUT``, one CSV into another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl

bundle, source, target = map(Path, sys.argv[1:])
manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
slope, intercept = manifest["calibration"]["slope"], manifest["calibration"]["intercept"]
threshold = manifest["threshold"]

table = pl.read_csv(source)
names = [variable["name"] for variable in manifest["variables"]]
values = table.select(pl.col(names).cast(pl.Float32)).to_numpy()
session = onnxruntime.InferenceSession(bundle / "model.onnx", providers=["CPUExecutionProvider"])
probabilities = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(values)})[0]
median = np.clip(np.sort(probabilities, axis=1)[:, 1].astype(np.float64), 0.01, 0.99)
risk = 1 / (1 + np.exp(-(slope * np.log(median / (1 - median)) + intercept)))
cutoff = 1 / (1 + np.exp((intercept - np.log(threshold / (1 - threshold))) / slope))

added = {"risk": risk, "death_event": (risk >= threshold).astype(np.int8)}
for index, member in enumerate(manifest["members"]):
    added[f"{member}_probability"] = probabilities[:, index]
    added[f"{member}_vote"] = (probabilities[:, index] >= cutoff).astype(np.int8)
model = pl.lit(f"{manifest['name']}/{manifest['version']}").alias("model")
table.with_columns(model, **{name: pl.Series(column) for name, column in added.items()}).write_csv(target)
