from __future__ import annotations

import math
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.inference.model import Options
from heartapp.inference.survival import DEFAULT_HORIZONS, GRID
from heartapp.ui import words
from heartapp.ui.forms import NOT_KNOWN, OPTIONS, PAGE_EXPIRED
from heartapp.web.extension import get_registry
from tests.client import (
    SECRET,
    Page,
    damaged_copy,
    entries,
    example,
    form_page,
    make_app,
    number_names,
    submit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from heartapp.inference.model import Prediction

BOTH_WAYS = pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "no JavaScript"])
FAULTY = {
    "model": "followup",
    "age": "sixty",
    "anaemia": "1",
    "creatinine_phosphokinase": "1,200",
    "ejection_fraction": " 350 ",
    "high_blood_pressure": "0",
    "platelets": "<b>&\"'",
    "serum_creatinine": "",
    "serum_sodium": "137,5",
    "sex": "0",
    "time": "soon",
}
"""Entries of which five are wrong."""
WRONG = ["age", "platelets", "creatinine_phosphokinase", "ejection_fraction", "time"]
NO_OPTIONS = {option.name: "" for option in OPTIONS}
UNFAMILIAR = {"age": 45, "ejection_fraction": 70, "serum_creatinine": 9}


class PastSigner(TimestampSigner):
    """Signs as of 1970."""

    def get_timestamp(self) -> int:
        return 1


def signed(client: FlaskClient, signer: type[TimestampSigner] = TimestampSigner, key: str = SECRET) -> str:
    """A token of the session that this client has, made as Flask-WTF makes it."""
    with client.session_transaction() as session:
        value = session["csrf_token"]
    return str(URLSafeTimedSerializer(key, salt="wtf-csrf-token", signer=signer).dumps(value))


def predicted(app: Flask, model: str, patient: Mapping[str, float], **asked: Any) -> Prediction:
    """What the page has to say of a patient; what is not named is missing."""
    served = get_registry(app).get(model)
    row = [patient.get(name, math.nan) for name in served.names]
    horizons = GRID if served.survival else ()
    return served.predict(row, Options(**{"horizons": horizons, "explain": True, "instability": True, **asked}))


def page_of(response: TestResponse, status: int = 200) -> Page:
    assert (response.status_code, response.mimetype) == (status, "text/html"), response.text
    return Page(response.text)


# The form


def test_the_form_is_empty_and_the_default_model_is_chosen(client: FlaskClient) -> None:
    assert form_page(client).typed() == {"model": "bedside", **dict.fromkeys(number_names(), ""), **NO_OPTIONS}


def test_the_default_model_is_the_operators_choice() -> None:
    assert form_page(make_app(default_model="followup").test_client()).typed()["model"] == "followup"


def test_an_address_can_choose_the_model_and_the_example(client: FlaskClient) -> None:
    typed = form_page(client, "/?example=1&model=followup").typed()
    assert typed == {**entries("followup"), **NO_OPTIONS}


def test_an_unknown_model_in_the_address_chooses_none(client: FlaskClient) -> None:
    assert "model" not in form_page(client, "/?model=none").typed()


def test_the_example_is_a_patient_that_is_predicted_without_javascript(client: FlaskClient) -> None:
    page = form_page(client, form_page(client).ids["example"].attrib["href"])
    answer = page_of(submit(client, page.typed(), token=page.token))
    assert answer.ids["result"].get("data-state") == "prediction"


def test_the_script_fills_in_the_same_example(client: FlaskClient) -> None:
    by_script = {
        field.attrib["name"]: field.get("data-example") or field.attrib["value"]
        for field in form_page(client).all("input[@data-example]")
    }
    example_entries = entries("followup")
    del example_entries["model"]
    assert by_script == example_entries


def test_every_number_is_a_text_input_for_decimals_with_unit_range_and_help_beside_it(client: FlaskClient) -> None:
    page = form_page(client)
    for name in number_names():
        variable, field = BY_NAME[name], page.ids[name]
        assert (field.get("type"), field.get("inputmode"), field.get("name")) == ("text", "decimal", name)
        assert page.text(f"{name}-unit") == variable.unit
        for told in (variable.help, variable.quantity(variable.low, unit=False), variable.quantity(variable.high)):
            assert told in page.text(f"{name}-hint")
        assert [label.text for label in page.all(f"label[@for='{name}']")] == [variable.label]


