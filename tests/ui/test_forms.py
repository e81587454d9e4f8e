from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, VARIABLES
from heartapp.inference.curve import DEFAULT_DAYS
from heartapp.ui.forms import (
    HORIZON,
    THRESHOLD,
    FormModel,
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
BEDSIDE = FormModel("bedside", MODEL_VARIABLES["bedside"], NEEDED, NEEDED, 150)
FOLLOWUP = FormModel("followup", MODEL_VARIABLES["followup"], MODEL_VARIABLES["followup"], (), None)
"""A dated model that requires and uses few variables, and one that requires all and uses none."""
OPTIONAL = [variable for variable in VARIABLES if variable.name not in {*NEEDED, "time"}]
CHOICES = [variable for variable in VARIABLES if variable.kind != "number"]


def read(app: Flask, typed: Mapping[str, str]) -> PatientForm:
    """The form of the chosen model after it was sent and checked."""
    model = FOLLOWUP if typed.get("model") == "followup" else BEDSIDE
    with app.test_request_context(method="POST"):
        form = patient_form_class(model)(formdata=MultiDict(typed))
        form.validate()
        return form


def messages(app: Flask, typed: Mapping[str, str]) -> dict[str, str]:
    """The one message of each faulty field."""
    errors = read(app, typed).errors
    assert all(len(found) == 1 for found in errors.values())
    return {name: found[0] for name, found in errors.items()}


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_example_is_valid_and_values_come_in_the_asked_order(app: Flask, model: str) -> None:
    assert messages(app, entries(model)) == {}
    assert read(app, entries(model)).values() == [BY_NAME[name].example for name in MODEL_VARIABLES[model]]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_an_empty_required_field_says_what_to_enter(app: Flask, variable: Variable) -> None:
    for typed in ({}, {variable.name: ""}, {variable.name: "  "}):
        rest = {name: text for name, text in entries("followup").items() if name != variable.name}
        assert messages(app, {**rest, **typed}) == {variable.name: variable.prompt}


@pytest.mark.parametrize("variable", OPTIONAL, ids=lambda variable: variable.name)
def test_an_empty_optional_field_is_a_missing_value(app: Flask, variable: Variable) -> None:
    for typed in ({}, {variable.name: ""}):
        rest = {name: text for name, text in entries().items() if name != variable.name}
        form = read(app, {**rest, **typed})
        assert not form.faults
        assert form.values()[BEDSIDE.names.index(variable.name)] is MISSING


@pytest.mark.parametrize("name", number_names())
def test_a_message_names_field_range_and_unit_but_not_the_entry(app: Flask, name: str) -> None:
    variable = BY_NAME[name]
    for typed in ("7777777.5", "-7777777.5", "sixty-two 7777777.5", "7,777,777", "7" * 50):
        found = messages(app, {**entries("followup"), name: typed})
        assert set(found) == {name}
        assert found[name].startswith(variable.label)
        assert variable.range in found[name]
        assert "777" not in found[name]


@pytest.mark.parametrize("variable", CHOICES, ids=lambda variable: variable.name)
def test_an_unknown_choice_is_refused(app: Flask, variable: Variable) -> None:
    for typed in ("2", "yes", "1.0", "-1", "01"):
        assert messages(app, {**entries(), variable.name: typed}) == {variable.name: variable.prompt}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("serum_creatinine", "1,9", 1.9),
        ("platelets", "265\N{NARROW NO-BREAK SPACE}000", 265_000),
        ("platelets", "265k", 265_000),
        ("age", "７２ years", 72),
        ("threshold", "35%", 35),
    ],
)
def test_numbers_are_read_as_people_write_them(app: Flask, name: str, typed: str, value: float) -> None:
    assert read(app, {**entries(), name: typed})[name].data == value


def test_faults_come_in_the_order_of_the_form_and_point_to_inputs(app: Flask) -> None:
    form = read(app, {"model": "followup", "threshold": "0"})
    ids = [one.name if one.kind == "number" else f"{one.name}-0" for one in form.unused]
    assert [id_ for id_, _ in form.faults] == [*ids, "threshold"]
    assert [message for _, message in form.faults][:-1] == [variable.prompt for variable in form.unused]


def test_used_variables_come_first_each_part_in_the_order_of_the_groups(app: Flask) -> None:
    form = read(app, {})
    assert [one.name for one in form.used] == [*NEEDED]
    assert {one.name for one in form.used + form.unused} == {*BEDSIDE.names}
    places = [GROUPS.index(one.group) for one in form.unused]
    assert places == sorted(places)


def test_a_choice_that_must_be_known_has_no_answer_for_what_is_not(app: Flask) -> None:
    for model, known in (("bedside", False), ("followup", True)):
        options = [option.data for option in read(app, {"model": model})["smoking"]]
        assert ("" not in options) is known


def test_the_form_takes_a_models_fields_from_its_bundle(app: Flask) -> None:
    for model in get_registry(app).models:
        manifest = model.bundle.manifest
        used = tuple(manifest.used)
        assert FormModel.of(model) == (model.name, model.names, model.required, used, manifest.horizon)
        assert FormModel.unavailable(model.name).names == model.names
    assert FormModel.unavailable("other").names == ()


