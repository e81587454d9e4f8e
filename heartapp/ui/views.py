"""The pages' addresses. Each view reads, calls the registry and renders; nothing else."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from heartapp.clinical.variables import BY_NAME, VARIABLES
from heartapp.ui import drawing, model_page, words
from heartapp.ui.forms import OPTIONS, PAGE_EXPIRED, FormModel, patient_form_class
from heartapp.web.extension import get_registry

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from heartapp.inference.model import Prediction
    from heartapp.ui.forms import PatientForm

blueprint = Blueprint("ui", __name__)

_FORM_BYTES = 64 * 1024


@blueprint.app_context_processor
def model_labels() -> dict[str, object]:
    """The models in the navigation of every page."""
    return {"model_labels": words.MODEL_LABELS}


@blueprint.before_request
def limit_form() -> None:
    """A form is a few hundred bytes; what is much larger is none."""
    request.max_content_length = _FORM_BYTES
    request.max_form_memory_size = _FORM_BYTES
    request.max_form_parts = 4 * len(VARIABLES)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The form, empty or with the example patient."""
    form = _form()
    form.model.data = request.args.get("model", get_registry().default)
    if "example" in request.args:
        for variable in VARIABLES:
            form[variable.name].data = variable.example if variable.kind == "number" else str(variable.example)
    return _page("index.html", form)


@blueprint.post("/predict")
def predict() -> ResponseReturnValue:
    """The form's answer: a fragment for HTMX, a whole page without JavaScript."""
    form, registry = _form(), get_registry()
    if form.model.data in registry.faults:  # No entry can mend this: it is no fault of the form.
        return _answer(form, unavailable=form.model.data), HTTPStatus.SERVICE_UNAVAILABLE
    if not form.validate():
        return _answer(form), HTTPStatus.UNPROCESSABLE_ENTITY
    model = registry.get(form.model.data)
    prediction = model.predict(form.values(model.variables), form.asked(model))
    return _answer(form, prediction=prediction)


@blueprint.get("/predict")
def predict_reloaded() -> ResponseReturnValue:
    """Someone reloaded or bookmarked the answer: back to the form."""
    return redirect(url_for("ui.index"), HTTPStatus.SEE_OTHER)


@blueprint.get("/models/<name>")
def model(name: str) -> ResponseReturnValue:
    """A model's page: what it is, how good, how calibrated, its limits."""
    return render_template("model.html", **model_page.context(get_registry().get(name)), words=words)


@blueprint.get("/models/<name>/card")
def card(name: str) -> ResponseReturnValue:
    """The model card that lies in the bundle, as it is."""
    return Response(get_registry().get(name).bundle.card, content_type="text/plain; charset=utf-8")


def error_page(status: int, detail: str) -> ResponseReturnValue:
    """An error told to a person, with the way back to the form."""
    return render_template("error.html", status=HTTPStatus(status), detail=detail), status


def _form() -> PatientForm:
    models = tuple(FormModel.of(model) for model in get_registry().models)
    form = patient_form_class(models)(formdata=request.form if request.method == "POST" else MultiDict())
    if request.method == "POST" and not form.model.data:
        form.model.data = get_registry().default
    return form


def _answer(form: PatientForm, *, prediction: Prediction | None = None, unavailable: str | None = None) -> str:
    template = "_workspace.html" if request.headers.get("HX-Request") == "true" else "index.html"
    return _page(template, form, prediction, unavailable)


def _page(
    template: str, form: PatientForm, prediction: Prediction | None = None, unavailable: str | None = None
) -> str:
    """The form with an answer; ``unavailable`` is the model that was asked and is not served."""
    return render_template(
        template,
        form=form,
        prediction=prediction,
        answering=get_registry().get(prediction.model.name) if prediction else None,
        models=get_registry().models,
        faulty=tuple(get_registry().faults),
        unavailable=unavailable,
        options=OPTIONS,
        expired=PAGE_EXPIRED if form.expired else None,
        by_name=BY_NAME,
        drawing=drawing,
        words=words,
    )
