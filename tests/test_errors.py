import pytest

from heartapp.errors import FieldError, InvalidPatientError, UnknownModelError


@pytest.mark.parametrize("name", ["x" * 1_000, "\ud800", "a\nb", "é"])
def test_a_model_name_from_outside_is_repeated_short_and_in_printable_ascii(name: str) -> None:
    message = str(UnknownModelError(name, ["bedside"]))
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 500
    assert message.endswith("Served here: bedside.")


def test_an_invalid_patient_counts_its_faults_and_keeps_them() -> None:
    faults = [FieldError("age", "is missing"), FieldError("sex", "is missing", 3)]
    assert str(InvalidPatientError(faults[:1])) == "1 faulty field"
    assert str(InvalidPatientError(faults)) == "2 faulty fields"
    assert InvalidPatientError(faults).errors == tuple(faults)
