"""Probes for operators: whether the process answers, and whether its models are loaded and checked."""

from http import HTTPStatus

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from heartapp.web.extension import get_registry
from heartapp.web.problems import problem

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Every configured model is loaded and passed its checks; else 503 with the reasons.

    ``refused`` are promoted versions that failed their checks while an earlier one is served.
    """
    registry = get_registry()
    if faults := registry.faults:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, reasons)
    models = {model.name: model.identity.version for model in registry.models}
    return jsonify(status="ok", models=models, refused=registry.refused)