def test_every_choice_is_radio_buttons_with_labels(client: FlaskClient) -> None:
    page = form_page(client)
    for variable in [one for one in VARIABLES if one.kind != "number"]:
        buttons = page.all(f"input[@name='{variable.name}'][@type='radio']")
        labels = [page.all(f"label[@for='{button.attrib['id']}']")[0].text for button in buttons]
        codes = [button.attrib["value"] for button in buttons]
        choices = [(str(code), label) for code, label in variable.choices]
        assert list(zip(codes, labels, strict=True)) == [*choices, NOT_KNOWN]


def test_nothing_is_a_number_spinner(client: FlaskClient) -> None:
    assert form_page(client).all("input[@type='number']") == []


# The answer


@BOTH_WAYS
@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_answer_is_what_the_model_says(app: Flask, client: FlaskClient, model: str, *, htmx: bool) -> None:
    page = page_of(submit(client, entries(model), htmx=htmx))
    said = predicted(app, model, example(model))
    assert page.ids["result"].get("data-state") == "prediction"
    assert page.numbers(id="risk") == [said.risk]
    assert page.numbers(id="base-rate") == [said.base_rate]
    assert page.numbers(id="applied-threshold") == [said.threshold]
    assert page.numbers(class_="probability") == [vote.probability for vote in said.votes]
    assert page.numbers(class_="vote") == [vote.vote for vote in said.votes]
    assert page.text("result").count("research and education, not for clinical decisions") == 1
    assert said.model.version in page.text("result")
    assert said.model.digest[:19] in page.text("result")
    for caution in said.cautions:
        assert caution.message in page.text("result")


def test_htmx_gets_the_workspace_alone(client: FlaskClient) -> None:
    for fields, status in ((entries(), 200), (FAULTY, 422)):
        page = page_of(submit(client, fields, htmx=True), status)
        assert (page.root.tag, page.root.get("id")) == ("div", "workspace")
        assert "<html" not in page.html


def test_a_browser_without_javascript_gets_the_whole_page_with_the_same_workspace(client: FlaskClient) -> None:
    for fields, status in ((entries(), 200), (FAULTY, 422)):
        whole = page_of(submit(client, fields), status)
        fragment = page_of(submit(client, fields, htmx=True), status)
        assert whole.root.tag == "html"
        assert "workspace" in whole.ids
        assert whole.text("workspace") == fragment.text("workspace")


def test_a_header_that_is_not_of_htmx_gets_the_whole_page(client: FlaskClient) -> None:
    fields = {**entries(), "csrf_token": form_page(client).token}
    assert page_of(client.post("/predict", data=fields, headers={"HX-Request": "false"})).root.tag == "html"


@BOTH_WAYS
def test_what_was_entered_stands_in_the_form_beside_the_answer(client: FlaskClient, *, htmx: bool) -> None:
    typed = {**entries(), "serum_creatinine": "1,9", "platelets": "265 000", "time": "4 weeks"}
    typed |= {"threshold": " 45", "horizon": "120."}
    assert page_of(submit(client, typed, htmx=htmx)).typed() == typed


def test_the_verdict_is_announced_and_is_the_pages_title(client: FlaskClient) -> None:
    page = page_of(submit(client, entries()))
    verdict = page.text("result-title")
    assert page.text("announcement").startswith(f"Result: {verdict}.")
    assert page.all("title")[0].text == f"{verdict} – heartapp"


def test_only_one_element_is_announced_and_politely(client: FlaskClient) -> None:
    for fields in (entries(), FAULTY):
        page = Page(submit(client, fields).text)
        live = [one for one in page.root.iter() if one.get("aria-live") or one.get("role") in {"status", "alert"}]
        assert [one.attrib["id"] for one in live] == ["announcement"]


def test_follow_up_says_that_time_is_known_only_afterwards(client: FlaskClient) -> None:
    assert "known only when the follow-up is over" in page_of(submit(client, entries("followup"))).text("result")


def test_a_patient_like_none_in_training_is_answered_with_cautions(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries(), "age": "105", "platelets": "2900000"}))
    for value in ("105 years", "2\N{NARROW NO-BREAK SPACE}900\N{NARROW NO-BREAK SPACE}000 per µL"):
        assert f"{value} is outside what the model has seen" in page.text("result")


