"""Save the model in MLflow's format into the folder ``model``."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlflow.pyfunc import save_model

shutil.rmtree("model", ignore_errors=True)
# Nothing is to be guessed or installed: the server runs in this very environment.
save_model("model", python_model=str(Path(__file__).with_name("model.py")), pip_requirements=[])
