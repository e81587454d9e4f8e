import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from heartapp.clinical.numbers import of_hundred
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.model import Options, Prediction
from heartapp.ui.forms import OPTIONS
from heartapp.ui.rounding import living, nonzero, rounded
from heartapp.web.extension import get_registry
from tests.client import Page, damaged_copy, entries, example, form_page, make_app, number_names, submit, text

BOTH_WAYS = pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "no JavaScript"])
FAULTY = {
    **entries("followup"),
    "age": "sixty",
    "creatinine_phosphokinase": "1,200",
    "ejection_fraction": " 350 ",
    "platelets": "<b>&\"'",
    "time": "soon",
}
WRONG = ["age", "creatinine_phosphokinase", "ejection_fraction", "platelets", "time"]
NO_OPTIONS = {option.name: "" for option in OPTIONS}
UNFAMILIAR = {"age": 45, "ejection_fraction": 70, "serum_creatinine": 9}


def predicted(app: Flask, model: str, patient: Mapping[str, float], **options: Any) -> Prediction:
    """The prediction that the page has to show; variables without a value are missing."""
    served = get_registry(app).get(model)
    row = [patient.get(name, math.nan) for name in served.names]
    horizons = tuple(served.curve.days) if served.curve else ()
    shown = {"horizons": horizons, "explain": True, "instability": served.refits is not None}
    return served.predict(row, Options(**{**shown, **options}))


def page_of(response: TestResponse, status: int = 200) -> Page:
    assert (response.status_code, response.mimetype) == (status, "text/html"), response.text
    return Page(response.text)


def state(page: Page) -> str | None:
    return page.ids["result"].get("data-state")


# The form


def test_the_form_is_empty_and_of_the_default_model(client: FlaskClient) -> None:
    empty = {name: "" for name in number_names() if name != "time"}
    assert form_page(client).typed() == {"model": "bedside", **empty, **NO_OPTIONS}
    assert form_page(make_app(default_model="followup").test_client()).typed()["model"] == "followup"


def test_the_address_can_choose_the_model_and_the_example(client: FlaskClient) -> None:
    assert form_page(client, "/?example=1&model=followup").typed() == {**entries("followup"), "threshold": ""}
    page_of(client.get("/?model=none"), 404)


def test_what_the_model_does_not_use_is_folded(client: FlaskClient) -> None:
    page = form_page(client)
    used = get_registry(client.application).get("bedside").bundle.manifest.used
    folded = {field.attrib["name"] for field in page.ids["also"].iter("input")}
    assert folded == {*MODEL_VARIABLES["bedside"]} - {*used}
    assert "open" not in page.ids["also"].attrib
    assert "also" not in form_page(client, "/?model=followup").ids
    page = page_of(submit(client, {**entries(), "platelets": "many"}), 422)
    assert "open" in page.ids["also"].attrib


def test_each_model_s_form_links_to_the_other(client: FlaskClient) -> None:
    for address, other in (("/", "/?model=followup"), ("/?model=followup", "/?model=bedside")):
        (link,) = form_page(client, address).all("p[@class='other']/a")
        assert link.attrib["href"] == other


# The result


@BOTH_WAYS
@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_page_shows_the_prediction(app: Flask, client: FlaskClient, model: str, *, htmx: bool) -> None:
    page = page_of(submit(client, entries(model), htmx=htmx))
    prediction = predicted(app, model, example(model))
    assert state(page) == "prediction"
    assert page.numbers(id="risk") == [prediction.risk]
    assert page.numbers(id="base-rate") == [prediction.base_rate]
    assert page.numbers(id="applied-threshold") == [prediction.threshold]
    assert page.numbers(class_="probability") == [vote.probability for vote in prediction.votes]
    assert page.numbers(class_="vote") == [vote.vote for vote in prediction.votes]
    assert prediction.model.version in page.text("result")
    assert prediction.model.digest in page.text("result")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", page.text("provenance"))
    assert ("cautions" in page.ids) is bool(prediction.cautions)
    for caution in prediction.cautions:
        assert caution.message in page.text("cautions")
    order = [element.get("id") for element in page.root.iter() if element.get("id")]
    parts = [part for part in ("cautions", "risk", "sure", "why", "by-when", "about") if part in page.ids]
    assert sorted(parts, key=order.index) == parts
    assert ("instability" in page.ids) is bool(prediction.instability) is (model == "bedside")
    if prediction.instability:
        range_ = [prediction.instability.low, prediction.instability.high]
        numbers = [float(one.attrib["value"]) for one in page.ids["instability"].iter("data")]
        assert numbers == [*range_, prediction.instability.flips, prediction.instability.refits]
    assert prediction.explanation
    assert page.numbers(id="reference-risk") == [prediction.explanation.reference_risk]
    contributions = [one.contribution for one in prediction.explanation.contributions if nonzero(one.contribution)]
    assert page.numbers(class_="contribution") == contributions
    assert len(page.all("svg[@class='bar']")) == len(contributions) + 2  # the typical patient's and this one's
    for one in prediction.explanation.contributions:
        assert BY_NAME[one.field].label.lower() in page.text("why").lower()
    assert page.numbers(class_="turning-point") == [point.value for point in prediction.turning_points or ()]


