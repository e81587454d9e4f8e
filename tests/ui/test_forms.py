from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import RadioField

from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, VARIABLES
from heartapp.inference.survival import GRID
from heartapp.ui.forms import (
    HORIZON,
    NOT_KNOWN,
    OPTIONS,
    THRESHOLD,
    FormModel,
    NumberField,
    PatientForm,
    patient_form_class,
)
from heartapp.web.extension import get_registry
from tests.client import entries, number_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from heartapp.clinical.variables import Variable

NEEDED = ("age", "ejection_fraction", "serum_creatinine")
MODELS = (
    FormModel("bedside", (*MODEL_VARIABLES["bedside"], "threshold", "horizon"), NEEDED),
    FormModel("followup", (*MODEL_VARIABLES["followup"], "threshold"), MODEL_VARIABLES["followup"]),
)
"""One that needs few variables and has a curve, one that needs all and has none."""
SPARED = [variable for variable in VARIABLES if variable.name not in {*NEEDED, "time"}]


def read(app: Flask, typed: Mapping[str, str]) -> PatientForm:
    """The form after it was sent and checked. Its token is missing, which has nothing to do with the fields."""
    with app.test_request_context(method="POST"):
        form = patient_form_class(MODELS)(formdata=MultiDict(typed))
        form.validate()
        return form


def messages(app: Flask, typed: Mapping[str, str]) -> dict[str, str]:
    """The one message of each faulty field, the token's apart."""
    errors = read(app, typed).errors
    assert all(len(told) == 1 for told in errors.values())
    return {name: told[0] for name, told in errors.items() if name != "csrf_token"}


def test_the_form_has_a_field_for_each_variable_of_its_kind(app: Flask) -> None:
    form = read(app, {})
    for variable in VARIABLES:
        assert isinstance(form[variable.name], NumberField if variable.kind == "number" else RadioField)
        assert form[variable.name].label.text == variable.label


def test_the_choices_of_a_variable_are_its_codes_with_their_labels(app: Flask) -> None:
    form = read(app, {})
    for variable in VARIABLES:
        if variable.kind != "number":
            *options, left_open = [(option.data, option.label.text) for option in form[variable.name]]
            assert options == [(str(code), label) for code, label in variable.choices]
            assert left_open == NOT_KNOWN


def test_the_form_is_made_once_for_the_same_models() -> None:
    assert patient_form_class(MODELS) is patient_form_class(MODELS)
    assert patient_form_class(MODELS) is not patient_form_class(MODELS[:1])


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_example_is_valid_and_gives_the_values_in_the_models_order(app: Flask, model: str) -> None:
    assert messages(app, entries(model)) == {}
    variables = [BY_NAME[name] for name in reversed(MODEL_VARIABLES[model])]
    assert read(app, entries(model)).values(variables) == [variable.example for variable in variables]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_an_empty_field_says_what_to_enter(app: Flask, variable: Variable) -> None:
    for typed in ({}, {variable.name: ""}, {variable.name: "  "}):
        rest = {name: text for name, text in entries("followup").items() if name != variable.name}
        assert messages(app, {**rest, **typed}) == {variable.name: variable.prompt}


@pytest.mark.parametrize("name", number_names())
def test_a_message_names_the_field_with_range_and_unit_and_not_what_was_typed(app: Flask, name: str) -> None:
    variable = BY_NAME[name]
    for typed in ("7777777.5", "-7777777.5", "sixty-two 7777777.5", "7,777,777", "7" * 50):
        told = messages(app, {**entries("followup"), name: typed})
        assert set(told) == {name}
        assert told[name].startswith(variable.label)
        assert variable.range in told[name]
        assert variable.unit in told[name]
        assert "777" not in told[name]


@pytest.mark.parametrize("variable", [one for one in VARIABLES if one.kind != "number"], ids=lambda one: one.name)
def test_a_choice_that_is_none_says_which_there_are(app: Flask, variable: Variable) -> None:
    for typed in ("2", "yes", "1.0", "-1", "01"):
        assert messages(app, {**entries(), variable.name: typed}) == {variable.name: variable.prompt}


@pytest.mark.parametrize("name", number_names())
def test_the_limits_are_allowed(app: Flask, name: str) -> None:
    variable = BY_NAME[name]
    for limit in (variable.low, variable.high):
        assert messages(app, entries("followup", {**read_example(), name: float(limit)})) == {}


