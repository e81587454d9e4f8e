"""The bundle that every contender serves, and its golden patients, whose right answers it holds.

Standard library only: this module runs in every environment.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = "bedside"

Patient = dict[str, float]
Numbers = list[float]


@cache
def folder() -> Path:
    """The folder of the served version."""
    models = ROOT / "models"
    pin: str = tomllib.loads((models / "served.toml").read_text("utf-8"))[MODEL]
    return models / MODEL / pin.partition("@")[0]


@cache
def manifest() -> dict[str, Any]:
    """The bundle's manifest: variables, members, calibration, golden patients, versions of libraries."""
    content: dict[str, Any] = json.loads((folder() / "manifest.json").read_text("utf-8"))
    return content


def names() -> list[str]:
    """The names of the variables, in the order of a row."""
    return [variable["name"] for variable in manifest()["variables"]]


def golden() -> list[tuple[Patient, Numbers]]:
    """The golden patients with the right answers: each member's probability of death, then the calibrated risk."""
    content = manifest()["golden"]
    # Whole numbers as such: an integer's JSON has no point.
    rows = [[int(value) if value.is_integer() else value for value in row] for row in content["rows"]]
    answers = [[*row, risk] for row, risk in zip(content["probabilities"], content["risks"], strict=True)]
    return [(dict(zip(names(), row, strict=True)), answer) for row, answer in zip(rows, answers, strict=True)]


if __name__ == "__main__":
    # Constraints for pip: only these versions are known to load the fitted estimators.
    for name, version in manifest()["libraries"].items():
        print(f"{name}=={version}")
