"""What a person keeps of an answer: a patient as A, to compare with, and the receipt, a file with everything in it."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec
from flask import Response, render_template
from msgspec import UNSET
from msgspec.structs import replace
from werkzeug.datastructures import MultiDict

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Model, Options, Prediction
from heartapp.ui.forms import FormModel, NumberField, PatientForm, patient_form_class


class Kept(NamedTuple):
    """The patient kept as A: the entries and their prediction."""

    form: PatientForm
    prediction: Prediction


def read_kept(query: str, model: Model, threshold: float) -> Kept | None:
    """The patient of a query that `PatientForm.query` wrote; None for one that is of another model or at fault."""
    entered = MultiDict(parse_qsl(query))
    form = patient_form_class(FormModel.of(model))(formdata=entered)
    if entered.get("model") != model.name or not form.validate():
        return None
    return Kept(form, model.predict(form.values(), Options(threshold)))


def write_json(form: PatientForm, model: Model, prediction: Prediction) -> Response:
    """The receipt for programs. The API gives the same risk for its ``patient``."""
    known = {
        name: value for name, value in zip(model.names, form.values(), strict=True) if name not in prediction.missing
    }
    receipt = {
        "patient": known,
        "units": {name: BY_NAME[name].unit for name in known if BY_NAME[name].unit},
        "entered": {field.name: field.entered for field in form if isinstance(field, NumberField) and field.entered},
        "prediction": replace(prediction, survival=UNSET, explanation=UNSET, turning_points=UNSET),
        "calculated": datetime.now(UTC).replace(microsecond=0),
        "notice": "For research and education, not for clinical decisions.",
    }
    return _file(msgspec.json.format(msgspec.json.encode(receipt), indent=2), "json", "application/json")


def write_text(form: PatientForm, model: Model, prediction: Prediction) -> Response:
    """The receipt for people."""
    text = render_template("receipt.txt", form=form, model=model, prediction=prediction, now=datetime.now(UTC))
    return _file(text, "txt", "text/plain; charset=utf-8")


def _file(content: str | bytes, ending: str, kind: str) -> Response:
    disposition = f"attachment; filename=heartapp-receipt.{ending}"
    return Response(content, content_type=kind, headers={"Content-Disposition": disposition})
