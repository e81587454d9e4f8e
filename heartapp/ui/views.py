"""The pages. A view reads the request, calls the registry and renders."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from heartapp.clinical.numbers import of_hundred
from heartapp.clinical.variables import BY_NAME, VARIABLES
from heartapp.inference.model import Model, Prediction
from heartapp.ui import drawing, language, validate
from heartapp.ui.forms import FormModel, PatientForm, patient_form_class
from heartapp.ui.keeping import read_kept, write_json, write_text
from heartapp.ui.model_page import card_of
from heartapp.ui.rounding import living, nonzero, points, rounded
from heartapp.ui.writing import fixed, list_labels, percent, quantity, steps, unit_name
from heartapp.web.extension import get_registry, get_settings
from heartapp.web.observe import predicted, refused, span

Write = Callable[[PatientForm, Model, Prediction], ResponseReturnValue]

blueprint = Blueprint("ui", __name__)
for template_filter in (fixed, list_labels, living, of_hundred, percent, points, quantity, rounded, steps, unit_name):
    blueprint.add_app_template_filter(template_filter)
blueprint.add_app_template_filter(zip)
blueprint.add_app_template_filter(language.gettext, "translated")
blueprint.add_app_template_test(nonzero)
blueprint.url_value_preprocessor(language.drop_language)
blueprint.url_defaults(language.keep_language)
blueprint.after_request(language.vary)

_FORM_BYTES = 64 * 1024


@blueprint.before_request
def limit_form() -> None:
    """Refuse what is much larger than a form, which has a few hundred bytes, or holds a table."""
    if request.endpoint == "ui.validate":
        request.max_form_memory_size, request.max_form_parts = get_settings().max_body_bytes, validate.FIELDS
        return
    request.max_content_length = _FORM_BYTES
    request.max_form_memory_size = _FORM_BYTES
    request.max_form_parts = 4 * len(VARIABLES)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The form, empty or with the example patient."""
    example = {one.name: f"{one.example:.10g}" for one in VARIABLES} if "example" in request.args else {}
    return _answer(MultiDict(example), request.args.get("model"))


@blueprint.post("/predict")
def predict() -> ResponseReturnValue:
    """The form's answer: a fragment for HTMX, a whole page without JavaScript."""
    return _answer(request.form, request.form.get("model"), _page)


@blueprint.get("/predict")
def predict_reloaded() -> ResponseReturnValue:
    """Send a reader who reloads or bookmarks an answer back to the form."""
    return redirect(url_for("ui.index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/receipt")
def receipt() -> ResponseReturnValue:
    """An answer as a file, JSON or text."""
    entered = MultiDict(parse_qsl(request.form.get("entries", "")))
    return _answer(entered, entered.get("model"), write_json if request.form.get("format") == "json" else write_text)


@blueprint.get("/models/<name>")
def model(name: str) -> ResponseReturnValue:
    """A model's page: what it is, how good, how calibrated, its limits."""
    model = get_registry().get(name)
    return render_template("model.html", model=model, card=card_of(model))


@blueprint.get("/models/<name>/card")
def card(name: str) -> ResponseReturnValue:
    """The model card from the bundle, unchanged."""
    return Response(get_registry().get(name).bundle.card, content_type="text/plain; charset=utf-8")


@blueprint.get("/validate")
def validate_form() -> ResponseReturnValue:
    """The form that takes a table of patients."""
    return render_template("validate.html", model=get_registry().get(request.args.get("model")), faults=())


blueprint.post("/validate", endpoint="validate")(validate.validate)


def error_page(status: int, detail: str) -> ResponseReturnValue:
    """An error as a page with a link back to the form."""
    return render_template("error.html", status=HTTPStatus(status), detail=detail), status


def _answer(entered: MultiDict[str, str], name: str | None, write: Write | None = None) -> ResponseReturnValue:
    """The page of a model with these entries or, with ``write``, what that makes of their prediction."""
    registry = get_registry()
    name = name or registry.default
    if name in registry.faults:
        form = patient_form_class(FormModel.unavailable(name))(formdata=entered)
        return _page(form, None), HTTPStatus.SERVICE_UNAVAILABLE
    model = registry.get(name)
    form = patient_form_class(FormModel.of(model))(formdata=entered)
    if not write:
        return _page(form, model)
    with span("read"):
        valid = form.validate()
    if not valid:
        refused.send(fields=form.errors)
        return _page(form, model), HTTPStatus.UNPROCESSABLE_ENTITY
    with span("predict"):
        prediction = model.predict(form.values(), form.options(model))
    predicted.send(model, answers=[prediction])
    with span("render"):
        return write(form, model, prediction)


def _page(form: PatientForm, model: Model | None, prediction: Prediction | None = None) -> str:
    """The form with its result. A model that is not served is None."""
    kept = request.form.getlist("kept")[-1:]  # the buttons that keep and drop A come after the field
    return render_template(
        "_workspace.html" if request.headers.get("HX-Request") == "true" else "index.html",
        form=form,
        model=model,
        prediction=prediction,
        responses=model.responses(form.values()) if model and prediction else (),
        regression_risk=model.regression_risk(form.values()) if model and prediction else None,
        kept_query="".join(kept),
        kept=read_kept("".join(kept), model, prediction.threshold) if model and prediction else None,
        registry=get_registry(),
        by_name=BY_NAME,
        drawing=drawing,
        now=datetime.now(UTC),
    )
