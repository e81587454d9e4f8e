from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from heartapp.clinical import variables
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, VARIABLES, Variable, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

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


@every_variable
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), pytest.param(10**5_000, id="long")])
def test_no_variable_allows_what_is_not_a_plausible_number(variable: Variable, value: float) -> None:
    assert not variable.allows(value)


@every_variable
def test_decimals_are_allowed_for_numbers_and_refused_for_choices(variable: Variable) -> None:
    assert variable.allows(variable.low + 0.5) == (variable.kind == "number")


@every_variable
def test_the_example_is_allowed_and_stands_in_a_group_of_the_form(variable: Variable) -> None:
    assert variable.allows(variable.example)
    assert variable.group in GROUPS


@every_variable
def test_what_is_asked_for_tells_range_and_unit_or_the_choices(variable: Variable) -> None:
    for text in (variable.expected, variable.prompt):
        if variable.kind == "number":
            assert variable.quantity(variable.low, unit=False) in text
            assert variable.quantity(variable.high) in text
            assert variable.unit in text
        else:
            assert all(label.lower() in text for _, label in variable.choices)


def test_a_quantity_is_written_with_its_unit() -> None:
    assert BY_NAME["platelets"].quantity(850_000) == "850\N{NARROW NO-BREAK SPACE}000 per µL"
    assert BY_NAME["serum_creatinine"].quantity(1.9) == "1.9 mg/dL"
    assert BY_NAME["serum_creatinine"].quantity(1.9, unit=False) == "1.9"
    assert BY_NAME["ejection_fraction"].quantity(35) == "35%"


def test_a_choice_is_written_by_its_label() -> None:
    assert [BY_NAME["sex"].quantity(code) for code in (0, 1)] == ["Woman", "Man"]
    assert [BY_NAME["smoking"].quantity(code) for code in (0, 1)] == ["No", "Yes"]
    assert BY_NAME["smoking"].quantity(0.5) == "0.5"


def test_the_expected_value_is_worded_for_programs_and_people() -> None:
    assert BY_NAME["serum_creatinine"].expected == "a number from 0.1 to 40 mg/dL"
    assert BY_NAME["sex"].expected == "0 (woman) or 1 (man)"
    assert BY_NAME["serum_creatinine"].prompt == "Enter serum creatinine: a number from 0.1 to 40 mg/dL."
    assert BY_NAME["smoking"].prompt == "Smoking: choose no or yes."


def test_the_followup_time_is_the_only_variable_known_afterwards() -> None:
    assert [variable.name for variable in VARIABLES if variable.known == "afterwards"] == ["time"]


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


def test_the_fingerprint_does_not_depend_on_words_and_limits(redeclared: Callable[..., None]) -> None:
    before = fingerprint(NAMES)
    words = {"label": "Other", "help": "Other", "group": "History"}
    redeclared("platelets", **words, example=1, step=5, low=2_000, high=4e6)
    assert fingerprint(NAMES) == before


def test_the_fingerprint_depends_on_the_order_of_the_variables() -> None:
    assert fingerprint(NAMES) != fingerprint(NAMES[::-1])
    assert fingerprint(NAMES) != fingerprint(NAMES[:-1])
