from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from heartapp.clinical.numbers import THIN_SPACE
from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, VARIABLES, Variable
from heartapp.inference.curve import DEFAULT_DAYS
from heartapp.ui.forms import (
    HORIZON,
    THRESHOLD,
    FormModel,
    PatientForm,
    patient_form_class,
)
from heartapp.web.extension import get_registry
from tests.client import entries, example, number_names

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


def prompt(variable: Variable) -> str:
    enter = f"enter a number {variable.range}" if variable.kind == "number" else "choose an answer"
    return f"{variable.label}: {enter}."


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_example_is_valid_and_values_come_in_the_asked_order(app: Flask, model: str) -> None:
    assert messages(app, entries(model)) == {}
    assert read(app, entries(model)).values() == [BY_NAME[name].example for name in MODEL_VARIABLES[model]]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_an_empty_required_field_says_what_to_enter(app: Flask, variable: Variable) -> None:
    for typed in ({}, {variable.name: ""}, {variable.name: "  "}):
        rest = {name: text for name, text in entries("followup").items() if name != variable.name}
        assert messages(app, {**rest, **typed}) == {variable.name: prompt(variable)}


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
    for typed in ("7777777.5", "-7777777.5", "sixty-two 7777777.5", "7777777 stone", "7,777,777", "7" * 50):
        found = messages(app, {**entries("followup"), name: typed})
        assert set(found) == {name}
        assert found[name].startswith(variable.label)
        assert variable.range in found[name]
        assert "777" not in found[name]


@pytest.mark.parametrize("variable", CHOICES, ids=lambda variable: variable.name)
def test_an_unknown_choice_is_refused(app: Flask, variable: Variable) -> None:
    for typed in ("2", "yes", "1.0", "-1", "01"):
        assert messages(app, {**entries(), variable.name: typed}) == {variable.name: prompt(variable)}


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
    assert [message for _, message in form.faults][:-1] == [*map(prompt, form.unused)]


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


@pytest.mark.parametrize(
    ("name", "typed", "unit", "entered", "converted"),
    [
        ("serum_creatinine", " 168 µmol/L", "", "168 µmol/L", "1.90 mg/dL"),
        ("serum_creatinine", "168", "µmol/L", "168 µmol/L", "1.90 mg/dL"),
        ("serum_creatinine", "1.90 mg/dL", "µmol/L", "", ""),
        ("platelets", "265k", "", "265k", f"265{THIN_SPACE}000 per µL"),
        ("platelets", "265", "10^9/L", "265 ×10⁹/L", f"265{THIN_SPACE}000 per µL"),
        ("ejection_fraction", "0,35", "fraction", "0,35 as a fraction", "35%"),
        ("serum_sodium", "137", "mmol/L", "", ""),
        ("age", "62 years", "", "", ""),
    ],
)
def test_a_number_is_in_its_own_unit_or_in_the_chosen_one_and_a_conversion_is_told(
    app: Flask, name: str, typed: str, unit: str, entered: str, converted: str
) -> None:
    form = read(app, {**entries(), "serum_creatinine": "1.9", name: typed, f"{name}_unit": unit})
    assert form.values() == [{**example(), "serum_creatinine": 1.9}[one] for one in BEDSIDE.names]
    assert (form[name].entered, form[name].converted) == (entered, converted)
    again = read(app, dict(parse_qsl(form.query)))
    assert (again.values(), again.query) == (form.values(), form.query)


def test_a_chosen_unit_that_no_list_has_is_refused(app: Flask) -> None:
    assert set(messages(app, {**entries(), "serum_creatinine_unit": "stone"})) == {"serum_creatinine"}


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
    ("name", "typed", "question", "unit", "value", "kept"),
    [
        ("serum_creatinine", "168", "168 µmol/L is 1.90 mg/dL", "µmol/L", 1.9, None),
        ("serum_creatinine", " 38", "38 µmol/L is 0.43 mg/dL", "µmol/L", 0.43, 38),
        ("platelets", "265", f"265 ×10⁹/L is 265{THIN_SPACE}000 per µL", "10^9/L", 265_000, None),
        ("platelets", "1 265", f"1 265 ×10⁹/L is 1{THIN_SPACE}265{THIN_SPACE}000 per µL", "10^9/L", 1_265_000, 1_265),
        ("ejection_fraction", "0,35", "0,35 as a fraction is 35%", "fraction", 35, None),
    ],
)
def test_a_doubtful_number_is_asked_about_once(
    app: Flask, name: str, typed: str, question: str, unit: str, value: float, kept: float | None
) -> None:
    form = read(app, {**entries(), name: typed})
    assert form.errors == {name: [f"{BY_NAME[name].label}: {question}. Use that?"]}
    assert form.questions == 1
    use, *keep = form[name].answers
    assert (use.field, use.value) == (f"{name}_unit", unit)
    assert [answer.field for answer in keep] == [name] * (kept is not None)
    for answer, result in zip(form[name].answers, (value, kept), strict=False):
        answered = read(app, MultiDict([*{**entries(), name: typed}.items(), (answer.field, answer.value)]))
        assert not answered.errors
        assert answered[name].data == result


@pytest.mark.parametrize(
    ("name", "typed"), [("serum_creatinine", "20"), ("platelets", "3001"), ("ejection_fraction", "5")]
)
def test_an_unusual_number_is_not_asked_about(app: Flask, name: str, typed: str) -> None:
    assert messages(app, {**entries(), name: typed}) == {}
