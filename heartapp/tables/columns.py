"""The columns of a table: the model's variables among them, and the ones that scoring adds."""

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from heartapp.clinical.patient import printable
from heartapp.errors import ColumnsError
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.model import ModelIdentity

ADDED_NAMES: Final = (
    "risk",
    "death_event",
    *(f"{member}_probability" for member in MEMBERS),
    *(f"{member}_vote" for member in MEMBERS),
    "cautions",
    "model",
)
"""The columns that scoring adds after the input's columns."""

_DIGEST_DIGITS: Final = 12
_SIMILAR: Final = 0.8
"""How similar (0 to 1) a column's name must be to that of an absent variable to count as a misspelling."""


def model_label(identity: ModelIdentity) -> str:
    """A model's name, version and the start of its digest, such as ``bedside/1/cb7389b95dea``."""
    return f"{identity.name}/{identity.version}/{identity.digest.removeprefix('sha256:')[:_DIGEST_DIGITS]}"


def find_columns(
    names: Sequence[str],
    wanted: Sequence[str],
    required: Sequence[str],
    place: str,
    *,
    added: Sequence[str] = ADDED_NAMES,
) -> tuple[int | None, ...]:
    """The position of each variable among a table's columns, None for an optional one that is absent.

    Case and spaces around a name are ignored.

    Args:
        names: the table's header.
        wanted: the variables to look for.
        required: those of them that must be there.
        place: the table's name, for messages.
        added: the columns that the answer adds.

    Raises:
        ColumnsError: a required column is missing, a name occurs twice, or a column has the name of an added one.
    """
    folded = _fold(names)
    # A table without a header has a patient's values here, and no message may name those: it has no variable's name.
    if absent := [name for name in required if name.lower() not in folded]:
        header = folded if {*folded} & {*_fold(wanted)} else []
        close = [(name, one) for name in absent for one in difflib.get_close_matches(name.lower(), header, n=1)]
        hints = [f"is {name} the column {printable(one)!a}?" for name, one in close]
        raise ColumnsError(place, absent, "missing", " ".join(hints) or f"needed: {', '.join(required)}")
    if twice := sorted(printable(name) for name, count in Counter(folded).items() if count > 1):
        raise ColumnsError(place, twice, "there more than once", "give each a name of its own")
    # Compare the case too: the published table has a column DEATH_EVENT.
    if taken := sorted({name.strip() for name in names} & set(added)):
        raise ColumnsError(place, taken, "there already, where scoring adds its own", "rename or drop")
    return tuple(folded.index(name) if name in folded else None for name in _fold(wanted))


def find_misspelled(names: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Columns that are probably a misspelled optional variable, each with the variable that it resembles."""
    folded = _fold(names)
    absent = [name for name in wanted if name not in folded]
    close = {name: difflib.get_close_matches(name, absent, n=1, cutoff=_SIMILAR) for name in folded}
    return [(printable(name), found[0]) for name, found in close.items() if name not in wanted and found]


def _fold(names: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in names]
