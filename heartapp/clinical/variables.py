"""The twelve variables, declared once.

The form, the JSON validation, the OpenAPI schema, the training columns, the tables in the documents and the
fingerprint in each bundle are all derived from `VARIABLES`.

Names, units and meanings are those of the data set: UCI Machine Learning Repository 519, "Heart failure
clinical records", doi 10.24432/C5Z89R. The limits are wider than the data: they separate typing errors from values
that a living adult can have. The ranges of the training data are learned, so each bundle holds its own.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from heartapp.clinical.numbers import convert, fold_unit, format_number

Kind = Literal["number", "yes_no", "sex"]
Known = Literal["bedside", "afterwards"]

CHOICES: Final[dict[Kind, tuple[tuple[int, str], ...]]] = {
    "number": (),
    "yes_no": ((0, "No"), (1, "Yes")),
    "sex": ((0, "Woman"), (1, "Man")),
}


GROUPS: Final = ("Patient", "Measurements", "History", "Follow-up")
"""The groups of the form, in reading order."""


class Doubt(NamedTuple):
    """A range, above ``low`` and up to ``high``, in which a number without a unit is probably in ``unit``.

    ``phrase`` ends the sentence "it is …".
    """

    low: float
    high: float
    unit: str
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One clinical input.

    ``low`` and ``high`` are the hard limits, both allowed, in ``unit``. ``other_units`` are others that people
    use, each with the factor that leads to ``unit``. ``doubt`` says which numbers are probably in one of them.
    ``step`` is the precision that people use. ``logarithmic`` says that ratios matter more than differences. ``known``
    says whether the value exists when the patient is seen or only when the follow-up is over. ``given`` marks what
    nobody can change. ``example`` belongs to a made-up patient.
    """

    name: str
    label: str
    group: str
    kind: Kind
    help: str
    example: float
    unit: str = ""
    other_units: tuple[tuple[str, float], ...] = ()
    doubt: Doubt | None = None
    low: float = 0
    high: float = 1
    known: Known = "bedside"
    step: float = 1
    logarithmic: bool = False
    given: bool = False

    @property
    def choices(self) -> tuple[tuple[int, str], ...]:
        """Code and label of each allowed value; empty for a number."""
        return CHOICES[self.kind]

    @property
    def units(self) -> dict[str, float]:
        """Every unit with its factor, the variable's own first; empty for a choice."""
        return {self.unit: 1, **dict(self.other_units)} if self.unit else {}

    def factor(self, unit: str) -> float | None:
        """What to multiply values in ``unit`` by; None for an unknown unit. Spelling does not matter."""
        return {fold_unit(one): factor for one, factor in self.units.items()}.get(fold_unit(unit))

    @property
    def unit_names(self) -> str:
        """Every unit within a sentence: ``mg/dL or µmol/L``."""
        return " or ".join(self.units)

    @property
    def common_units(self) -> tuple[str, ...]:
        """A measurement's own unit and the most common other one, to choose from; empty for the rest."""
        return tuple(self.units)[:2] if self.group == "Measurements" else ()

    @property
    def range(self) -> str:
        """The hard limits within a sentence: ``from 0.1 to 40 mg/dL``."""
        return f"from {self.quantity(self.low, unit=False)} to {self.quantity(self.high)}"

    @property
    def expected(self) -> str:
        """What a program has to send."""
        if self.kind == "number":
            return f"a number {self.range}"
        return " or ".join(f"{code} ({label.lower()})" for code, label in self.choices)

    def doubted(self, value: float) -> Doubt | None:
        """The doubt about a number without a unit, if the number is allowed after its conversion."""
        doubt = self.doubt
        if not doubt or not doubt.low < value <= doubt.high:
            return None
        return doubt if self.allows(convert(value, self.units[doubt.unit])) else None

    def quantity(self, value: float, *, unit: bool = True) -> str:
        """``value`` as people write it, with the unit: ``850 000 per µL``; a choice by its label."""
        for code, label in self.choices:
            if code == value:
                return label
        number = format_number(value)
        if not unit or not self.unit:
            return number
        return f"{number}{'' if self.unit == '%' else ' '}{self.unit}"

    def allows(self, value: float) -> bool:
        """Whether ``value`` is within the hard limits; NaN and infinities are not."""
        if self.kind != "number":
            return value in (0, 1)
        return self.low <= value <= self.high


VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(
        name="age",
        label="Age",
        group="Patient",
        kind="number",
        unit="years",
        other_units=(("months", 1 / 12),),
        low=18,
        high=110,
        help="At the start of follow-up.",
        example=62,
        given=True,
    ),
    Variable(
        name="anaemia",
        label="Anaemia",
        group="History",
        kind="yes_no",
        help="Haematocrit below 36%, the study’s definition.",
        example=0,
    ),
    Variable(
        name="creatinine_phosphokinase",
        label="Creatinine phosphokinase",
        group="Measurements",
        kind="number",
        unit="mcg/L",
        # The study's numbers are of the size that laboratories report in U/L.
        other_units=(("U/L", 1),),
        low=1,
        high=200_000,
        step=10,
        logarithmic=True,
        help="CPK. Most laboratories report U/L.",
        example=250,
    ),
    Variable(
        name="diabetes",
        label="Diabetes",
        group="History",
        kind="yes_no",
        help="A diagnosis of any type.",
        example=1,
    ),
    Variable(
        name="ejection_fraction",
        label="Ejection fraction",
        group="Measurements",
        kind="number",
        unit="%",
        other_units=(("fraction", 100),),
        doubt=Doubt(0, 1, "fraction", "a fraction"),
        low=5,
        high=90,
        help="Share of the blood that each beat pumps out.",
        example=35,
    ),
    Variable(
        name="high_blood_pressure",
        label="High blood pressure",
        group="History",
        kind="yes_no",
        help="Diagnosed hypertension, not a single reading.",
        example=0,
    ),
    Variable(
        name="platelets",
        label="Platelets",
        group="Measurements",
        kind="number",
        unit="per µL",
        other_units=(("10^9/L", 1_000), ("10^3/µL", 1_000), ("k/µL", 1_000)),
        doubt=Doubt(0, 3_000, "10^9/L", "in 10^9/L"),
        low=1_000,
        high=3_000_000,
        step=1_000,
        help="From a blood count.",
        example=265_000,
    ),
    Variable(
        name="serum_creatinine",
        label="Serum creatinine",
        group="Measurements",
        kind="number",
        unit="mg/dL",
        other_units=(("µmol/L", 1 / 88.42),),
        doubt=Doubt(20, 4_000, "µmol/L", "in µmol/L"),
        low=0.1,
        high=40,
        step=0.1,
        logarithmic=True,
        help="From a blood test.",
        example=1.4,
    ),
    Variable(
        name="serum_sodium",
        label="Serum sodium",
        group="Measurements",
        kind="number",
        unit="mEq/L",
        other_units=(("mmol/L", 1),),
        low=90,
        high=200,
        help="The number is the same in mmol/L.",
        example=137,
    ),
    Variable(
        name="sex",
        label="Sex",
        group="Patient",
        kind="sex",
        help="Recorded as woman or man in the study.",
        example=1,
        given=True,
    ),
    Variable(
        name="smoking",
        label="Smoking",
        group="History",
        kind="yes_no",
        help="Smokes now. The study does not record former smokers.",
        example=0,
    ),
    Variable(
        name="time",
        label="Follow-up time",
        group="Follow-up",
        kind="number",
        unit="days",
        other_units=(("months", 365.25 / 12), ("years", 365.25)),
        low=1,
        high=1_000,
        help="Until death or last contact. Leaks the outcome.",
        example=115,
        known="afterwards",
        given=True,
    ),
)

BY_NAME: Final[dict[str, Variable]] = {variable.name: variable for variable in VARIABLES}

OUTCOME: Final = "DEATH_EVENT"
"""The outcome's column: 1 = died during follow-up, 0 = alive at the last contact."""

MODEL_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "bedside": tuple(variable.name for variable in VARIABLES if variable.known == "bedside"),
    "followup": tuple(variable.name for variable in VARIABLES),
}
"""The models that heartapp trains, and the variables that each may use."""


def list_labels(names: Sequence[str]) -> str:
    """The labels of some variables within a sentence: ``age, ejection fraction and serum creatinine``."""
    *most, last = [BY_NAME[name].label.lower() for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def fingerprint(names: Sequence[str]) -> str:
    """The digest of the facts that a model relies on: name, kind, unit and time of each variable, in order.

    A bundle that was trained with other facts (platelets in 10⁹/L, say) has another fingerprint and is not loaded.
    """
    facts = [
        [variable.name, variable.kind, variable.unit, variable.known] for variable in (BY_NAME[name] for name in names)
    ]
    return "sha256:" + hashlib.sha256(json.dumps(facts, ensure_ascii=True).encode()).hexdigest()
