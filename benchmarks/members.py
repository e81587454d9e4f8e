"""The bundle's fitted estimators, for the contenders that use scikit-learn and XGBoost.

Run as a program, it writes them into the current folder as three pickles, for the tutorial's app.
"""

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks import bundle


def load() -> dict[str, Any]:
    """The three estimators by name, in the bundle's order."""
    members: dict[str, Any] = joblib.load(bundle.folder() / "members.joblib")
    return members


class Members:
    """The three estimators and the columns that they were fitted on."""

    def __init__(self) -> None:
        self._members = tuple(load().values())
        names = bundle.names()
        self._columns = [names.index(name) for name in bundle.manifest()["used"]]

    def probabilities(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), of rows of shape (n, variables)."""
        features = np.asarray(rows, np.float32)[:, self._columns]
        return np.column_stack([member.predict_proba(features)[:, 1] for member in self._members]).astype(np.float32)


if __name__ == "__main__":
    for name, member in load().items():
        Path(f"{name}.pkl").write_bytes(pickle.dumps(member))
