"""The first limit: a Flask view that reads nothing and returns a constant."""

from __future__ import annotations

from flask import Flask, Response

from benchmarks.contenders.limits.constant import ANSWER

app = Flask(__name__)


@app.post("/predict")
def predict() -> Response:
    """The constant."""
    return Response(ANSWER, mimetype="application/json")
