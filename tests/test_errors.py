from __future__ import annotations

import inspect

import pytest

from heartapp import errors
from heartapp.errors import FieldError, HeartappError, InvalidPatientError, UnknownModelError


def test_every_error_of_the_domain_can_be_caught_as_one() -> None:
    raised = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    assert len(raised) > 5
    assert all(issubclass(kind, HeartappError) for kind in raised)


@pytest.mark.parametrize("name", ["x" * 1_000, "\ud800", "a\nb", "é"])
def test_a_model_name_from_outside_is_repeated_short_and_in_printable_ascii(name: str) -> None:
    message = str(UnknownModelError(name, ["bedside"]))
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 500
    assert message.endswith("Served here: bedside.")


def test_an_unknown_model_where_none_is_served_says_so() -> None:
    assert str(UnknownModelError("x", [])) == "No model is called 'x'. Served here: none."


def test_an_invalid_patient_counts_its_faults_and_keeps_them() -> None:
    faults = [FieldError("age", "is missing"), FieldError("sex", "is missing", 3)]
    assert str(InvalidPatientError(faults[:1])) == "1 faulty field"
    assert str(InvalidPatientError(faults)) == "2 faulty fields"
    assert InvalidPatientError(faults).errors == tuple(faults)