def test_cautions_name_their_variable_and_stand_before_the_drawings_and_the_details(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries("followup"), "age": "105", "platelets": "2900000"}))
    told = page.text("cautions")
    assert "Age: 105 years is outside" in told
    assert "Platelets: 2" in told
    assert "Follow-up time is known only when" in told
    assert "Follow-up time: Follow-up time" not in told
    order = [element.get("id") or element.get("class") for element in page.ids["result"]]
    assert order.index("risk") < order.index("cautions") < order.index("arrays") < order.index("why")
    assert "cautions" not in page_of(submit(client, entries())).ids


def test_the_risk_is_told_as_what_the_model_expects(client: FlaskClient) -> None:
    page = page_of(submit(client, entries()))
    for told in (page.text("result"), page.text("announcement")):
        assert re.search(r"The model expects: \d+ of 100 such patients die during follow-up\.", told)


# How sure, by when, why


@BOTH_WAYS
@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_answer_says_how_sure_and_why(app: Flask, client: FlaskClient, model: str, *, htmx: bool) -> None:
    page = page_of(submit(client, entries(model), htmx=htmx))
    said = predicted(app, model, example(model))
    assert said.instability
    assert said.explanation
    told = page.text("instability")
    assert f"in {said.instability.flips} of {said.instability.refits} refits the verdict changes" in told
    assert "confidence" not in page.text("result")
    assert page.numbers(id="reference-risk") == [said.explanation.reference_risk]
    shown = page.numbers(class_="contribution")
    assert shown == [one.contribution for one in said.explanation.contributions if abs(one.contribution) > words.NOUGHT]
    assert sum(shown) == pytest.approx(said.risk - said.explanation.reference_risk, abs=1e-6)
    assert len(page.all("svg[@class='bar']")) == len(shown)
    for one in said.explanation.contributions:
        assert BY_NAME[one.field].label.lower() in page.text("why").lower()
    assert page.numbers(class_="turning-point") == [point.value for point in said.turning_points or ()]
    assert "how the model behaves, not what treatment does" in page.text("turning")


def test_the_answer_says_by_when_for_two_days_and_the_readers_own(app: Flask, client: FlaskClient) -> None:
    for typed, days in (("", DEFAULT_HORIZONS), ("47", (47, *DEFAULT_HORIZONS)), ("180", DEFAULT_HORIZONS)):
        page = page_of(submit(client, {**entries(), "horizon": typed}))
        said = predicted(app, "bedside", example(), horizons=days)
        assert said.survival
        wanted = zip(said.survival.risk, said.survival.low, said.survival.high, strict=True)
        assert page.numbers(class_="by-day") == [number for numbers in wanted for number in numbers]
        assert len(page.all("svg[@class='curve']/circle")) == len(days)


def test_a_model_without_a_curve_says_nothing_of_days(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries("followup"), "horizon": "90"}))
    assert ("by-when" in page.ids) is bool(get_registry(client.application).get("followup").survival)


def test_a_threshold_of_the_readers_own_moves_verdict_and_votes(app: Flask, client: FlaskClient) -> None:
    verdicts = set()
    for per_cent in (1, 32, 99):
        page = page_of(submit(client, {**entries(), "threshold": str(per_cent)}))
        said = predicted(app, "bedside", example(), threshold=per_cent / 100)
        assert page.numbers(id="applied-threshold") == [per_cent / 100]
        assert page.numbers(class_="vote") == [vote.vote for vote in said.votes]
        assert page.text("result-title") == words.verdict(said)
        verdicts.add(said.death_event)
    assert verdicts == {0, 1}


def test_values_that_are_not_known_are_named(app: Flask, client: FlaskClient) -> None:
    model = get_registry(app).get("bedside")
    needed = {name: text for name, text in entries().items() if name in {"model", *model.required}}
    page = page_of(submit(client, needed))
    left_out = [name for name in model.names if name not in model.required]
    assert page.text("missing") == words.missing(left_out, model.bundle.manifest.used)
    assert page.numbers(id="risk") == [
        predicted(app, "bedside", {name: example()[name] for name in model.required}).risk
    ]
    assert "missing" not in page_of(submit(client, entries())).ids


