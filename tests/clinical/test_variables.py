from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from heartapp.clinical import variables
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, VARIABLES, Variable, fingerprint

every_variable = pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture
def redeclared(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declare a variable otherwise for one test."""

    def redeclare(name: str, /, **changes: Any) -> None:
        monkeypatch.setitem(variables.BY_NAME, name, replace(BY_NAME[name], **changes))

    return redeclare


@every_variable
def test_both_limits_are_allowed_and_what_lies_beyond_is_not(variable: Variable) -> None:
    assert variable.allows(variable.low)
    assert variable.allows(variable.high)
    assert not variable.allows(variable.low - 0.001)
    assert not variable.allows(variable.high + 0.001)
    assert not variable.allows(float("nan"))
    assert variable.allows(variable.low + 0.5) == (variable.kind == "number")


@every_variable
def test_the_example_is_allowed_and_stands_in_a_group_of_the_form(variable: Variable) -> None:
    assert variable.allows(variable.example)
    assert variable.group in GROUPS


def test_a_quantity_is_written_with_its_unit_and_a_choice_by_its_label() -> None:
    assert BY_NAME["platelets"].quantity(850_000) == "850\N{NARROW NO-BREAK SPACE}000 per µL"
    assert BY_NAME["serum_creatinine"].quantity(1.9) == "1.9 mg/dL"
    assert BY_NAME["serum_creatinine"].quantity(1.9, unit=False) == "1.9"
    assert BY_NAME["ejection_fraction"].quantity(35) == "35%"
    assert [BY_NAME["sex"].quantity(code) for code in (0, 1)] == ["Woman", "Man"]
    assert BY_NAME["smoking"].quantity(0.5) == "0.5"


def test_the_expected_value_is_worded_for_programs() -> None:
    assert BY_NAME["serum_creatinine"].expected == "a number from 0.1 to 40 mg/dL"
    assert BY_NAME["sex"].expected == "0 (woman) or 1 (man)"


@every_variable
def test_what_takes_logarithms_is_above_zero_and_a_step_is_finer_than_the_range(variable: Variable) -> None:
    assert variable.low > 0 or not variable.logarithmic
    assert 0 < variable.step <= variable.high - variable.low
    assert variable.kind == "number" or not variable.logarithmic


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("platelets", {"unit": "10⁹/L"}),
        ("sex", {"kind": "yes_no"}),
        ("time", {"known": "bedside"}),
        ("age", {"name": "years"}),
    ],
)
def test_the_fingerprint_changes_with_what_a_model_relies_on(
    redeclared: Callable[..., None], name: str, changes: dict[str, object]
) -> None:
    before = fingerprint(NAMES)
    redeclared(name, **changes)
    assert fingerprint(NAMES) != before


def test_the_fingerprint_depends_on_the_order_and_not_on_words_and_limits(redeclared: Callable[..., None]) -> None:
    before = fingerprint(NAMES)
    assert before not in {fingerprint(NAMES[::-1]), fingerprint(NAMES[:-1])}
    words = {"label": "Other", "help": "Other", "group": "History"}
    redeclared("platelets", **words, example=1, step=5, low=2_000, high=4e6)
    assert fingerprint(NAMES) == before