def read_example() -> dict[str, float]:
    return {variable.name: variable.example for variable in VARIABLES}


@pytest.mark.parametrize(
    ("typed", "value"), [("1,9", 1.9), ("1.9", 1.9), (" 1,9 ", 1.9), (",9", 0.9), ("+1.9", 1.9), ("1.", 1.0)]
)
def test_decimal_point_and_decimal_comma_are_understood(app: Flask, typed: str, value: float) -> None:
    form = read(app, {**entries(), "serum_creatinine": typed})
    assert form["serum_creatinine"].data == value
    assert not form["serum_creatinine"].errors


@pytest.mark.parametrize("typed", ["265 000", "265\N{NO-BREAK SPACE}000", "265\N{NARROW NO-BREAK SPACE}000"])
def test_spaces_between_thousands_are_understood(app: Flask, typed: str) -> None:
    assert read(app, {**entries(), "platelets": typed})["platelets"].data == 265_000


def test_a_comma_that_could_mean_either_is_asked_about(app: Flask) -> None:
    told = messages(app, {**entries(), "creatinine_phosphokinase": "1,200"})["creatinine_phosphokinase"]
    assert "Is the comma a decimal comma or a thousands separator?" in told
    assert told.startswith("Creatinine phosphokinase: ")


@pytest.mark.parametrize(("name", "typed"), [("creatinine_phosphokinase", "1.234"), ("platelets", "263.358")])
def test_a_point_that_could_mean_thousands_is_asked_about_and_both_ways_of_writing_it_work(
    app: Flask, name: str, typed: str
) -> None:
    told = messages(app, {**entries(), name: typed})[name]
    assert "Is the point a decimal point or a thousands separator?" in told
    assert typed not in told
    thousands = typed.replace(".", "")
    assert read(app, {**entries(), name: thousands})[name].data == float(thousands)
    assert read(app, {**entries(), name: typed + "0"})[name].data == float(typed)


def test_a_point_that_can_only_be_decimal_is_not_asked_about(app: Flask) -> None:
    for name, typed in (("age", "60.667"), ("serum_creatinine", "1.234"), ("platelets", "263358.03")):
        assert read(app, {**entries(), name: typed})[name].data == float(typed)


def test_follow_up_time_is_ignored_by_the_bedside_model_and_demanded_by_the_other(app: Flask) -> None:
    for typed in ("", "whenever", "-1"):
        assert messages(app, {**entries("bedside"), "time": typed}) == {}
        assert set(messages(app, {**entries("followup"), "time": typed})) == {"time"}


@pytest.mark.parametrize("model", ["", "none", "Bedside"])
def test_an_unknown_model_is_the_one_fault_that_is_told(app: Flask, model: str) -> None:
    assert messages(app, {**entries(), "age": "", "model": model}) == {"model": "Model: choose bedside or follow-up."}


def test_faults_stand_in_the_order_of_the_form_and_point_at_inputs(app: Flask) -> None:
    form = read(app, {"model": "followup", "threshold": "0"})
    order = [variable for _, variables in form.groups for variable in variables]
    ids = [variable.name if variable.kind == "number" else f"{variable.name}-0" for variable in order]
    assert [id_ for id_, _ in form.faults] == [*ids, "threshold"]
    assert [message for _, message in form.faults][:-1] == [variable.prompt for variable in order]


def test_every_variable_is_in_one_group_and_what_more_models_need_comes_first(app: Flask) -> None:
    form = read(app, {})
    assert [name for name, _ in form.groups] == list(GROUPS)
    assert {variable for _, variables in form.groups for variable in variables} == set(VARIABLES)
    assert sum(len(variables) for _, variables in form.groups) == len(VARIABLES)
    for _, variables in form.groups:
        needed = [variable.name in NEEDED for variable in variables]
        assert needed == sorted(needed, reverse=True)


