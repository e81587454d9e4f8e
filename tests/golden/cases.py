"""The requests of the golden corpus. Their recorded answers are in ``answers/``, one file a case.

`python -m tests.golden.record` writes the answers anew. A change of an answer is a commit of its own, with the reason.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from tests.client import example

JSON = "application/json"
CSV = "text/csv"
EVERYTHING = "survival=true&horizon=30,77,180&explain=true&instability=true"


@dataclass(frozen=True)
class Case:
    """One request; ``headers`` besides the content type."""

    name: str
    path: str
    body: bytes | None = None
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def patients(model: str, count: int, seed: int) -> list[dict[str, float | None]]:
    """Plausible patients of a model, written as people write them; some lack what may be missing."""
    generator = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        "age": generator.normal(62, 14, count).clip(20, 105).round(1),
        "creatinine_phosphokinase": generator.lognormal(5.6, 1, count).round(),
        "ejection_fraction": generator.normal(38, 13, count).clip(8, 85).round(),
        "platelets": generator.normal(263_000, 90_000, count).clip(20_000, 900_000).round(-3),
        "serum_creatinine": generator.lognormal(0.2, 0.5, count).round(2),
        "serum_sodium": generator.normal(136, 5, count).round(),
        "time": generator.integers(4, 286, count),
    }
    columns = {
        variable.name: drawn.get(variable.name, generator.integers(0, 2, count)).astype(float) for variable in VARIABLES
    }
    names = MODEL_VARIABLES[model]
    optional = ("creatinine_phosphokinase", "platelets", "serum_sodium")
    gone = {name: generator.random(count) < 0.2 for name in optional}
    return [
        {name: None if name in optional and gone[name][row] else float(columns[name][row]) for name in names}
        for row in range(count)
    ]


def encoded(value: object) -> bytes:
    """A JSON body."""
    return json.dumps(value).encode()


def table(records: Sequence[dict[str, float | None]]) -> bytes:
    """Patients as CSV, behind two columns that are not heartapp's."""
    names = list(records[0])
    lines = [",".join(["id", "note", *names])]
    for number, record in enumerate(records):
        cells = ["" if record[name] is None else f"{record[name]:.10g}" for name in names]
        lines.append(",".join([f"{number:03}", '"a, ""b"" c"', *cells]))
    return ("\n".join(lines) + "\n").encode()


def cases() -> Iterator[Case]:
    """Every case."""
    for model in MODEL_VARIABLES:
        yield from _answered(model)
    yield from _refused()
    for path in ("models", "models/bedside", "models/followup", "models/unknown"):
        yield Case(f"get-{path.replace('/', '-')}", f"/api/v1/{path}")


def _answered(model: str) -> Iterator[Case]:
    one, many = example(model), patients(model, 60, seed=7)
    path = f"/api/v1/predict?model={model}"
    yield Case(f"{model}-one", path, encoded(one))
    yield Case(f"{model}-many", path, encoded(many))
    yield Case(f"{model}-none", path, b"[]")
    yield Case(f"{model}-threshold", f"{path}&threshold=0.55", encoded(many[:10]))
    yield Case(f"{model}-explained", f"{path}&explain=true", encoded(many[:6]))
    if model == "bedside":  # followup has neither a horizon nor refits
        yield Case(f"{model}-everything", f"{path}&{EVERYTHING}", encoded(many[:6]))
    yield Case(f"{model}-table", path, table(many), CSV)
    yield Case(f"{model}-table-as-json", path, table(many[:5]), CSV, (("Accept", JSON),))
    yield Case(f"{model}-json-as-table", path, encoded(many[:5]), JSON, (("Accept", CSV),))
    words = table(many[:6]).replace(b",,", b",NA,", 1).replace(b",,", b",null,", 1).replace(b",,", b",NaN,")
    yield Case(f"{model}-table-missing-words", path, words, CSV)
    edges = [
        {**one, name: value}
        for name in ("age", "ejection_fraction", "serum_creatinine", "platelets")
        for value in (BY_NAME[name].low, BY_NAME[name].high)
    ]
    yield Case(f"{model}-edges", path, encoded(edges))


def _refused() -> Iterator[Case]:
    one = example()
    faulty = [one, {**one, "age": 750, "sex": "man"}, {"age": 60}, 5, {**one, "anemia": 1, "time": 5}]
    table_rows = b"age,ejection_fraction,serum_creatinine\n72.5,25,1.7\nold,25,1.7\n72.5,25\n72.5,25,1.7,9\n51,45,0.9\n"
    bodies: dict[str, tuple[str, bytes, str]] = {
        "faulty-one": ("", encoded({"age": 750, "sex": "man"}), JSON),
        "faulty-many": ("", encoded(faulty), JSON),
        "faulty-many-skipped": ("on_error=skip", encoded(faulty), JSON),
        "faulty-table": ("", table_rows, CSV),
        "faulty-table-skipped": ("on_error=skip", table_rows, CSV),
        "without-time": ("model=followup", encoded(one), JSON),
        "with-time": ("", encoded(example("followup")), JSON),
        "unknown-model": ("model=nobody", encoded(one), JSON),
        "unknown-parameter": ("modell=bedside", encoded(one), JSON),
        "wrong-threshold": ("threshold=2", encoded(one), JSON),
        "wrong-horizon": ("horizon=5", encoded(one), JSON),
        "wrong-flag": ("explain=yes", encoded(one), JSON),
        "no-curve": ("model=followup&survival=true", encoded(example("followup")), JSON),
        "no-refits": ("model=followup&instability=true", encoded(example("followup")), JSON),
        "too-many-detailed": ("explain=true", encoded([one] * 101), JSON),
        "too-many": ("", encoded([one] * 10_001), JSON),
        "not-json": ("", b'{"age": 61', JSON),
        "not-an-object": ("", b"5", JSON),
        "key-twice": ("", b'{"age": 61, "age": 62}', JSON),
        "not-a-number": ("", b'{"age": NaN}', JSON),
        "empty": ("", b"", JSON),
        "wrong-type": ("", encoded(one), "application/xml"),
        "parquet": ("", b"PAR1", "application/vnd.apache.parquet"),
        "column-missing": ("", b"age,serum_creatinine\n60,1\n", CSV),
        "column-twice": ("", b"age,age,ejection_fraction,serum_creatinine\n60,60,30,1\n", CSV),
        "column-misspelled": ("", b"age,ejection_fraction,serum_creatinine,anemia\n60,30,1,0\n", CSV),
        "column-taken": ("", b"risk,age,ejection_fraction,serum_creatinine\n1,60,30,1\n", CSV),
        "one-column": ("", b"age;ejection_fraction;serum_creatinine\n60;30;1\n", CSV),
        "open-quote": ("", b'age,ejection_fraction,serum_creatinine\n"60,30,1\n61,30,1\n', CSV),
        "table-explained": ("explain=true", table_rows, CSV),
    }
    for name, (query, body, content_type) in bodies.items():
        yield Case(f"refused-{name}", f"/api/v1/predict?{query}", body, content_type)
    yield Case("refused-not-acceptable", "/api/v1/predict", encoded(one), JSON, (("Accept", "image/png"),))
    yield Case("refused-packed", "/api/v1/predict", encoded(one), JSON, (("Content-Encoding", "gzip"),))
