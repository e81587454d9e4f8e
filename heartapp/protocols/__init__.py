"""The `oip` and `mlflow` blueprints: the Open Inference Protocol v2 and MLflow's, over the same models as the API.

They translate: patients are checked by the same rules and scored by the same method, so the numbers are the API's.
"""

from heartapp.protocols import mlflow, oip

BLUEPRINTS = (oip.blueprint, mlflow.blueprint)
ERRORS = {"/v2": oip.error, **dict.fromkeys(("/invocations", "/ping", "/version"), mlflow.error)}
"""How an error is written, by the start of the address."""

__all__ = ["BLUEPRINTS", "ERRORS"]