def test_where_the_survival_model_comes_down_on_the_other_side_the_page_says_so(
    app: Flask, client: FlaskClient
) -> None:
    seen = set()
    for age, fraction, creatinine in product((45, 60, 75, 90), (20, 30, 40, 60), (0.9, 1.4, 2.5)):
        patient = {**example(), "age": age, "ejection_fraction": fraction, "serum_creatinine": creatinine}
        said = predicted(app, "bedside", patient)
        assert said.survival
        if said.survival.agrees not in seen:
            seen.add(said.survival.agrees)
            page = page_of(submit(client, entries("bedside", patient)))
            assert ("differs" in page.ids) is not said.survival.agrees
            assert ("The models differ." in page.text("announcement")) is not said.survival.agrees
    assert seen == {True, False}


def test_for_a_patient_like_none_in_training_the_base_rate_comes_first(app: Flask, client: FlaskClient) -> None:
    for patient in ({}, UNFAMILIAR):
        page = page_of(submit(client, entries("bedside", {**example(), **patient})))
        said = predicted(app, "bedside", {**example(), **patient})
        assert said.familiar is not bool(patient)
        told = page.text("result")
        order = [told.index(text) for text in ("patients of the study died", words.verdict(said))]
        assert (words.UNFAMILIAR in told) is not said.familiar
        assert (order == sorted(order)) is not said.familiar
        assert page.numbers(id="base-rate") == [said.base_rate]
        assert (words.UNFAMILIAR in page.text("announcement")) is not said.familiar


# What a model can do without


def test_what_a_model_can_do_without_is_marked_for_that_model(app: Flask, client: FlaskClient) -> None:
    page = form_page(client)
    models = get_registry(app).models
    for variable in VARIABLES:
        takers = {model.name for model in models if variable.name in model.names}
        spared = {
            model.name for model in models if variable.name in model.names and variable.name not in model.required
        }
        told = page.text(f"field-{variable.name}").startswith(f"{variable.label} optional")
        assert told is bool(spared)
        marks = [one.attrib["class"].split() for one in page.ids[f"field-{variable.name}"].iter("span")]
        for classes in marks:
            if classes[0] == "optional":
                limited = {name for name in takers if f"only-{name}" in classes} if "limited" in classes else takers
                assert limited == spared


def test_reloading_the_answer_leads_back_to_the_form(client: FlaskClient) -> None:
    response = client.get("/predict")
    assert (response.status_code, response.location) == (303, "/")


# Faults


@BOTH_WAYS
def test_every_fault_is_told_at_its_field_and_in_the_summary_and_everything_typed_is_kept(
    app: Flask, client: FlaskClient, *, htmx: bool
) -> None:
    # Which of the two that are left out are needed is the model's to say, and so it is with what is empty.
    left_out = {name for name in MODEL_VARIABLES["followup"] if not FAULTY.get(name)}
    faulty = [*WRONG, *(left_out & set(get_registry(app).get("followup").required))]
    page = page_of(submit(client, FAULTY, htmx=htmx), 422)
    assert page.typed() == {**FAULTY, **NO_OPTIONS}
    assert page.ids["result"].get("data-state") == "empty"
    for name in faulty:
        message = page.text(f"{name}-error")
        assert BY_NAME[name].label.lower() in message.lower()
        assert message in page.text("summary")
        if name in WRONG:
            assert BY_NAME[name].range in message
            assert BY_NAME[name].unit in message
    errors = [element.attrib["id"] for element in page.all("p[@class='error']")]
    assert sorted(errors) == sorted(f"{name}-error" for name in faulty)
    assert page.text("announcement") == f"The form needs your attention: {len(faulty)} entries to check."


def test_one_fault_is_announced_as_one_entry(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries(), "age": ""}), 422)
    assert page.text("announcement") == "The form needs your attention: 1 entry to check."
    assert page.all("title")[0].text == "Please check the form – heartapp"


def test_a_comma_that_could_mean_either_is_asked_about(client: FlaskClient) -> None:
    page = page_of(submit(client, FAULTY), 422)
    assert "a decimal comma or a thousands separator?" in page.text("creatinine_phosphokinase-error")


@BOTH_WAYS
def test_the_bedside_model_ignores_what_stands_under_follow_up_time(client: FlaskClient, *, htmx: bool) -> None:
    without = page_of(submit(client, entries(), htmx=htmx))
    with_time = page_of(submit(client, {**entries(), "time": "whenever"}, htmx=htmx))
    assert with_time.text("result") == without.text("result")
    assert with_time.typed()["time"] == "whenever"