@pytest.mark.parametrize("risk", [{"age": 40}, {"age": 75, "ejection_fraction": 20}], ids=["low", "high"])
def test_the_headline_is_the_risk_and_the_votes_are_a_footnote(
    app: Flask, client: FlaskClient, risk: dict[str, float]
) -> None:
    patient = {**example(), **risk}
    page, prediction = page_of(submit(client, entries("bedside", patient))), predicted(app, "bedside", patient)
    sentence = f"{rounded(prediction.risk, prediction.threshold)} of 100 people like this die within 180 days"
    assert page.text("result-title") == sentence
    assert page.ids["result"].attrib["data-announcement"] == f"{sentence}."
    assert page.all("title")[0].text == f"{sentence} – heartapp"
    assert f"{living(prediction.risk)} live." in page.text("result")
    votes = [vote.vote for vote in prediction.votes]
    assert page.text("votes").startswith(f"{sum(votes)} of 3 tree models ")
    values = [patient.get(name, nan) for name in get_registry(app).get().names]
    assert page.numbers(id="regression") == [get_registry(app).get().regression_risk(values)]
    assert ("At or above the threshold" in page.text("sure")) is bool(prediction.death_event)


def test_where_a_fifth_of_the_refits_cross_the_threshold_the_model_cannot_tell(app: Flask, client: FlaskClient) -> None:
    told = set()
    for fraction in (20, 29, 32, 35, 60):
        patient = {**example(), "ejection_fraction": fraction}
        prediction = predicted(app, "bedside", patient)
        assert prediction.instability
        torn = 5 * prediction.instability.flips >= prediction.instability.refits
        assert ("torn" in page_of(submit(client, entries("bedside", patient))).ids) is torn
        told.add(torn)
    assert told == {True, False}


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_each_number_in_use_has_a_response_curve_that_tells_each_risk(
    app: Flask, client: FlaskClient, model: str
) -> None:
    page = page_of(submit(client, entries(model)))
    served, row = get_registry(app).get(model), list(example(model).values())
    curves = served.responses(row)
    assert curves
    for curve, slider in zip(curves, page.all("p[@class='probe scripted']/input"), strict=True):
        steps = [step.split("|")[1] for step in slider.attrib["data-steps"].split(";")]
        told = [f"{BY_NAME[curve.field].quantity(value)}: " for value in curve.values]
        assert all(step.startswith(start) for step, start in zip(steps, told, strict=True))
        own = steps[int(slider.attrib["value"])]
        assert own.endswith(f": {rounded(predicted(app, model, example(model)).risk, served.threshold)} of 100")


def test_a_value_that_is_not_known_has_a_curve_without_a_point(app: Flask, client: FlaskClient) -> None:
    missing = next(name for name in number_names() if name not in get_registry(app).get("followup").required)
    page = page_of(submit(client, {**entries("followup"), missing: ""}))
    curves, points = page.all("figure[@class='response']"), page.all("figure[@class='response']/svg/circle")
    assert len(points) == len(curves) - 1


def test_one_line_of_evidence_is_beside_the_risk(app: Flask, client: FlaskClient) -> None:
    for model in MODEL_VARIABLES:
        evaluation = get_registry(app).get(model).bundle.report.evaluation
        page = page_of(submit(client, entries(model)))
        assert ("evidence" in page.ids) is bool(evaluation)
        if evaluation:
            auc = evaluation.metrics["auc_180" if model == "bedside" else "roc_auc"]
            assert f"AUC {auc.mean:.2f} ({auc.low:.2f} to {auc.high:.2f})" in page.text("evidence")
            external = get_registry(app).get(model).bundle.external
            assert ("Not tested elsewhere" in page.text("evidence")) is not bool(external)
            for one in external:
                assert f"{one.result.discrimination.auc.value:.2f}" in page.text("evidence")
                assert one.cohort in page.text("evidence")


