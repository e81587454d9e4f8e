"""The form, built from the variables. Text inputs keep what was typed; numbers are read as people write them."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask_wtf import FlaskForm
from wtforms import Field, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import StopValidation
from wtforms.widgets import TextInput

from heartapp.clinical.numbers import NumberTextError, read_number
from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import GROUPS, VARIABLES, Variable
from heartapp.inference.model import Options
from heartapp.inference.survival import FIRST_DAY, GRID, LAST_DAY
from heartapp.ui.words import MODEL_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heartapp.inference.model import Model

PAGE_EXPIRED = (
    "This page had been open for too long, or its cookie was gone. Everything you entered is still here: press the "
    "button once more."
)


THRESHOLD: Final = Variable(
    name="threshold",
    label="Threshold",
    group="Reading",
    kind="number",
    unit="%",
    low=1,
    high=99,
    help="Death is expected from this risk on; empty: the model’s own. Whole numbers.",
    example=math.nan,
)
HORIZON: Final = Variable(
    name="horizon",
    label="By day",
    group="Reading",
    kind="number",
    unit="days",
    low=FIRST_DAY,
    high=LAST_DAY,
    help="One more day of the survival curve. Whole numbers.",
    example=math.nan,
)
OPTIONS: Final = (THRESHOLD, HORIZON)
"""What can be said beside the patient. Neither is a variable of a model; both are read like one."""

NOT_KNOWN: Final = ("", "Not known")


class NumberField(Field):
    """A number in a text input. ``data`` is None unless the text was read; the text itself always stays."""

    widget = TextInput()

    def __init__(self, *args: Any, variable: Variable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.variable = variable
        self.empty = True
        self.problem: str | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text; what is wrong with it is kept for validation."""
        text = valuelist[0] if valuelist else ""
        self.data, self.empty = None, not text.strip()
        if self.empty:
            return
        try:
            self.data = read_number(text, self.variable.allows)
        except NumberTextError as error:
            self.problem = f"{self.variable.label}: {error} Allowed: {self.variable.range}."

    def _value(self) -> str:
        """What stands in the input: exactly what was typed."""
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:.10g}"


class FormModel(NamedTuple):
    """What a form has to know of a model: the fields that are read for it, and those of them that must be filled in."""

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]

    @classmethod
    def of(cls, model: Model) -> FormModel:
        """What it has to know of this model; a day is only asked for where there is a curve."""
        options = (THRESHOLD,) if model.survival is None else OPTIONS
        return cls(model.name, (*model.names, *(option.name for option in options)), model.required)


class PatientForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What the forms of any set of models share. The classes are made by `patient_form_class`."""

    model: RadioField
    served: tuple[FormModel, ...]

    def values(self, variables: Sequence[Variable]) -> list[float]:
        """The validated values, in the order of ``variables``, `MISSING` where one was left out."""
        entered = [self[variable.name].data for variable in variables]
        return [MISSING if entry in (None, "") else float(entry) for entry in entered]

    @property
    def days(self) -> list[int]:
        """The reader's own day, where there is one that can be read."""
        day = self[HORIZON.name].data
        return [] if day is None or not HORIZON.allows(day) else [int(day)]

    def asked(self, model: Model) -> Options:
        """What the page shows beside the risk, as far as the model has it."""
        threshold, days = self[THRESHOLD.name].data, self.days
        return Options(
            threshold=None if threshold is None else threshold / 100,
            horizons=() if model.survival is None else tuple(sorted({*GRID, *days})),
            explain=True,
            instability=model.refits is not None,
        )

    @property
    def groups(self) -> list[tuple[str, list[Variable]]]:
        """The groups in reading order; in each of them, what more models need comes first."""

        def needless(variable: Variable) -> int:
            return -sum(variable.name in model.required for model in self.served)

        return [(name, sorted((one for one in VARIABLES if one.group == name), key=needless)) for name in GROUPS]

    def takers(self, name: str) -> list[str]:
        """The models that read a field."""
        return [model.name for model in self.served if name in model.fields]

    def optional(self, name: str) -> list[str]:
        """The models that read a field and can do without."""
        return [model.name for model in self.served if name in model.fields and name not in model.required]

    @property
    def expired(self) -> bool:
        """Whether the CSRF token was refused, which costs the person one more click and nothing typed."""
        return bool(self.errors.get("csrf_token"))

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The id of the input and the message of each faulty field, in the order of the form."""
        faults = []
        variables = [variable for _, group in self.groups for variable in group]
        for field in (self.model, *(self[variable.name] for variable in (*variables, *OPTIONS))):
            first = f"{field.id}-0" if isinstance(field, RadioField) else field.id
            faults += [(first, message) for message in field.errors]
        return faults


@cache
def patient_form_class(models: tuple[FormModel, ...]) -> type[PatientForm]:
    """The form for these models.

    A field that the chosen model does not take is neither required nor read, and keeps what stands in it.
    """
    fields: dict[str, Any] = {variable.name: _field(variable, models) for variable in (*VARIABLES, *OPTIONS)}
    choices = [SelectChoice(model.name) for model in models]
    fields["model"] = RadioField("Model", [_check_model], choices=choices, validate_choice=False)
    return type("ServedPatientForm", (PatientForm,), {**fields, "served": models})


def _field(variable: Variable, models: tuple[FormModel, ...]) -> Any:
    check = _check(variable, {model.name: model for model in models})
    if variable.kind == "number":
        return NumberField(variable.label, [check], variable=variable)
    choices = [SelectChoice(str(code), label) for code, label in (*variable.choices, NOT_KNOWN)]
    return RadioField(variable.label, [check], choices=choices, validate_choice=False)


def _check_model(_form: PatientForm, field: RadioField) -> None:
    names = [option.data for option in field]
    if field.data not in names:
        raise StopValidation(f"Model: choose {' or '.join(MODEL_LABELS[name][0].lower() for name in names)}.")


def _check(variable: Variable, models: dict[str, FormModel]) -> Callable[[PatientForm, Any], None]:
    """One validator a field, with the field's one message."""

    def check(form: PatientForm, field: Any) -> None:
        model = models.get(form.model.data)
        if model is None or variable.name not in model.fields:
            raise StopValidation
        message = _problem(variable, field, required=variable.name in model.required)
        if message is not None:
            raise StopValidation(message)

    return check


def _problem(variable: Variable, field: Any, *, required: bool) -> str | None:
    """What is wrong with an entry."""
    if variable.kind == "number":
        if field.empty:
            return variable.prompt if required else None
        if field.problem:
            return str(field.problem)
        whole = variable in OPTIONS  # What is told of a risk is whole per cents, and so is what it is compared with.
        if not variable.allows(field.data) or (whole and not field.data.is_integer()):
            return f"{variable.label} must be a {'whole ' if whole else ''}number {variable.range}."
        return None
    known = {str(code) for code, _ in variable.choices}
    allowed = known if required else {*known, NOT_KNOWN[0], None}
    return None if field.data in allowed else variable.prompt
