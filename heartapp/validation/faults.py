"""What is wrong with a cohort, and what to do about it: with options on the command line, with fields on the page."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from heartapp.errors import FieldError, TableError

OPTIONS: Final = {
    "column": "add --map {pair}",
    "outcome": "add --outcome {column}",
    "unit": 'add --unit "{name}={unit}", or "{name}={own}" if that is their unit',
    "codes": "add --code {name}:CODE=1,CODE=0 with 1 for {one} and 0 for {zero}",
    "number": "leave out --code {name}",
    "time unit": "add --time-unit years, months or days",
    "other time unit": "correct --time-unit",
    "follow-up": "check the outcome's codes, --time-unit and --horizon",
    "horizon": "choose --horizon {last} or less",
    "no time": "leave out --time",
    "few": "or add --anyway",
}
"""Remedies on the command line."""
FIELDS: Final = {
    "column": "choose its column",
    "codes": "enter which texts stand for {one} and for {zero}",
    "time unit": "choose the unit of the times",
    "other time unit": "choose the unit of the times",
    "follow-up": "check the outcome's codes and the unit of the times",
    "few": "or tick “Fewer than 30 deaths are enough”",
}
"""Remedies on the page, where it has a field for them."""


class Fault(NamedTuple):
    """A fault of a table as a whole. ``column`` is its place, if it has one.

    ``remedy`` is a key of `OPTIONS`, with ``values`` for its gaps, or what to do in any case.
    """

    what: str
    remedy: str = ""
    values: Mapping[str, object] = {}
    column: str = ""

    def describe(self, remedies: Mapping[str, str]) -> FieldError:
        """The fault with its remedy in these words."""
        remedy = remedies.get(self.remedy, self.remedy).format_map(self.values)
        return FieldError(self.column, f"{self.what}; {remedy}" if remedy else self.what)


class CohortError(TableError):
    """A table cannot be used as a cohort; ``causes`` are the faults before they were put into words."""

    def __init__(self, place: str, causes: Sequence[Fault]) -> None:
        super().__init__(place, [cause.describe(OPTIONS) for cause in causes])
        self.causes = causes