def test_htmx_gets_the_workspace_and_other_browsers_the_whole_page(client: FlaskClient) -> None:
    for fields, status in ((entries(), 200), (FAULTY, 422)):
        whole = page_of(submit(client, fields), status)
        fragment = page_of(submit(client, fields, htmx=True), status)
        assert (whole.root.tag, fragment.root.tag, fragment.root.get("id")) == ("html", "div", "workspace")
        assert whole.text("workspace") == fragment.text("workspace")
    multipart = client.post(
        "/predict", data=entries(), content_type="multipart/form-data", headers={"HX-Request": "false"}
    )
    assert page_of(multipart).root.tag == "html"


def test_only_one_element_is_a_live_region(client: FlaskClient) -> None:
    for fields in (entries(), FAULTY):
        page = Page(submit(client, fields).text)
        live = [one for one in page.root.iter() if one.get("aria-live") or one.get("role") in {"status", "alert"}]
        assert [one.attrib["id"] for one in live] == ["announcement"]


def test_only_missing_values_that_the_model_would_use_are_listed(client: FlaskClient) -> None:
    patient = {name: example()[name] for name in get_registry(client.application).get("bedside").required}
    assert "missing" not in page_of(submit(client, entries("bedside", patient))).ids
    model = get_registry(client.application).get("followup")
    name = next(name for name in model.names if name not in model.required)
    patient = {other: value for other, value in example("followup").items() if other != name}
    shown = page_of(submit(client, entries("followup", patient))).text("missing")
    assert BY_NAME[name].label.lower() in shown


def test_inputs_that_the_model_does_not_use_change_nothing_in_the_result(client: FlaskClient) -> None:
    others = {**entries(), "platelets": "2900000", "smoking": "1", "serum_sodium": "", "sex": ""}
    results = [page_of(submit(client, typed)).text("result") for typed in (entries(), others)]
    assert results[0] == results[1]


def test_the_horizon_is_named_with_the_risk_and_without_one_the_follow_up(client: FlaskClient) -> None:
    for model, words in (("bedside", "within 180 days"), ("followup", "during follow-up")):
        page = page_of(submit(client, entries(model)))
        assert words in page.text("result-title")
        assert f"risk of death {words}" in (page.all("h1")[0].text or "") or model == "followup"
        assert words in page.ids["result"].attrib["data-announcement"]


def test_result_model_page_and_api_page_say_which_inputs_are_used(client: FlaskClient) -> None:
    words = "uses age, ejection fraction and serum creatinine; "
    result = page_of(submit(client, entries())).text("result")
    pages = [client.get(address).text for address in ("/models/bedside", "/api/v1/")]
    assert all(words in page or words[1:] in page for page in (result, *pages))


def test_wherever_the_follow_up_model_appears_it_says_that_it_leaks_the_outcome(client: FlaskClient) -> None:
    for address in ("/", "/?model=followup"):
        assert "leaks the outcome" in client.get(address).text
    assert "leaks the outcome" in page_of(submit(client, entries("followup"))).text("cautions")


def test_an_unfamiliar_patient_gets_the_base_rate_first(app: Flask, client: FlaskClient) -> None:
    for patient in ({}, UNFAMILIAR):
        page = page_of(submit(client, entries("bedside", {**example(), **patient})))
        assert predicted(app, "bedside", {**example(), **patient}).familiar is not bool(patient)
        assert ("unfamiliar" in page.ids) is bool(patient)
        shown = [one.get("id") for one in page.all("data") if one.get("id")]
        assert (shown.index("base-rate") < shown.index("risk")) is bool(patient)
        said = page.ids["result"].attrib["data-announcement"]
        assert said.startswith("Hardly any such patients") is bool(patient)
        order = [element.get("id") for element in page.root.iter() if element.get("id")]
        assert not patient or order.index("cautions") < order.index("risk")


def test_reloading_a_result_leads_back_to_the_form(client: FlaskClient) -> None:
    response = client.get("/predict")
    assert (response.status_code, response.location) == (303, "/")


# What a person keeps


def query_of(page: Page) -> str:
    return page.ids["keep"].attrib["value"]


