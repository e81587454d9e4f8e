"""What is answered to an array of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from heartapp.inference.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heartapp.errors import FieldError


class FaultyField(msgspec.Struct, omit_defaults=True):
    """One faulty field. ``row`` counts from 0 and is there when an array was sent."""

    field: str
    message: str
    row: int | None = None


class PredictionList(msgspec.Struct, omit_defaults=True):
    """The answer to an array: one prediction a patient, in the order they were sent.

    Where faulty patients were to be skipped, ``rows`` are the numbers of those that were predicted, counted from 0, and
    ``errors`` the faults of the others.
    """

    predictions: list[Prediction]
    rows: list[int] | msgspec.UnsetType = msgspec.UNSET
    errors: list[FaultyField] | msgspec.UnsetType = msgspec.UNSET


def faulty_fields(faults: Iterable[FieldError]) -> list[FaultyField]:
    """Faults as they are sent."""
    return [FaultyField(one.field, one.message, one.row) for one in faults]
