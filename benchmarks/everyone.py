"""Who takes part, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.contenders.bentoml.contender import CONTENDER as BENTOML
from benchmarks.contenders.fastapi.contender import CONTENDER as FASTAPI
from benchmarks.contenders.heartapp.contender import CONTENDER as HEARTAPP
from benchmarks.contenders.limits.contender import FLASK, WSGI
from benchmarks.contenders.litserve.contender import CONTENDER as LITSERVE
from benchmarks.contenders.mlflow.contender import CONTENDER as MLFLOW
from benchmarks.contenders.mlserver.contender import CONTENDER as MLSERVER
from benchmarks.contenders.tutorial.contender import CONTENDER as TUTORIAL

if TYPE_CHECKING:
    from benchmarks.contender import Contender

CONTENDERS: Final[tuple[Contender, ...]] = (
    HEARTAPP,
    FLASK,
    WSGI,
    FASTAPI,
    TUTORIAL,
    MLSERVER,
    LITSERVE,
    BENTOML,
    MLFLOW,
)