def test_a_patient_is_kept_as_a_and_compared_with_the_next(app: Flask, client: FlaskClient) -> None:
    a = query_of(page_of(submit(client, entries())))
    page = page_of(submit(client, {**entries(), "kept": a}))
    assert "compare" in page.ids
    assert "difference" not in page.ids
    for age, words in ((80, "rises by"), (40, "falls by"), (63, "the same risk")):
        changed = {**example(), "age": age}
        page = page_of(submit(client, {**entries("bedside", changed), "smoking": "1", "kept": a}))
        before, after = predicted(app, "bedside", example()).risk, predicted(app, "bedside", changed).risk
        assert page.numbers(id="risk-a") == [before]
        assert page.numbers(id="risk") == [after]
        assert words in page.text("difference")
        gap = abs(of_hundred(after) - of_hundred(before))
        assert re.findall(r"\d+", page.text("difference"))[0] == str(gap or 1)
        rows = page.ids["compare"].findall(".//tbody/tr")
        assert [text(row) for row in rows][:-1] == [f"Age62 years{age} years"]  # smoking is not used
        assert page.text("difference") in page.ids["result"].attrib["data-announcement"]
        assert page.ids["kept"].attrib["value"] == a


@pytest.mark.parametrize("kept", ["", "model=bedside&age=620", "x", "model=followup&age=62"])
def test_what_cannot_be_compared_is_left_out_and_a_button_drops_a(client: FlaskClient, kept: str) -> None:
    a = query_of(page_of(submit(client, entries())))
    page = page_of(client.post("/predict", data=MultiDict([*entries().items(), ("kept", a), ("kept", kept)])))
    assert state(page) == "prediction"
    assert "compare" not in page.ids


def receipt(client: FlaskClient, format_: str, **changes: str) -> TestResponse:
    query = query_of(page_of(submit(client, {**entries(), **changes})))
    response = client.post("/receipt", data={"entries": query, "format": format_})
    assert response.headers["Content-Disposition"].startswith("attachment; filename=heartapp-receipt.")
    return response


def test_the_api_gives_the_risk_of_a_receipt(client: FlaskClient) -> None:
    changes = {"serum_creatinine": "168", "serum_creatinine_unit": "µmol/L", "platelets": "", "threshold": "30"}
    told = receipt(client, "json", **changes).get_json()
    assert told["entered"] == {"serum_creatinine": "168 µmol/L"}
    assert told["units"]["serum_creatinine"] == BY_NAME["serum_creatinine"].unit
    assert datetime.fromisoformat(told["calculated"]).utcoffset() == timedelta()
    answer = client.post("/api/v1/predict?threshold=0.3&instability=true", json=told["patient"]).get_json()
    assert told["prediction"] == answer


def test_the_receipt_as_text_has_inputs_units_model_and_risk(app: Flask, client: FlaskClient) -> None:
    told = receipt(client, "text", serum_creatinine="1.9", smoking="").text
    for typed in ("Serum creatinine: 1.9 mg/dL", "Ejection fraction: 35%", "Smoking: Not known"):
        assert typed in told
    prediction = predicted(app, "bedside", {**example(), "serum_creatinine": 1.9})
    assert f"Risk: {prediction.risk}\n" in told
    assert prediction.model.digest in told
    assert "UTC" in told


def test_a_receipt_of_faulty_entries_is_the_form_with_its_faults(client: FlaskClient) -> None:
    page_of(client.post("/receipt"), 422)


# Faults


@BOTH_WAYS
def test_each_fault_is_at_its_field_and_in_the_summary(client: FlaskClient, *, htmx: bool) -> None:
    page = page_of(submit(client, FAULTY, htmx=htmx), 422)
    assert page.typed() == {**FAULTY, "threshold": ""}
    assert state(page) == "errors"
    errors = [element.attrib["id"] for element in page.all("p[@class='error']")]
    assert sorted(errors) == [f"{name}-error" for name in WRONG]
    for name in WRONG:
        assert page.text(f"{name}-error") in page.text("summary")
        assert page.ids[name].attrib["aria-describedby"].startswith(f"{name}-error ")
        assert page.ids[name].get("aria-invalid") == "true"
    assert re.findall(r"\d+", page.ids["result"].attrib["data-announcement"]) == [str(len(WRONG))]
    assert htmx or page.all("title")[0].text == f"Check {len(WRONG)} entries – heartapp"


def test_a_question_about_a_unit_is_no_fault_of_the_entry(client: FlaskClient) -> None:
    typed = {**entries(), "serum_creatinine": "38", "platelets": "265"}
    for changes, said in (({}, "2 questions"), ({"platelets": ""}, "one question"), ({"age": "620"}, "3 entries")):
        page = page_of(submit(client, {**typed, **changes}), 422)
        assert said in page.text("result-title")
        assert said in page.ids["result"].attrib["data-announcement"]


