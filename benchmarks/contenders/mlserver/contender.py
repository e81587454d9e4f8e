"""MLServer with a custom runtime, two inference workers, and without access log, metrics and compression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contender import WORKERS, Command, Contender, probabilities
from benchmarks.environments import Environment
from benchmarks.servers import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.patients import Patient

_FOLDER: Final = Path(__file__).parent
_COLUMNS: Final = 3


def _start(port: int, _folder: Path) -> Command:
    return Command(
        ("mlserver", "start", str(_FOLDER)),
        {
            "MLSERVER_HOST": HOST,
            "MLSERVER_HTTP_PORT": str(port),
            "MLSERVER_GRPC_PORT": str(free_port()),
            "MLSERVER_METRICS_PORT": str(free_port()),
            "MLSERVER_PARALLEL_WORKERS": str(WORKERS),
            "MLSERVER_DEBUG": "false",
            "MLSERVER_GZIP_ENABLED": "false",
            "MLSERVER_METRICS_ENDPOINT": "",
        },
    )


def _ask(patients: Sequence[Patient]) -> Any:
    data = [value for patient in patients for value in patient.values()]
    shape = [len(patients), len(patients[0])]
    # With an id of its own for each request, no two answers would be the same.
    return {"id": "1", "inputs": [{"name": "patients", "shape": shape, "datatype": "FP32", "data": data}]}


def _read(answer: Any) -> list[list[float]]:
    data = answer["outputs"][0]["data"]
    return [data[start : start + _COLUMNS] for start in range(0, len(data), _COLUMNS)]


CONTENDER: Final = Contender(
    name="mlserver",
    title="MLServer",
    kind="server",
    environment=Environment("mlserver", _FOLDER / "requirements.txt", ("mlserver", "scikit-learn", "xgboost-cpu")),
    start=_start,
    path="/v2/models/bedside/infer",
    ask=_ask,
    read=_read,
    expect=probabilities,
)