def test_a_conversion_is_told_and_a_value_in_the_own_unit_is_not(app: Flask) -> None:
    form = read(app, {**entries(), "serum_creatinine": " 168 µmol/L", "platelets": "265k", "age": "62 years"})
    assert form.values()[BEDSIDE.names.index("serum_creatinine")] == 1.9
    told = {field.name: field.converted for field in form if getattr(field, "converted", "")}
    assert told == {
        "serum_creatinine": "168 µmol/L is 1.90 mg/dL",
        "platelets": "265k is 265\N{NARROW NO-BREAK SPACE}000 per µL",
    }


def test_a_message_names_the_other_units(app: Flask) -> None:
    said = messages(app, {**entries(), "serum_creatinine": "168 stone"})["serum_creatinine"]
    assert "mg/dL" in said
    assert "µmol/L" in said
    assert "168" not in said


@pytest.mark.parametrize(
    ("option", "typed"),
    [(THRESHOLD, text) for text in ("0", "100", "32.5", "much")] + [(HORIZON, text) for text in ("29", "181", "90.5")],
)
def test_an_option_must_be_a_whole_number_within_its_limits(app: Flask, option: Variable, typed: str) -> None:
    found = messages(app, {**entries(), option.name: typed})
    assert set(found) == {option.name}
    assert found[option.name].startswith(option.label)
    assert option.range in found[option.name]


@pytest.mark.parametrize(("typed", "threshold"), [("", None), ("1", 0.01), ("32", 0.32), ("99", 0.99), ("45,0", 0.45)])
def test_the_threshold_is_entered_in_percent(app: Flask, typed: str, threshold: float | None) -> None:
    form = read(app, {**entries(), "threshold": typed})
    assert form.options(get_registry(app).get("bedside")).threshold == threshold


@pytest.mark.parametrize(("typed", "days"), [("", DEFAULT_DAYS), ("47", (47, *DEFAULT_DAYS)), ("90", DEFAULT_DAYS)])
def test_the_entered_day_is_listed_and_is_on_the_curve(app: Flask, typed: str, days: tuple[int, ...]) -> None:
    form = read(app, {**entries(), "horizon": typed})
    model = get_registry(app).get("bedside")
    assert model.curve
    assert tuple(form.days(model)) == days
    assert form.options(model).horizons == tuple(sorted({*model.curve.days, *days}))


def test_a_day_after_the_model_s_horizon_is_refused(app: Flask) -> None:
    assert messages(app, {**entries(), "horizon": "150"}) == {}
    assert messages(app, {**entries(), "horizon": "151"}) == {
        "horizon": "By day must be at most 150, the model’s horizon."
    }


def test_an_undated_model_takes_no_day(app: Flask) -> None:
    model = get_registry(app).get("followup")
    assert model.curve is None
    for typed in ("90", "9999999", "soon"):
        form = read(app, {**entries("followup"), "horizon": typed})
        assert not form.faults
        assert form.options(model).horizons == ()


@given(st.dictionaries(st.sampled_from([*BY_NAME]), st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_entry_is_valid_or_has_a_message_and_its_text_is_kept(app: Flask, changed: dict[str, str]) -> None:
    form = read(app, {**entries("followup"), **changed})
    assert all(form[name]._value() == changed[name] for name in number_names() if name in changed)
    if not form.faults:
        for name, value in zip(FOLLOWUP.names, form.values(), strict=True):
            assert BY_NAME[name].allows(value)


@pytest.mark.parametrize(
    ("name", "typed", "question", "answers"),
    [
        ("serum_creatinine", "168", "168 µmol/L is 1.90 mg/dL", {"168 µmol/L": 1.9}),
        ("serum_creatinine", " 38", "38 µmol/L is 0.43 mg/dL", {"38 µmol/L": 0.43, "38 mg/dL": 38}),
        ("platelets", "265", "265 ×10⁹/L is 265\N{NARROW NO-BREAK SPACE}000 per µL", {"265 ×10⁹/L": 265_000}),
        (
            "platelets",
            "1 265",
            "1 265 ×10⁹/L is 1\N{NARROW NO-BREAK SPACE}265\N{NARROW NO-BREAK SPACE}000 per µL",
            {"1 265 ×10⁹/L": 1_265_000, "1 265 per µL": 1_265},
        ),
        ("ejection_fraction", "0,35", "0,35 fraction is 35%", {"0,35 fraction": 35}),
    ],
)
def test_a_doubtful_number_is_asked_about_once(
    app: Flask, name: str, typed: str, question: str, answers: dict[str, float]
) -> None:
    form = read(app, {**entries(), name: typed})
    assert form.errors == {name: [f"{BY_NAME[name].label}: {question}. Use that?"]}
    assert [entry for entry, _ in form[name].answers] == [*answers]
    for entry, value in answers.items():
        answered = read(app, MultiDict([*{**entries(), name: typed}.items(), (name, entry)]))
        assert not answered.errors
        assert (answered[name].data, answered[name]._value()) == (value, entry)


@pytest.mark.parametrize(
    ("name", "typed"), [("serum_creatinine", "20"), ("platelets", "3001"), ("ejection_fraction", "5")]
)
def test_an_unusual_number_is_not_asked_about(app: Flask, name: str, typed: str) -> None:
    assert messages(app, {**entries(), name: typed}) == {}
