"""MLflow's model from code around the members."""

from __future__ import annotations

from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from benchmarks.members import Members


class MembersModel(PythonModel):
    """Answers rows with probabilities."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002 - the bundle is where it always is
        """Load the estimators, once in each worker."""
        self._members = Members()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002 - MLflow's signature
        """Probabilities of shape (n, 3), from rows of shape (n, variables)."""
        return self._members.probabilities(model_input)


set_model(MembersModel())
