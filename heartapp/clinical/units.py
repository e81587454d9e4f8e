"""Other units that tables use, each with the factor that leads to the variable's own unit."""

from __future__ import annotations

from typing import Final

UNITS: Final[dict[str, dict[str, float]]] = {
    "age": {"years": 1, "months": 1 / 12},
    # The study's numbers are of the size that laboratories report in U/L.
    "creatinine_phosphokinase": {"mcg/L": 1, "U/L": 1},
    "ejection_fraction": {"%": 1, "fraction": 100},
    "platelets": {"per µL": 1, "10^9/L": 1_000, "10^3/µL": 1_000},
    "serum_creatinine": {"mg/dL": 1, "µmol/L": 1 / 88.4},
    "serum_sodium": {"mEq/L": 1, "mmol/L": 1},
    "time": {"days": 1, "months": 365.25 / 12, "years": 365.25},
}
"""By variable; the first unit is the variable's own."""
_SPELLINGS: Final = str.maketrans({"µ": "u", "μ": "u", "⁹": "^9", "³": "^3", " ": None, "×": None, "*": None})


def find_factor(name: str, unit: str) -> float | None:
    """What to multiply a variable's values by; None for an unknown unit. Case, spaces and µ or u do not matter."""
    known = {_fold(one): factor for one, factor in UNITS.get(name, {}).items()}
    return known.get(_fold(unit))


def list_units(name: str) -> str:
    """The units of a variable within a sentence: ``mg/dL or µmol/L``."""
    return " or ".join(UNITS.get(name, {}))


def _fold(unit: str) -> str:
    return unit.lower().translate(_SPELLINGS)