def test_a_faulty_option_has_its_field_in_the_result_and_the_other_option_is_kept(client: FlaskClient) -> None:
    page = page_of(submit(client, {**entries(), "threshold": "0", "horizon": "47"}), 422)
    assert page.ids["threshold"] in [*page.ids["result"].iter("input")]
    assert (page.ids["threshold"].attrib["form"], page.ids["horizon"].attrib["type"]) == ("patient", "hidden")
    assert page.typed()["horizon"] == "47"


def test_an_unknown_model_is_not_found_and_no_model_means_the_default(client: FlaskClient) -> None:
    page_of(submit(client, {**entries(), "model": "none"}), 404)
    fields = {name: text for name, text in entries().items() if name != "model"}
    assert page_of(submit(client, fields)).typed()["model"] == "bedside"


def test_a_body_that_is_not_a_form_counts_as_an_empty_form(client: FlaskClient) -> None:
    page = page_of(client.post("/predict", json={}), 422)
    assert BY_NAME["age"].range in page.text("age-error")


def test_a_form_that_is_too_large_or_has_too_many_parts_is_refused(client: FlaskClient) -> None:
    page_of(client.post("/predict", data={**entries(), "age": "6" * 70_000}), 413)
    parts = {f"field{number}": "1" for number in range(100)}
    page_of(client.post("/predict", data=parts, content_type="multipart/form-data"), 413)


@given(st.dictionaries(st.sampled_from([*BY_NAME, "model"]) | st.text(max_size=9), st.text(max_size=30), max_size=14))
@settings(max_examples=40)
def test_any_entries_get_an_answer_and_keep_their_texts(app: Flask, changed: dict[str, str]) -> None:
    fields = {**entries(), **changed}
    response = app.test_client().post("/predict", data=fields)
    assert response.status_code == (404 if fields["model"] not in {"", *MODEL_VARIABLES} else response.status_code)
    assert response.status_code in {200, 404, 422}
    if response.status_code == 404:
        return
    kept = Page(response.text.replace("\x00", "\ufffd")).typed()
    for name in set(kept) & set(number_names()):
        assert kept[name] == fields.get(name, "").replace("\x00", "\ufffd")


def test_no_page_sets_a_cookie_and_a_prediction_needs_none(client: FlaskClient) -> None:
    for address in ("/", "/models/bedside", "/api/v1/", "/api/v1/models", "/livez", "/readyz", "/none"):
        assert "Set-Cookie" not in client.get(address).headers
    for fields in (entries(), FAULTY):
        assert "Set-Cookie" not in submit(client, fields).headers


# Pages and models that are not there


def test_the_navigation_marks_the_open_page(client: FlaskClient) -> None:
    for address in ("/", "/models/bedside", "/models/followup", "/api/v1/"):
        current = form_page(client, address).all("nav/a[@aria-current='page']")
        assert [link.attrib["href"] for link in current] == [address]


def test_one_damaged_model_leaves_the_other_in_service(tmp_path: Path) -> None:
    client = make_app(models=str(damaged_copy(tmp_path / "models", "followup"))).test_client()
    assert state(page_of(submit(client, entries()))) == "prediction"
    page = page_of(client.get("/?model=followup"), 503)
    assert page.text("result-title") == "Not available: Follow-up model"


@BOTH_WAYS
@pytest.mark.parametrize(
    ("damaged", "title"),
    [(("bedside",), "Not available: Bedside model"), (MODEL_VARIABLES, "No model is available")],
    ids=["one", "all"],
)
def test_an_unavailable_model_is_named_and_the_entries_are_kept(
    tmp_path: Path, damaged: Iterable[str], title: str, *, htmx: bool
) -> None:
    client = make_app(models=str(damaged_copy(tmp_path / "models", *damaged))).test_client()
    assert form_page(client).typed()["model"] == "bedside"  # No other model takes its place.
    typed = {**entries(), "threshold": "", "serum_creatinine": "1,9", "age": "old"}
    page = page_of(submit(client, typed, htmx=htmx), 503)
    assert state(page) == "unavailable"
    assert page.text("result-title") == title
    assert "/readyz" in page.text("result")
    assert page.typed() == typed
    assert "summary" not in page.ids
    assert htmx or page.all("title")[0].text == f"{title} – heartapp"
