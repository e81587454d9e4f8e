"""Reasons to read a prediction with care: little support in the training data, and a known leak of the outcome.

Only variables that the model uses are named.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import Variable, list_labels
from heartapp.inference.support import Support

Kind = Literal["known_afterwards", "little_support"]

AFTERWARDS: Final = (
    "{label} is known only after the follow-up and leaks the outcome: this model reproduces published work and cannot "
    "be used to predict"
)
LITTLE_SUPPORT: Final = "The training data hold {few} with a similar {labels}"


class Caution(msgspec.Struct, frozen=True, gc=False):
    """One reason for care: its kind and the field it is about. Little support is listed under its first field."""

    field: str
    kind: Kind
    message: str


class Cautions:
    """Finds a model's cautions for a patient or for a table. ``variables`` are in the order of a row."""

    def __init__(self, variables: Sequence[Variable], support: Support | None) -> None:
        self._always = tuple(
            Caution(variable.name, "known_afterwards", AFTERWARDS.format(label=variable.label))
            for variable in variables
            if variable.known == "afterwards"
        )
        self._support = support
        names = [variable.name for variable in variables]
        self._columns = [names.index(axis) for axis in support.axes] if support else []
        always = [caution.kind for caution in self._always]
        self._kinds = np.array([" ".join(always), " ".join([*always, "little_support"])])

    def of(self, row: Sequence[float]) -> tuple[Caution, ...]:
        """The cautions for one patient."""
        if self._support is None:
            return self._always
        near = self.near(row)
        if near >= self._support.least:
            return self._always
        return (*self._always, _little_support([*self._support.axes], near))

    def near(self, row: Sequence[float]) -> int:
        """How many training patients are near to one, as stored; 0 without counts."""
        return self._support.near([row[column] for column in self._columns]) if self._support else 0

    def kinds(self, values: NDArray[np.floating]) -> NDArray[np.str_]:
        """The kinds of each patient's cautions, separated by spaces, shape (n,); ``values``: (n, variables)."""
        return self._kinds[(~self.supported(values)).astype(np.intp)]

    def supported(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether the training data hold enough similar patients, of each of n rows, shape (n,)."""
        if self._support is None:
            return np.ones(len(values), np.bool_)
        return self._support.near_each(values[:, self._columns]) >= self._support.least


def _little_support(fields: Sequence[str], near: int) -> Caution:
    few = f"only {near} patients" if near else "hardly any patient"
    message = LITTLE_SUPPORT.format(few=few, labels=list_labels(fields))
    return Caution(fields[0], "little_support", message)
