"""The limits: a Flask view and a WSGI function that read nothing and give the same answer each time.

The answer is as long as a prediction of heartapp.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

from flask import Flask, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

ANSWER: Final = (
    b'{"model":{"name":"bedside","version":"1","digest":"sha256:'
    b'0000000000000000000000000000000000000000000000000000000000000000"},'
    b'"death_event":1,"risk":0.3710204,"threshold":0.32,"base_rate":0.3210702341137124,"votes":['
    b'{"member":"decision_tree","probability":0.4545454680919647,"vote":1},'
    b'{"member":"random_forest","probability":0.3259223103523254,"vote":1},'
    b'{"member":"gradient_boosting","probability":0.3879597187042236,"vote":1}],"cautions":[],"missing":[]}'
)

flask_app = Flask(__name__)


@flask_app.post("/predict")
def predict() -> Response:
    """The constant, as a Flask view."""
    return Response(ANSWER, mimetype="application/json")


def wsgi_app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The constant, as a WSGI function."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]


gc.freeze()
