"""The step of `/validate` that matches a table's columns with the variables: guesses, entries, and a preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Model
from heartapp.tables.cells import MISSING_WORDS, NOT_A_NUMBER, read_cell, read_code
from heartapp.tables.csv_body import CsvRows
from heartapp.tables.guess import FOLLOW_UP, OUTCOME_KEY, guess_columns

_TIME: Final = BY_NAME["time"]
_WORDS: Final = (
    ("no", "n", "false", "f", "female", "w", "woman", "women", "alive", "survived"),
    ("yes", "y", "true", "t", "m", "male", "man", "men", "dead", "died", "death", "deceased"),
)
"""Texts of cells that stand for 0, and for 1."""
_FEW: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A variable, the outcome or the follow-up time, and where it is.

    ``choices`` are the names of 0 and 1, and ``codes`` the texts of cells that stand for them, separated by commas;
    both are empty for a number. ``unit`` is one of ``units``, or empty. ``cells`` are the column's, without spaces.
    """

    name: str
    label: str
    required: bool = False
    units: Sequence[str] = ()
    choices: Sequence[str] = ()
    column: str = ""
    cells: Sequence[str] = ()
    unit: str = ""
    codes: Sequence[str] = ("", "")

    @property
    def texts(self) -> list[str]:
        """The first few different texts in the column, if they may need codes."""
        return sorted({*self.cells} - {*MISSING_WORDS})[:_FEW] if self.choices else []

    @property
    def code_values(self) -> dict[str, int]:
        """What each code stands for."""
        return {
            code.strip(): value for value, codes in enumerate(self.codes) for code in codes.split(",") if code.strip()
        }

    @property
    def preview(self) -> str:
        """What is read from the first row."""
        if not self.column:
            return ""
        if self.cells[0] in MISSING_WORDS:
            return "missing"
        if self.choices:
            value = read_code(self.cells[0], self.code_values)
            return self.choices[int(value)] if value in {0, 1} else "not understood"
        variable = BY_NAME.get(self.name, _TIME)
        number = read_cell(self.cells[0]) * (variable.factor(self.unit) or 1)
        return variable.quantity(float(f"{number:.3g}")) if abs(number) < NOT_A_NUMBER / 2 else "not a number"


def match(table: CsvRows, model: Model, entered: Mapping[str, str]) -> list[Match]:
    """Everything to match, with what was entered; without entries of this step, with guesses.

    Args:
        table: with a row at least.
        model: whose variables are matched; those that it uses come first.
        entered: the form's fields.
    """
    if any(field.startswith("column-") for field in entered):
        return [_fill(one, table, entered) for one in _targets(model)]
    columns = {f"column-{name}": column for name, column in guess_columns(table.names).items()}
    return [_guess(_fill(one, table, columns)) for one in _targets(model)]


def as_mapping(matches: Sequence[Match]) -> dict[str, Any]:
    """What `heartapp.validation.mapping.Mapping` has."""
    found = {one.name: one for one in matches if one.column}
    outcome, time = found.pop(OUTCOME_KEY, None), found.pop(FOLLOW_UP, None)
    coded = [*found.values(), *([outcome] if outcome else [])]
    return {
        "outcome": outcome.column if outcome else "",
        "time": time.column if time and outcome else "",
        "time_unit": time.unit if time and outcome else "",
        "columns": {name: one.column for name, one in found.items()},
        "units": {name: one.unit for name, one in found.items() if one.unit},
        "codes": {one.name: one.code_values for one in coded if one.choices and one.code_values},
    }


def _targets(model: Model) -> list[Match]:
    used = {*model.required, *model.bundle.manifest.used}
    variables = [
        Match(
            name=one.name,
            label=one.label,
            required=one.name in model.required,
            units=[*one.units],
            choices=[label for _, label in one.choices],
        )
        for one in sorted(model.variables, key=lambda one: one.name not in used)
    ]
    outcome = Match(name=OUTCOME_KEY, label="Outcome", choices=("Alive", "Died"))
    time = Match(name=FOLLOW_UP, label="Time to death or last contact", units=[*_TIME.units])
    return [outcome, *([time] if model.bundle.manifest.horizon else []), *variables]


def _fill(one: Match, table: CsvRows, fields: Mapping[str, str]) -> Match:
    column = fields.get(f"column-{one.name}", "")
    if column not in table.names:
        return one
    place = [*table.names].index(column)
    return replace(
        one,
        column=column,
        cells=[row[place].strip() for row in table.rows],
        unit=fields.get(f"unit-{one.name}", ""),
        codes=(fields.get(f"zero-{one.name}", ""), fields.get(f"one-{one.name}", "")),
    )


def _guess(one: Match) -> Match:
    """With a unit in which the median is possible, and with the codes among the known words."""
    if one.choices:
        codes = [", ".join(text for text in one.texts if text.lower() in words) for words in _WORDS]
        return replace(one, codes=codes)
    variable = BY_NAME.get(one.name)
    if not one.column or not variable:
        return one
    numbers = [number for cell in one.cells if abs(number := read_cell(cell)) < NOT_A_NUMBER / 2]
    middle = median(numbers or [0])
    possible = (unit for unit, factor in variable.units.items() if variable.allows(middle * factor))
    return replace(one, unit=next(possible, variable.unit))
