"""The twelve variables, declared once.

The form, the JSON validation, the OpenAPI schema, the training columns, the tables in the documents and the
fingerprint in each bundle are all derived from `VARIABLES`.

Names, units and meanings are those of the data set: UCI Machine Learning Repository 519, "Heart failure
clinical records", doi 10.24432/C5Z89R. The limits are wider than the data: they tell a slip of the hand from a
value that a living adult can have. What the training data held is learned, so it stands in each bundle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from heartapp.clinical.numbers import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["number", "yes_no", "sex"]
Known = Literal["bedside", "afterwards"]

CHOICES: Final[dict[Kind, tuple[tuple[int, str], ...]]] = {
    "number": (),
    "yes_no": ((0, "No"), (1, "Yes")),
    "sex": ((0, "Woman"), (1, "Man")),
}


GROUPS: Final = ("Patient", "Measurements", "History", "Follow-up")
"""The groups of the form, in reading order."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One clinical input.

    ``low`` and ``high`` are the hard limits, both allowed, in ``unit``. ``known`` says whether the value exists
    when the patient is seen or only when the follow-up is over. ``example`` belongs to a made-up patient.
    """

    name: str
    label: str
    group: str
    kind: Kind
    help: str
    example: float
    unit: str = ""
    low: float = 0
    high: float = 1
    known: Known = "bedside"

    @property
    def choices(self) -> tuple[tuple[int, str], ...]:
        """Code and label of each allowed value; empty for a number."""
        return CHOICES[self.kind]

    @property
    def span(self) -> str:
        """The hard limits, for people: ``0.1 to 40 mg/dL``."""
        return f"{self.quantity(self.low, unit=False)} to {self.quantity(self.high)}"

    @property
    def range(self) -> str:
        """The hard limits within a sentence: ``from 0.1 to 40 mg/dL``."""
        return f"from {self.span}"

    @property
    def expected(self) -> str:
        """What a program has to send."""
        if self.kind == "number":
            return f"a number {self.range}"
        return " or ".join(f"{code} ({label.lower()})" for code, label in self.choices)

    @property
    def prompt(self) -> str:
        """What a person has to do at the form."""
        if self.kind == "number":
            return f"Enter {self.label.lower()}: a number {self.range}."
        return f"{self.label}: choose {' or '.join(label.lower() for _, label in self.choices)}."

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
        "age", "Age", "Patient", "number", "Age when the follow-up began. Decimals are allowed.", 62, "years", 18, 110
    ),
    Variable(
        "anaemia",
        "Anaemia",
        "History",
        "yes_no",
        "Haematocrit below 36%, as defined in the study.",
        0,
    ),
    Variable(
        "creatinine_phosphokinase",
        "Creatinine phosphokinase",
        "Measurements",
        "number",
        "CPK in the blood, in the unit of the published data.",
        250,
        "mcg/L",
        1,
        200_000,
    ),
    Variable("diabetes", "Diabetes", "History", "yes_no", "Diagnosed diabetes.", 1),
    Variable(
        "ejection_fraction",
        "Ejection fraction",
        "Measurements",
        "number",
        "Blood leaving the left ventricle at each contraction.",
        35,
        "%",
        5,
        90,
    ),
    Variable("high_blood_pressure", "High blood pressure", "History", "yes_no", "Diagnosed hypertension.", 0),
    Variable(
        "platelets",
        "Platelets",
        "Measurements",
        "number",
        "Multiply 10⁹/L by 1000: 265 × 10⁹/L is 265000.",
        265_000,
        "per µL",
        1_000,
        3_000_000,
    ),
    Variable(
        "serum_creatinine",
        "Serum creatinine",
        "Measurements",
        "number",
        "Divide µmol/L by 88.4.",
        1.4,
        "mg/dL",
        0.1,
        40,
    ),
    Variable(
        "serum_sodium", "Serum sodium", "Measurements", "number", "The same number in mmol/L.", 137, "mEq/L", 90, 200
    ),
    Variable("sex", "Sex", "Patient", "sex", "As recorded in the study.", 1),
    Variable("smoking", "Smoking", "History", "yes_no", "Smokes.", 0),
    Variable(
        "time",
        "Follow-up time",
        "Follow-up",
        "number",
        "Days until death or the last contact. Nobody knows this at the bedside.",
        115,
        "days",
        1,
        1_000,
        "afterwards",
    ),
)

BY_NAME: Final[dict[str, Variable]] = {variable.name: variable for variable in VARIABLES}

OUTCOME: Final = "DEATH_EVENT"
"""The outcome's column: 1 = died during follow-up, 0 = alive at the last contact."""

MODEL_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "bedside": tuple(variable.name for variable in VARIABLES if variable.known == "bedside"),
    "followup": tuple(variable.name for variable in VARIABLES),
}
"""The models that heartapp trains, and the variables each is given."""


def fingerprint(names: Sequence[str]) -> str:
    """The digest of what a model relies on: name, kind, unit and limits of each variable, in order.

    A bundle trained under another declaration (platelets in 10⁹/L, say) has another fingerprint and is not
    loaded.
    """
    facts = [
        [variable.name, variable.kind, variable.unit, float(variable.low), float(variable.high), variable.known]
        for variable in (BY_NAME[name] for name in names)
    ]
    return "sha256:" + hashlib.sha256(json.dumps(facts, ensure_ascii=True).encode()).hexdigest()
