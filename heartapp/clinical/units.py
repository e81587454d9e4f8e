"""Units by the name of a variable, as tables name them."""

from __future__ import annotations

from typing import Final

from heartapp.clinical.variables import BY_NAME, VARIABLES

UNITS: Final[dict[str, dict[str, float]]] = {one.name: one.units for one in VARIABLES if one.units}
"""Each unit with the factor that leads to the variable's own, which is the first."""


def find_factor(name: str, unit: str) -> float | None:
    """What to multiply a variable's values by; None for an unknown unit. Case, spaces and µ or u do not matter."""
    return BY_NAME[name].factor(unit) if name in BY_NAME else None


def list_units(name: str) -> str:
    """The units of a variable within a sentence: ``mg/dL or µmol/L``."""
    return " or ".join(UNITS.get(name, {}))
