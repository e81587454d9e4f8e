"""The bundle that every contender answers from. The standard library alone: this runs in every environment."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = "bedside"


@cache
def folder() -> Path:
    """Where the served version of the model is."""
    models = ROOT / "models"
    version: str = tomllib.loads((models / "served.toml").read_text("utf-8"))[MODEL]
    return models / MODEL / version


@cache
def manifest() -> dict[str, Any]:
    """What the bundle states: variables, members, calibration, and the libraries that its estimators were fitted by."""
    content: dict[str, Any] = json.loads((folder() / "manifest.json").read_text("utf-8"))
    return content


def names() -> list[str]:
    """The variables, in the order of a row."""
    return [variable["name"] for variable in manifest()["variables"]]


def constraints() -> str:
    """The libraries that can load the fitted estimators, as pip reads them."""
    return "".join(f"{name}=={version}\n" for name, version in manifest()["libraries"].items())


if __name__ == "__main__":
    print(constraints(), end="")
