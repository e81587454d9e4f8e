"""The form, built from the variables. Text inputs keep what was typed; numbers are read as people write them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import Field, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import StopValidation
from wtforms.widgets import TextInput

from heartapp.clinical.numbers import NumberTextError, read_number
from heartapp.clinical.variables import VARIABLES
from heartapp.ui.words import MODEL_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heartapp.clinical.variables import Variable

PAGE_EXPIRED = (
    "This page had been open for too long, or its cookie was gone. Everything you entered is still here: press the "
    "button once more."
)


class NumberField(Field):
    """A number in a text input. ``data`` is None unless the text was read; the text itself always stays."""

    widget = TextInput()

    def __init__(self, *args: Any, variable: Variable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.variable = variable
        self.problem: str | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text; what is wrong with it is kept for validation."""
        text = valuelist[0] if valuelist else ""
        self.data, self.problem = None, self.variable.prompt
        if not text.strip():
            return
        try:
            self.data, self.problem = read_number(text), None
        except NumberTextError as error:
            self.problem = f"{self.variable.label}: {error} Allowed: {self.variable.range}."

    def _value(self) -> str:
        """What stands in the input: exactly what was typed."""
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:.10g}"


class PatientForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What the forms of any set of models share. The classes are made by `patient_form_class`."""

    model: RadioField

    def values(self, variables: Sequence[Variable]) -> list[float]:
        """The validated values, in the order of ``variables``."""
        return [float(self[variable.name].data) for variable in variables]

    @property
    def expired(self) -> bool:
        """Whether the CSRF token was refused, which costs the person one more click and nothing typed."""
        return bool(self.errors.get("csrf_token"))

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The id of the input and the message of each faulty field, in the order of the form."""
        faults = []
        for field in (self.model, *(self[variable.name] for variable in VARIABLES)):
            first = f"{field.id}-0" if isinstance(field, RadioField) else field.id
            faults += [(first, message) for message in field.errors]
        return faults


@cache
def patient_form_class(models: tuple[tuple[str, tuple[str, ...]], ...]) -> type[PatientForm]:
    """The form for these models, each given with the names of its variables.

    A field that the chosen model does not use is neither required nor read, and keeps what stands in it.
    """
    fields: dict[str, Any] = {variable.name: _field(variable, dict(models)) for variable in VARIABLES}
    choices = [SelectChoice(name) for name, _ in models]
    fields["model"] = RadioField("Model", [_check_model], choices=choices, validate_choice=False)
    return type("ServedPatientForm", (PatientForm,), fields)


def _field(variable: Variable, models: dict[str, tuple[str, ...]]) -> Any:
    check = _check(variable, models)
    if variable.kind == "number":
        return NumberField(variable.label, [check], variable=variable)
    choices = [SelectChoice(str(code), label) for code, label in variable.choices]
    return RadioField(variable.label, [check], choices=choices, validate_choice=False)


def _check_model(_form: PatientForm, field: RadioField) -> None:
    names = [option.data for option in field]
    if field.data not in names:
        raise StopValidation(f"Model: choose {' or '.join(MODEL_LABELS[name][0].lower() for name in names)}.")


def _check(variable: Variable, models: dict[str, tuple[str, ...]]) -> Callable[[PatientForm, Any], None]:
    """One validator a field, with the field's one message."""

    def check(form: PatientForm, field: Any) -> None:
        if variable.name not in models.get(form.model.data, ()):
            raise StopValidation
        if variable.kind == "number":
            message = field.problem
            if message is None and not variable.allows(field.data):
                message = f"{variable.label} must be a number {variable.range}."
        else:
            message = None if field.data in {str(code) for code, _ in variable.choices} else variable.prompt
        if message is not None:
            raise StopValidation(message)

    return check
