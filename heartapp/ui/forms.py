"""The form, built from the variables. Text inputs keep what was typed."""

import math
from functools import cache
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, FloatField, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from heartapp.clinical.numbers import NumberTextError, convert, read_quantity
from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, MODEL_VARIABLES, Variable
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Model, Options
from heartapp.ui.language import gettext
from heartapp.ui.writing import converted as as_converted
from heartapp.ui.writing import in_unit, quantity

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
UNIT: Final = "_unit"
"""A number's name and this is the name of the list of its units."""


class Answer(NamedTuple):
    """A button that answers a question about a unit: it sets a field to a value."""

    field: str
    value: str
    label: str


class NumberField(FloatField):
    """A number in a text input, with its unit or without; then it is in the unit that was chosen beside it.

    ``typed`` is the text; ``data`` is None where that is empty or not a number. ``entered`` and ``converted`` are a
    number of another unit and what was made of it. ``question`` asks for the unit of a doubtful number without one.
    """

    widget = TextInput()
    typed = ""
    unit = ""
    entered = ""
    converted = ""
    question = ""
    answers: tuple[Answer, ...] = ()

    def process(self, formdata: Any, *args: Any, **options: Any) -> None:
        """Note the chosen unit and read the text."""
        self.unit = ["", *(formdata or MultiDict()).getlist(self.name + UNIT)][-1]
        super().process(formdata, *args, **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text.

        Raises:
            ValueError: the text is not a number. WTForms keeps the message among the field's errors.
        """
        self.data = None
        # The button of an answer has the name of an input and comes after it.
        self.raw_data = valuelist = valuelist[-1:]
        self.typed = typed = "".join(valuelist).strip()
        if not typed:
            return
        variable = _BY_NAME[self.name]
        try:
            self.data, factor = read_quantity(typed, variable.factor, variable.allows)
            if factor is None and self.unit not in {"", variable.unit}:
                self.data, factor = read_quantity(f"{typed} {self.unit}", variable.factor, variable.allows)
                typed = in_unit(typed, self.unit)
        except NumberTextError as error:
            said = gettext(str(error))
            raise ValueError(
                _say(gettext("{label}: {error} Allowed: from {low} to {high}."), variable, error=said)
            ) from None
        if factor is None:
            self._ask(variable, typed, self.data)
        elif factor != 1:
            self.entered, self.converted = typed, as_converted(self.data, variable)

    def _ask(self, variable: Variable, typed: str, value: float) -> None:
        """Ask whether a number without a unit is in the one that it looks like."""
        if doubt := variable.doubted(value):
            likely = in_unit(typed, doubt.unit)
            converted = as_converted(convert(value, variable.units[doubt.unit]), variable)
            sentence = gettext("{label}: {likely} is {converted}. Use that?")
            self.question = _say(sentence, variable, likely=likely, converted=converted)
            keep = gettext("Keep {quantity}").format(quantity=quantity(value, variable))
            own = Answer(self.name, f"{typed} {variable.unit}", keep)
            use = gettext("Use {quantity}").format(quantity=converted)
            self.answers = (Answer(self.name + UNIT, doubt.unit, use), *([own] if variable.allows(value) else []))


def _say(sentence: str, variable: Variable, **more: object) -> str:
    """A sentence with a variable's label and limits filled in."""
    low, high = quantity(variable.low, variable, unit=False), quantity(variable.high, variable)
    return sentence.format(label=gettext(variable.label), low=low, high=high, **more)


class FormModel(NamedTuple):
    """What the form needs of a model: its variables, which of them it requires and uses, and its last day, if any."""

    name: str
    names: tuple[str, ...]
    required: tuple[str, ...]
    used: tuple[str, ...]
    horizon: int | None

    @classmethod
    def of(cls, model: Model) -> Self:
        """Take it from a loaded model."""
        manifest = model.bundle.manifest
        return cls(model.name, model.names, model.required, tuple(manifest.used), manifest.horizon)

    @classmethod
    def unavailable(cls, name: str) -> Self:
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
    def query(self) -> str:
        """The entries as the query of an address: what A, receipts and links hold."""
        texts = {"model": self.asks.name}
        for field in self:
            if not isinstance(field, NumberField):
                texts[field.name] = field.data or ""
            elif field.typed:
                texts[field.name] = field.typed
                texts[field.name + UNIT] = field.unit if field.unit != _BY_NAME[field.name].unit else ""
        return urlencode({name: text for name, text in texts.items() if text})

    def written(self, variable: Variable) -> str:
        """The validated value as people write it."""
        data = self[variable.name].data
        return gettext(NOT_KNOWN[1]) if data in (None, "") else quantity(float(data), variable)

    def differing(self, other: "PatientForm") -> list[Variable]:
        """The variables in use that have another value in ``other``, a form of the same model."""
        return [one for one in self.used if self.written(one) != other.written(one)]

    @property
    def questions(self) -> int:
        """How many of the faults are questions about a unit."""
        return sum(isinstance(field, NumberField) and field.question in field.errors for field in self)

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
    variable = _BY_NAME[field.name]
    if fault := _fault(variable, field.data, required=field.name in form.asks.required):
        raise ValidationError(_say(fault, variable))
    if variable is HORIZON and (field.data or 0) > (form.asks.horizon or 0):
        sentence = gettext("{label} must be at most {last}, the model’s horizon.")
        raise ValidationError(_say(sentence, variable, last=form.asks.horizon))


def _fault(variable: Variable, value: Any, *, required: bool) -> str:
    """What is wrong with a value, to be filled in; empty if nothing is."""
    number = variable.kind == "number"
    if value in (None, ""):
        if not required:
            return ""
        return (
            gettext("{label}: enter a number from {low} to {high}.")
            if number
            else gettext("{label}: choose an answer.")
        )
    if not number:
        return "" if value in {str(code) for code, _ in variable.choices} else gettext("{label}: choose an answer.")
    # The page shows risks in whole percent, so a threshold between two of them could contradict what it shows.
    if variable in OPTIONS and not (variable.allows(value) and value.is_integer()):
        return gettext("{label} must be a whole number from {low} to {high}.")
    return "" if variable.allows(value) else gettext("{label} must be a number from {low} to {high}.")