def test_an_unknown_model_is_a_fault_of_its_own_and_nothing_typed_is_lost(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries(), "model": "none"}), 422)
    assert page.text("model-error") == "Model: choose bedside or follow-up."
    assert {"model": "none", **page.typed()} == {**entries(), **NO_OPTIONS, "model": "none", "time": ""}


def test_without_a_model_the_default_one_answers(client: FlaskClient) -> None:
    fields = entries()
    del fields["model"]
    assert page_of(submit(client, fields)).typed()["model"] == "bedside"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_a_post_that_is_no_form_is_answered_with_the_form(client: FlaskClient, kind: str) -> None:
    page = page_of(client.post("/predict", data=b"{}", content_type=kind), 422)
    assert page.text("age-error") == BY_NAME["age"].prompt


def test_a_form_as_multipart_is_read_too(client: FlaskClient) -> None:
    fields = {**entries(), "csrf_token": form_page(client).token}
    page = page_of(client.post("/predict", data=fields, content_type="multipart/form-data"))
    assert page.ids["result"].get("data-state") == "prediction"


@BOTH_WAYS
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_that_is_much_too_large_is_refused(client: FlaskClient, kind: str, *, htmx: bool) -> None:
    fields = {**entries(), "age": "6" * 70_000}
    headers = {"HX-Request": "true"} if htmx else None
    page = page_of(client.post("/predict", data=fields, content_type=kind, headers=headers), 413)
    assert "larger than this server takes" in page.text("main")


def test_a_form_of_very_many_parts_is_refused(client: FlaskClient) -> None:
    fields = {f"field{number}": "1" for number in range(100)}
    page_of(client.post("/predict", data=fields, content_type="multipart/form-data"), 413)


@given(st.dictionaries(st.sampled_from([*BY_NAME, "model"]) | st.text(max_size=9), st.text(max_size=30), max_size=14))
@settings(max_examples=60)
def test_any_entries_are_answered_and_texts_stay_as_they_were_typed(app: Flask, changed: dict[str, str]) -> None:
    client = app.test_client()
    fields = {**entries(), **changed, "csrf_token": form_page(client).token}
    response = client.post("/predict", data=fields)
    assert response.status_code in {200, 422}
    kept = Page(response.text.replace("\x00", "\ufffd")).typed()
    for name in number_names():
        assert kept[name] == fields.get(name, "").replace("\x00", "\ufffd")


# Tokens and cookies


@BOTH_WAYS
@pytest.mark.parametrize("why", ["missing", "empty", "forged", "of another key", "expired", "cookie gone"])
def test_a_token_that_is_not_accepted_costs_one_click_and_nothing_typed(why: str, *, htmx: bool) -> None:
    client = make_app(form_lifetime=1).test_client()
    page = form_page(client)
    tokens = {
        "empty": "",
        "forged": page.token[:-4] + "AAAA",
        "of another key": signed(client, key="another key"),
        "expired": signed(client, PastSigner),
    }
    if why == "cookie gone":
        client.delete_cookie("heartapp")
    typed = {**entries(), **NO_OPTIONS, "serum_creatinine": "1,9", "time": ""}
    fields = typed if why == "missing" else {**typed, "csrf_token": tokens.get(why, page.token)}
    headers = {"HX-Request": "true"} if htmx else None
    refused = page_of(client.post("/predict", data=fields, headers=headers), 422)
    assert refused.text("announcement") == f"The form needs your attention: {PAGE_EXPIRED}"
    assert PAGE_EXPIRED in refused.text("summary")
    assert refused.ids["result"].get("data-state") == "empty"
    assert refused.typed() == typed
    again = page_of(submit(client, refused.typed(), htmx=htmx, token=refused.token))
    assert again.ids["result"].get("data-state") == "prediction"


def test_a_token_signed_as_the_application_signs_is_accepted(client: FlaskClient) -> None:
    form_page(client)
    page_of(submit(client, entries(), token=signed(client)))


def test_a_token_of_another_visitor_is_refused(app: Flask, client: FlaskClient) -> None:
    other = form_page(app.test_client()).token
    form_page(client)
    page_of(submit(client, entries(), token=other), 422)


