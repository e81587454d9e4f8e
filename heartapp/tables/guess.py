"""Which columns of a table probably hold the variables and the outcome, by their names."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from heartapp.clinical.variables import BY_NAME, OUTCOME

OUTCOME_KEY: Final = "outcome"
"""What the outcome is called where a variable's name is expected."""
FOLLOW_UP: Final = "follow-up"
"""The same for the time to death or last contact, apart from the variable ``time`` of a model that leaks."""
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "anaemia": ("anemia",),
    "creatinine_phosphokinase": ("cpk", "creatinekinase", "creatinephosphokinase", "ck"),
    "diabetes": ("diabetic",),
    "ejection_fraction": ("lvef", "ef"),
    "high_blood_pressure": ("hypertension", "hypertensive"),
    "platelets": ("platelet", "plt"),
    "serum_creatinine": ("creatinine",),
    "serum_sodium": ("sodium",),
    "sex": ("gender",),
    "smoking": ("smoker",),
    "time": ("followup", "futime"),
    OUTCOME_KEY: (OUTCOME, "death", "died", "dead", "mortality"),
}
"""Other names under which tables hold the variables."""
_SHORT: Final = 4
"""Shorter words must be the whole name of a column."""


def guess_columns(header: Sequence[str]) -> dict[str, str]:
    """The likely column of each variable, and of the outcome, by its name; those without one are left out."""
    found = {name: next(_likely(name, header), "") for name in (*BY_NAME, OUTCOME_KEY)}
    return {name: column for name, column in found.items() if column}


def _likely(name: str, header: Sequence[str]) -> Iterator[str]:
    """Columns that may hold a variable: those with its name, then those with another name of it in theirs."""
    words = [_fold(word) for word in (name, *_WORDS.get(name, ()))]
    folded = [(_fold(column), column) for column in header]
    for word in words:
        yield from (column for one, column in folded if one == word)
    for word in words:
        yield from (column for one, column in folded if len(word) >= _SHORT and word in one)


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
