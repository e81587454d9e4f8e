"""Find the columns of a table by a mapping, or by the variables' own names."""

import difflib
from collections.abc import Iterator, Sequence

from heartapp.clinical.patient import printable
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Model
from heartapp.tables.guess import FOLLOW_UP, OUTCOME_KEY, guess_columns
from heartapp.validation.faults import Fault
from heartapp.validation.mapping import Mapping


def find_positions(
    header: Sequence[str], model: Model, mapping: Mapping, *, judged: bool = True
) -> tuple[dict[str, int], list[Fault]]:
    """The position of each column to read, by variable or `OUTCOME_KEY` or `FOLLOW_UP`, and every fault of the mapping.

    Args:
        header: the columns' names; case and spaces around them are ignored.
        model: whose required variables must be there.
        mapping: names, units and codes.
        judged: the outcome must be there too.
    """
    folded = [name.strip().lower() for name in header]
    wanted = _wanted(folded, mapping)
    positions = {name: folded.index(one) for name, one in wanted.items() if folded.count(one) == 1}
    faults = [
        *_unknown(mapping),
        *(_not_one(name, one, folded) for name, one in wanted.items() if name not in positions),
        *_absent(header, {*wanted}, model, judged=judged),
    ]
    return positions, [*faults, *_read_twice(positions)]


def _wanted(folded: Sequence[str], mapping: Mapping) -> dict[str, str]:
    """The columns to look for, in lower case: those of the mapping, and those with a variable's own name."""
    own = {name: name for name in BY_NAME if name in folded}
    mapped = {name: column for name, column in mapping.columns.items() if name in BY_NAME}
    outcome = {OUTCOME_KEY: mapping.outcome, FOLLOW_UP: mapping.time}
    found = {**own, **mapped, **{name: column for name, column in outcome.items() if column}}
    return {name: column.strip().lower() for name, column in found.items()}


def _unknown(mapping: Mapping) -> Iterator[Fault]:
    """Names and units that do not exist."""
    known = [*BY_NAME, OUTCOME_KEY]
    for name in dict.fromkeys([*mapping.columns, *mapping.units, *mapping.codes]):
        if name not in known or (name == OUTCOME_KEY and name not in mapping.codes):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(BY_NAME)}"
            yield Fault(f"{printable(name)} is not a variable", hint)
    units = {**mapping.units, **({"time": mapping.time_unit} if mapping.time_unit else {})}
    for name, unit in units.items():
        if name in BY_NAME and BY_NAME[name].factor(unit) is None:
            yield Fault(f"{printable(unit)} is not a unit of {name}", f"known: {BY_NAME[name].unit_names or 'none'}")
    for name, codes in mapping.codes.items():
        if name in BY_NAME and not BY_NAME[name].choices:
            yield Fault(f"{name} is a number and takes no codes", "number", {"name": name})
        elif not {*codes.values()} <= {0, 1}:
            yield Fault(f"the codes of {name} must stand for 0 or 1")


def _not_one(name: str, column: str, folded: Sequence[str]) -> Fault:
    """Why a mapped column cannot be read."""
    shown = printable(column)
    if column in folded:
        return Fault("is there more than once", "give each column a name of its own", column=shown)
    close = difflib.get_close_matches(column, folded, n=1)
    hint = f"did you mean {printable(close[0])}?" if close else "name one of the table's columns"
    return Fault(f"is not in the table, where {name} should be", hint, column=shown)


def _absent(header: Sequence[str], wanted: set[str], model: Model, *, judged: bool) -> Iterator[Fault]:
    """What the model or the validation needs and nobody mapped."""
    guesses = guess_columns(header)
    for name in model.required:
        if name not in wanted:
            pair = _shell(f"{name}={printable(guesses.get(name, 'COLUMN'))}")
            yield Fault(f"{name} is missing, which the model needs", "column", {"pair": pair})
    if judged and OUTCOME_KEY not in wanted:
        column = _shell(printable(guesses.get(OUTCOME_KEY, "COLUMN")))
        yield Fault("the outcome is missing", "outcome", {"column": column})


def _read_twice(positions: dict[str, int]) -> Iterator[Fault]:
    """Columns that stand for two things; the one that is the outcome or its time would tell the model the answer."""
    for name in (OUTCOME_KEY, FOLLOW_UP):
        same = [one for one, place in positions.items() if place == positions.get(name) and one not in {name, "time"}]
        if same:
            yield Fault(f"the column of {same[0]} is also that of the {name}", "name another column")


def _shell(text: str) -> str:
    return f'"{text}"' if " " in text else text