def test_faults_are_told_together_with_an_expired_token(client: FlaskClient) -> None:
    page = page_of(submit(client, FAULTY, token=""), 422)
    assert PAGE_EXPIRED in page.text("summary")
    assert BY_NAME["age"].range in page.text("summary")


def test_a_new_token_comes_in_an_input_of_another_id_so_that_morphing_replaces_it(client: FlaskClient) -> None:
    first, second = form_page(client), page_of(submit(client, entries(), token=""), 422)
    ids = [page.all("input[@name='csrf_token']")[0].attrib["id"] for page in (first, second)]
    assert (first.token == second.token) is (ids[0] == ids[1])
    client.delete_cookie("heartapp")
    assert form_page(client).all("input[@name='csrf_token']")[0].attrib["id"] not in ids


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(*, secure: bool) -> None:
    client = make_app(secure_cookies=secure).test_client()
    (cookie,) = client.get("/").headers.getlist("Set-Cookie")
    name, *flags = cookie.split("; ")
    assert name.startswith("heartapp=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(flags)
    assert ("Secure" in flags) is secure


def test_only_the_form_sets_a_cookie(client: FlaskClient) -> None:
    for address in ("/models/bedside", "/api/v1/", "/api/v1/models", "/livez", "/readyz", "/none"):
        assert "Set-Cookie" not in client.get(address).headers


def test_the_cookie_holds_the_tokens_secret_and_nothing_of_the_patient(client: FlaskClient) -> None:
    submit(client, entries())
    with client.session_transaction() as session:
        assert set(session) == {"csrf_token"}


# Models


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_models_page_tells_of_its_making_and_its_variables(app: Flask, client: FlaskClient, name: str) -> None:
    page = page_of(client.get(f"/models/{name}"))
    model = get_registry(app).get(name)
    told = page.text("main")
    assert model.identity.digest in told
    assert str(model.bundle.report.cohort.patients) in told
    for variable in model.variables:
        assert variable.label in told


def test_the_navigation_marks_the_page_that_is_open(client: FlaskClient) -> None:
    for address in ("/", "/models/bedside", "/models/followup", "/api/v1/"):
        current = form_page(client, address).all("nav/a[@aria-current='page']")
        assert [link.attrib["href"] for link in current] == [address]


def test_where_no_model_is_available_the_form_says_so_and_where_the_reason_is(tmp_path: Path) -> None:
    folder = damaged_copy(tmp_path / "models", "bedside", "followup")
    client = make_app(models=str(folder)).test_client()
    page = form_page(client)
    answer = page_of(submit(client, entries()), 503)
    for one in (page, answer):
        assert one.ids["result"].get("data-state") == "unavailable"
        assert one.text("result-title") == "No model is available"
        assert "/readyz" in one.text("result")


def test_one_damaged_model_does_not_take_the_other_with_it(tmp_path: Path) -> None:
    client = make_app(models=str(damaged_copy(tmp_path / "models", "followup"))).test_client()
    page = form_page(client)
    assert [choice.attrib["value"] for choice in page.all("input[@name='model']")] == ["bedside"]
    assert "The follow-up model is not available" in page.text("group-model")
    assert "not available" not in page.text("result")
    assert page_of(submit(client, entries())).ids["result"].get("data-state") == "prediction"


@BOTH_WAYS
def test_a_model_that_is_not_available_says_so_in_place_of_the_result_and_keeps_what_was_typed(
    tmp_path: Path, *, htmx: bool
) -> None:
    client = make_app(models=str(damaged_copy(tmp_path / "models", "bedside"))).test_client()
    assert "model" not in form_page(client).typed()  # no other takes its place
    typed = {**entries(), **NO_OPTIONS, "serum_creatinine": "1,9", "time": "soon", "age": "old"}
    page = page_of(submit(client, typed, htmx=htmx), 503)
    assert page.ids["result"].get("data-state") == "unavailable"
    assert page.text("result-title") == "The bedside model is not available"
    assert "Nothing you entered is lost" in page.text("result")
    assert "/readyz" in page.text("result")
    assert {"model": "bedside", **page.typed()} == typed
    assert "summary" not in page.ids
    assert htmx or page.all("title")[0].text == "The bedside model is not available – heartapp"
