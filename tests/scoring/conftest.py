"""A table of patients for tests of scoring, and signals as a fresh process has them."""

import signal
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Model


@pytest.fixture(scope="session")
def patients(bedside: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]) -> pa.Table:
    """3,000 patients with a column of text in front; one in twenty of the values that may be missing is."""
    generator = np.random.default_rng(3)
    columns: dict[str, pa.Array] = {"name": pa.array([f"Ünal, {number}" for number in range(3_000)])}
    drawn = np.array(random_patients(bedside.names, 3_000))
    for name, values in zip(bedside.names, drawn.T, strict=True):
        kind = pa.float64() if BY_NAME[name].kind == "number" else pa.int8()
        gone = generator.random(len(values)) < (0 if name in bedside.required else 0.05)
        columns[name] = pa.array(values, mask=gone).cast(kind)
    return pa.table(columns)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Signals do what they do by default, also where the tests run under ``nohup``."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    for number, _ in before:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before:
        signal.signal(number, handler)
