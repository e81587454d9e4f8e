"""The form, built from the variables. Text inputs keep what was typed."""

from __future__ import annotations

import math
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask_wtf import FlaskForm
from wtforms import Field, FloatField, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from heartapp.clinical.numbers import NumberTextError, read_number
from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, GROUPS, VARIABLES, Variable
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.model import Model

THRESHOLD: Final = Variable(
    name="threshold",
    label="Threshold",
    group="Options",
    kind="number",
    unit="%",
    low=1,
    high=99,
    help="A risk of this or more counts as death expected. Leave empty to use the model’s own. Whole numbers.",
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
    help="One more day to list under risk over time. Whole numbers.",
    example=math.nan,
)
OPTIONS: Final = (THRESHOLD, HORIZON)
"""The fields beside the patient's. They are no variables of a model but are read in the same way."""
_BY_NAME: Final = {**BY_NAME, **{option.name: option for option in OPTIONS}}

NOT_KNOWN: Final = ("", "Not known")


class NumberField(FloatField):
    """A number in a text input. ``data`` is None where the input is empty or is not a number."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text.

        Raises:
            ValueError: the text is not a number. WTForms keeps the message among the field's errors.
        """
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        variable = _BY_NAME[self.name]
        try:
            self.data = read_number(valuelist[0], variable.allows)
        except NumberTextError as error:
            raise ValueError(f"{variable.label}: {error} Allowed: {variable.range}.") from None


class FormModel(NamedTuple):
    """What the form needs of a model: the fields that it takes, those that it requires, and those that it ignores.

    ``horizon`` is the last day that may be asked for, None where the model is undated.
    """

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    ignored: tuple[str, ...]
    horizon: int | None

    @classmethod
    def of(cls, model: Model) -> FormModel:
        """Take it from a loaded model; only a dated model takes a day."""
        manifest = model.bundle.manifest
        options = (THRESHOLD,) if manifest.horizon is None else OPTIONS
        fields = (*model.names, *(option.name for option in options))
        ignored = tuple(name for name in model.names if name not in manifest.used)
        return cls(model.name, fields, model.required, ignored, manifest.horizon)


class PatientForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The base of the forms that `patient_form_class` makes."""

    model: RadioField
    served: dict[str, FormModel]
    groups: dict[str, list[Variable]]

    def values(self, variables: Sequence[Variable]) -> list[float]:
        """The validated values in the order of ``variables``, `MISSING` for each that was left out."""
        entered = [self[variable.name].data for variable in variables]
        return [MISSING if entry in (None, "") else float(entry) for entry in entered]

    def days(self, model: Model) -> list[int]:
        """The days to list under risk over time: the model's own and the one that was entered."""
        day = self[HORIZON.name].data
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

    def takers(self, name: str) -> list[str]:
        """The models that take a field."""
        return [model.name for model in self.served.values() if name in model.fields]

    def optional(self, name: str) -> list[str]:
        """The models that take a field and do not require it."""
        return [model.name for model in self.served.values() if name in model.fields and name not in model.required]

    def ignored(self, name: str) -> list[str]:
        """The models that take a field and do not use it."""
        return [model.name for model in self.served.values() if name in model.ignored]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The input's id and the message of each faulty field, in the order of the form."""
        return [
            (f"{field.id}-0" if isinstance(field, RadioField) else field.id, message)
            for field in self
            for message in field.errors
            if field is not self.csrf_token
        ]


@cache
def patient_form_class(models: tuple[FormModel, ...]) -> type[PatientForm]:
    """The form for these models.

    A field that the chosen model does not take is not checked, and keeps its text. Within a group, the variables that
    more models require come first.
    """

    def rank(variable: Variable) -> int:
        return -sum(variable.name in model.required for model in models)

    groups = {name: sorted((one for one in VARIABLES if one.group == name), key=rank) for name in GROUPS}
    groups["Options"] = list(OPTIONS)
    choices = [SelectChoice(model.name) for model in models]
    fields: dict[str, Any] = {"model": RadioField("Model", [_check_model], choices=choices, validate_choice=False)}
    for variable in chain.from_iterable(groups.values()):
        fields[variable.name] = _field(variable)
    served = {model.name: model for model in models}
    return type("ServedPatientForm", (PatientForm,), {**fields, "served": served, "groups": groups})


def _field(variable: Variable) -> Any:
    if variable.kind == "number":
        return NumberField(variable.label, [_check])
    choices = [SelectChoice(str(code), label) for code, label in (*variable.choices, NOT_KNOWN)]
    return RadioField(variable.label, [_check], choices=choices, validate_choice=False)


def _check_model(form: PatientForm, field: RadioField) -> None:
    if field.data not in form.served:
        raise ValidationError("Choose a model.")


def _check(form: PatientForm, field: Field) -> None:
    """Check a field as the chosen model needs it. It is the only validator, so a field has one message at most."""
    model = form.served.get(form.model.data)
    if model is None or field.name not in model.fields:
        field.errors = []
    elif not field.errors:
        _check_value(_BY_NAME[field.name], field.data, required=field.name in model.required)
        if field.name == HORIZON.name and (field.data or 0) > (model.horizon or 0):
            raise ValidationError(f"{HORIZON.label} must be at most {model.horizon}, the model’s horizon.")


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