def test_which_models_take_a_field_and_which_can_do_without_it(app: Flask) -> None:
    form = read(app, {})
    assert (form.takers("age"), form.optional("age")) == (["bedside", "followup"], [])
    assert (form.takers("platelets"), form.optional("platelets")) == (["bedside", "followup"], ["bedside"])
    assert (form.takers("time"), form.optional("time")) == (["followup"], [])
    assert (form.takers("threshold"), form.optional("threshold")) == (["bedside", "followup"],) * 2
    assert (form.takers("horizon"), form.optional("horizon")) == (["bedside"], ["bedside"])


def test_what_a_form_knows_of_a_served_model_is_what_the_bundle_says(app: Flask) -> None:
    for model in get_registry(app).models:
        known = FormModel.of(model)
        assert (known.name, known.required) == (model.name, model.required)
        assert known.fields[: len(model.names)] == model.names
        options = {option.name for option in OPTIONS}
        assert set(known.fields[len(model.names) :]) == options - (set() if model.survival else {HORIZON.name})


@pytest.mark.parametrize("variable", SPARED, ids=lambda variable: variable.name)
def test_what_a_model_can_do_without_may_be_left_out_and_is_missing(app: Flask, variable: Variable) -> None:
    for typed in ({}, {variable.name: ""}):
        rest = {name: text for name, text in entries().items() if name != variable.name}
        form = read(app, {**rest, **typed})
        assert not form.faults
        assert form.values([variable]) == [MISSING]


def test_not_known_is_no_answer_where_the_model_needs_one(app: Flask) -> None:
    typed = {**entries("followup"), "diabetes": NOT_KNOWN[0]}
    assert messages(app, typed) == {"diabetes": BY_NAME["diabetes"].prompt}


# What is asked beside the patient


@pytest.mark.parametrize(
    ("option", "wrong"),
    [(THRESHOLD, text) for text in ("0", "100", "32.5", "-1", "much", "1,200")]
    + [(HORIZON, text) for text in ("29", "181", "90.5", "soon", "1,200")],
)
def test_a_threshold_or_day_is_a_whole_number_within_its_limits(app: Flask, option: Variable, wrong: str) -> None:
    told = messages(app, {**entries(), option.name: wrong})
    assert set(told) == {option.name}
    assert told[option.name].startswith(option.label)
    assert option.range in told[option.name]


@pytest.mark.parametrize(("typed", "threshold"), [("", None), ("1", 0.01), ("32", 0.32), ("99", 0.99), ("45,0", 0.45)])
def test_the_threshold_is_asked_for_as_a_share(app: Flask, typed: str, threshold: float | None) -> None:
    form = read(app, {**entries(), "threshold": typed})
    assert form.asked(get_registry(app).get("bedside")).threshold == threshold


@pytest.mark.parametrize(("typed", "day"), [("", None), ("30", 30), ("47", 47), ("180", 180)])
def test_the_day_takes_its_place_on_the_curve(app: Flask, typed: str, day: int | None) -> None:
    form = read(app, {**entries(), "horizon": typed})
    assert form.days == ([] if day is None else [day])
    assert form.asked(get_registry(app).get("bedside")).horizons == tuple(sorted({*GRID, *form.days}))


def test_a_model_without_a_curve_is_asked_for_none_and_reads_no_day(app: Flask) -> None:
    for typed in ("90", "9999999", "soon"):
        form = read(app, {**entries("followup"), "horizon": typed})
        assert not form.faults
        assert form.days == ([90] if typed == "90" else [])
        without = get_registry(app).get("followup")
        if without.survival is None:
            assert form.asked(without).horizons == ()


def test_a_refused_token_is_told_apart_from_faults(app: Flask) -> None:
    form = read(app, entries())
    assert form.expired
    assert form.faults == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_stays_in_its_input_as_it_was_typed(app: Flask, typed: str) -> None:
    form = read(app, {**entries(), "age": typed})
    assert form["age"]._value() == typed


@given(st.dictionaries(st.sampled_from([*BY_NAME, "model"]), st.text(max_size=20)))
def test_any_entries_are_valid_or_told_and_what_is_valid_is_within_the_limits(
    app: Flask, changed: dict[str, str]
) -> None:
    form = read(app, {**entries("followup"), **changed})
    if not form.faults:
        variables = [BY_NAME[name] for name in MODEL_VARIABLES[form.model.data]]
        pairs = zip(variables, form.values(variables), strict=True)
        assert all(variable.allows(value) or (math.isnan(value) and variable in SPARED) for variable, value in pairs)
