"""The form, built from the variables. Text inputs keep what was typed."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask_wtf import FlaskForm
from wtforms import Field, FloatField, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from heartapp.clinical.numbers import NumberTextError, convert, read_quantity
from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, Variable
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Options

if TYPE_CHECKING:
    from heartapp.inference.model import Model

THRESHOLD: Final = Variable(
    name="threshold",
    label="Threshold",
    group="Options",
    kind="number",
    unit="%",
    low=1,
    high=99,
    help="A risk of this or more counts as high. Leave empty for the model’s own.",
    example=math.nan,
)
HORIZON: Final = Variable(
    name="horizon",
    label="By day",
    group="Options",
    kind="number",
    unit="days",
    low=FIRST_DAY,
    high=LAST_DAY,
    help="",
    example=math.nan,
)
OPTIONS: Final = (THRESHOLD, HORIZON)
"""The fields beside the patient's. They are no variables of a model but are read in the same way."""
_BY_NAME: Final = {**BY_NAME, **{option.name: option for option in OPTIONS}}

NOT_KNOWN: Final = ("", "Not known")


class NumberField(FloatField):
    """A number in a text input, with its unit or without.

    ``data`` is None where the input is empty or is not a number. ``converted`` says what was made of another unit.
    ``question`` asks for the unit of a doubtful number without one; each answer is the number with a unit.
    """

    widget = TextInput()
    converted = ""
    question = ""
    answers: tuple[tuple[str, str], ...] = ()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text.

        Raises:
            ValueError: the text is not a number. WTForms keeps the message among the field's errors.
        """
        self.data = None
        # The button of an answer has its field's name and comes after the input.
        self.raw_data = valuelist = valuelist[-1:]
        if not valuelist or not valuelist[0].strip():
            return
        variable = _BY_NAME[self.name]
        try:
            self.data, factor = read_quantity(valuelist[0], variable.factor, variable.allows)
        except NumberTextError as error:
            raise ValueError(f"{variable.label}: {error} Allowed: {_allowed(variable)}.") from None
        if factor is None:
            self._ask(variable, valuelist[0].strip(), self.data)
        elif factor != 1:
            self.converted = f"{valuelist[0].strip()} is {variable.converted(self.data)}"

    def _ask(self, variable: Variable, typed: str, value: float) -> None:
        """Ask whether a number without a unit is in the one that it looks like."""
        if doubt := variable.doubted(value):
            unit = doubt.unit.replace("10^9", "×10⁹")  # as laboratories print it
            likely, own = f"{typed} {unit}", f"{typed} {variable.unit}"
            converted = variable.converted(convert(value, variable.units[doubt.unit]))
            self.question = f"{variable.label}: {likely} is {converted}. Use that?"
            keep = ((own, f"Keep {variable.quantity(value)}"),) if variable.allows(value) else ()
            self.answers = ((likely, f"Use {converted}"), *keep)


def _allowed(variable: Variable) -> str:
    others = [unit for unit, factor in variable.other_units if factor != 1]
    return f"{variable.range}, or the number and {' or '.join(others)}" if others else variable.range


class FormModel(NamedTuple):
    """What the form needs of a model: its variables, which of them it requires and uses, and its last day, if any."""

    name: str
    names: tuple[str, ...]
    required: tuple[str, ...]
    used: tuple[str, ...]
    horizon: int | None

    @classmethod
    def of(cls, model: Model) -> FormModel:
        """Take it from a loaded model."""
        manifest = model.bundle.manifest
        return cls(model.name, model.names, model.required, tuple(manifest.used), manifest.horizon)

    @classmethod
    def unavailable(cls, name: str) -> FormModel:
        """A form that keeps what was entered for a model that is not served."""
        names = MODEL_VARIABLES.get(name, ())
        return cls(name, names, (), names, None)


class PatientForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The base of the forms that `patient_form_class` makes.

    It has no CSRF token, which would need a session: a prediction changes and stores nothing.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # Flask-WTF has no types
        """What WTForms reads."""

        csrf = False

    asks: FormModel
    used: tuple[Variable, ...]
    unused: tuple[Variable, ...]
    option_fields: tuple[Variable, ...]

    def values(self) -> list[float]:
        """The validated values in the order of the model's variables, `MISSING` for each that was left out."""
        entered = [self[name].data for name in self.asks.names]
        return [MISSING if entry in (None, "") else float(entry) for entry in entered]

    def days(self, model: Model) -> list[int]:
        """The days to list under risk by day: the model's own and the one that was entered."""
        day = self[HORIZON.name].data if model.curve else None
        return sorted({*model.default_days, *([] if day is None else [int(day)])})

    def options(self, model: Model) -> Options:
        """Everything that the page shows beside the risk, as far as the model has it."""
        threshold = self[THRESHOLD.name].data
        return Options(
            threshold=None if threshold is None else threshold / 100,
            horizons=tuple(sorted({*model.curve.days, *self.days(model)})) if model.curve else (),
            explain=True,
            instability=model.refits is not None,
        )

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The input's id and the message of each faulty field, in the order of the form."""
        return [
            (f"{field.id}-0" if isinstance(field, RadioField) else field.id, message)
            for field in self
            for message in field.errors
        ]


@cache
def patient_form_class(model: FormModel) -> type[PatientForm]:
    """The form of a model. Those of its variables that it does not use come last."""
    ordered = sorted((BY_NAME[name] for name in model.names), key=lambda one: GROUPS.index(one.group))
    used = tuple(one for one in ordered if one.name in model.used)
    unused = tuple(one for one in ordered if one.name not in model.used)
    options = OPTIONS if model.horizon else (THRESHOLD,)
    fields = {one.name: _field(one, required=one.name in model.required) for one in (*used, *unused, *options)}
    return type(
        "ServedPatientForm",
        (PatientForm,),
        {**fields, "asks": model, "used": used, "unused": unused, "option_fields": options},
    )


def _field(variable: Variable, *, required: bool) -> Any:
    if variable.kind == "number":
        return NumberField(variable.label, [_check])
    options = variable.choices if required else (*variable.choices, NOT_KNOWN)
    choices = [SelectChoice(str(code), label) for code, label in options]
    return RadioField(variable.label, [_check], choices=choices, validate_choice=False)


def _check(form: PatientForm, field: Field) -> None:
    """The only validator of a field, so that it has one message at most."""
    if field.errors:
        return
    if isinstance(field, NumberField) and field.question:
        raise ValidationError(field.question)
    _check_value(_BY_NAME[field.name], field.data, required=field.name in form.asks.required)
    if field.name == HORIZON.name and (field.data or 0) > (form.asks.horizon or 0):
        raise ValidationError(f"{HORIZON.label} must be at most {form.asks.horizon}, the model’s horizon.")


def _check_value(variable: Variable, value: Any, *, required: bool) -> None:
    if value in (None, ""):
        if required:
            raise ValidationError(variable.prompt)
    elif variable.kind == "number":
        # The page shows risks in whole percent, so a threshold between two of them could contradict what it shows.
        whole = variable in OPTIONS
        if not variable.allows(value) or (whole and not value.is_integer()):
            raise ValidationError(f"{variable.label} must be a {'whole ' if whole else ''}number {variable.range}.")
    elif value not in {str(code) for code, _ in variable.choices}:
        raise ValidationError(variable.prompt)
