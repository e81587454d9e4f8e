"""A prediction in words. What is said of a risk agrees with the class: rounding never puts it across the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UnsetType

from heartapp.clinical.numbers import HUNDRED, of_hundred, per_cent
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.survival import DEFAULT_HORIZONS, LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from heartapp.inference.cautions import Caution
    from heartapp.inference.explanation import Contribution, Explanation
    from heartapp.inference.model import Prediction, Survival
    from heartapp.inference.turning_points import TurningPoint

MEMBER_LABELS: Final = {
    "decision_tree": "Decision tree",
    "random_forest": "Random forest",
    "gradient_boosting": "Gradient boosting",
}

MODEL_LABELS: Final = {
    "bedside": ("Bedside", "What is known when the patient is seen."),
    "followup": (
        "Follow-up",
        (
            "Uses the follow-up time too, which is known only afterwards and gives the outcome away. It reproduces "
            "published work; it cannot look ahead."
        ),
    ),
}


def frequency(share: float) -> str:
    """A probability as people of a hundred; what rounds to none or all is not called none or all."""
    if share < 0.5 / HUNDRED:
        return "fewer than 1 of 100"
    if of_hundred(share) == HUNDRED:
        return "more than 99 of 100"
    return f"{of_hundred(share)} of 100"


def risk_frequency(prediction: Prediction) -> str:
    """The risk as people of a hundred, marked where rounding reaches a threshold that the risk does not."""
    return marked(prediction, prediction.risk, frequency(prediction.risk))


def risk_per_cent(prediction: Prediction) -> str:
    """The risk with a percent sign, marked in the same way; what rounds to none or all is not called none or all."""
    if prediction.risk < 0.5 / HUNDRED:
        return "under 1%"
    if of_hundred(prediction.risk) == HUNDRED:
        return "over 99%"
    return marked(prediction, prediction.risk, per_cent(prediction.risk))


def people(prediction: Prediction, share: float) -> str:
    """A risk of this patient as people, to be followed by "of 100"; marked where rounding reaches the threshold."""
    if share < 0.5 / HUNDRED:
        return "fewer than 1"
    if of_hundred(share) == HUNDRED:
        return "more than 99"
    return marked(prediction, share, str(of_hundred(share)))


def bound(share: float) -> str:
    """An end of a range, in whole people and few letters."""
    if share < 0.5 / HUNDRED:
        return "under 1"
    return "over 99" if of_hundred(share) == HUNDRED else str(of_hundred(share))


def verdict(prediction: Prediction) -> str:
    """The verdict by majority: ``2 of 3 models expect death during follow-up``."""
    total = len(prediction.votes)
    deaths = sum(vote.vote for vote in prediction.votes)
    agreeing = deaths if prediction.death_event else total - deaths
    return f"{agreeing} of {total} models expect {_outcome(prediction)}"


def model_label(name: str) -> str:
    """A model as the subject of a sentence: ``The bedside model``; one that heartapp does not know by its own name."""
    return f"The {MODEL_LABELS[name][0].lower() if name in MODEL_LABELS else name} model"


def unavailable(name: str | None, served: Collection[object]) -> str:
    """Which model gives no answer; none does where none is ``served``."""
    return f"{model_label(name)} is not available" if name and served else "No model is available"


def expectation(prediction: Prediction) -> str:
    """The risk as people, and whose word it is."""
    return f"The model expects: {risk_frequency(prediction)} such patients die during follow-up."


def labelled(caution: Caution) -> str:
    """The variable whose value a caution tells; empty where the message names what it is about."""
    return BY_NAME[caution.field].label if caution.kind in {"edge_of_range", "outside_range"} else ""


UNFAMILIAR: Final = "The model has not seen such patients"


def announcement(prediction: Prediction) -> str:
    """The answer in one breath, for a screen reader."""
    told = f"{verdict(prediction)}. {expectation(prediction)}"
    if not prediction.familiar:
        base = f"{capital(frequency(prediction.base_rate))} patients of the study died during follow-up."
        told = f"{UNFAMILIAR}. {base} The model’s own answer: {told}"
    return f"Result: {told}{' The models differ.' if difference(prediction) else ''}"


def threshold(prediction: Prediction, own: float) -> str:
    """Whose threshold it is, as the end of a sentence."""
    if prediction.threshold == own:
        return "This is the model’s own threshold."
    return f"This is the threshold that you chose; the model’s own is {per_cent(own)}."


def named_days(asked: Sequence[int]) -> list[int]:
    """The days of the curve that are told in numbers: two for everyone, and the reader's own."""
    return sorted({*DEFAULT_HORIZONS, *asked})


def by_day(survival: Survival, day: int) -> tuple[float, float, float]:
    """Risk, low and high by a day of the curve."""
    index = survival.horizon_days.index(day)
    return survival.risk[index], survival.low[index], survival.high[index]


def difference(prediction: Prediction) -> str:
    """How the survival model comes down on the other side of the threshold; empty where it does not, or is none."""
    survival = prediction.survival
    if isinstance(survival, UnsetType) or survival.agrees:
        return ""
    risk, _, _ = by_day(survival, LAST_DAY)
    side = "below" if prediction.death_event else "at or above"
    return (
        f"The vote expects {_outcome(prediction)}, but the survival model puts the risk by day {LAST_DAY} at "
        f"{people(prediction, risk)} of 100, {side} the threshold of {per_cent(prediction.threshold)}. For this "
        "patient neither is sure."
    )


def curve_in_words(prediction: Prediction, survival: Survival) -> str:
    """The curve's text equivalent: where it begins and where it ends."""
    first, last = min(survival.horizon_days), max(survival.horizon_days)
    ends = [f"{people(prediction, by_day(survival, day)[0])} of 100 by day {day}" for day in (first, last)]
    return f"The risk of death rises from {' to '.join(ends)}. The table gives the numbers."


NOUGHT: Final = 1e-9
"""What is smaller is a rounding error of a contribution that is none."""


def active(explanation: Explanation) -> list[Contribution]:
    """The contributions that are one."""
    return [one for one in explanation.contributions if abs(one.contribution) > NOUGHT]


def idle(explanation: Explanation) -> str:
    """The variables that contribute nothing, as a list within a sentence; empty where there are none."""
    return enumeration([one.field for one in explanation.contributions if abs(one.contribution) <= NOUGHT])


def factor(field: str, value: float | None) -> str:
    """A variable with the patient's value: ``Ejection fraction of 25%``, ``Anaemia (yes)``."""
    variable = BY_NAME[field]
    if value is None:
        return f"{variable.label} (not known)"
    quantity = variable.quantity(value)
    return f"{variable.label} of {quantity}" if variable.kind == "number" else f"{variable.label} ({quantity.lower()})"


def points(contribution: float) -> str:
    """The size of a contribution in percentage points."""
    size = of_hundred(abs(contribution))
    return {0: "less than 1 point", 1: "1 point"}.get(size, f"{size} points")


def effect(contribution: float) -> str:
    """What a contribution does: ``raises the risk by``, to be followed by its `points`."""
    return f"{'raises' if contribution > 0 else 'lowers'} the risk by"


def turned(point: TurningPoint) -> str:
    """A value at which the verdict is the other one."""
    variable = BY_NAME[point.field]
    quantity = variable.quantity(point.value)
    return quantity if variable.kind == "number" else quantity.lower()


def missing(fields: Sequence[str], used: Collection[str]) -> str:
    """What was left out, and whether the model would have looked at it."""
    needed = [field for field in fields if field in used]
    if not needed:
        return f"Not known: {enumeration(fields)}. This model does not use {'it' if len(fields) == 1 else 'them'}."
    if len(needed) == len(fields):
        return f"Not known: {enumeration(fields)}. The model uses {'it' if len(fields) == 1 else 'them'} where known."
    return f"Not known: {enumeration(fields)}. Of these the model uses {enumeration(needed)} where known."


def enumeration(fields: Sequence[str]) -> str:
    """The labels of variables within a sentence."""
    *rest, last = [BY_NAME[field].label.lower() for field in fields] or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def marked(prediction: Prediction, share: float, text: str) -> str:
    """``text`` of a share, not to be read as having reached the threshold where the share has not."""
    reached = of_hundred(share) >= of_hundred(prediction.threshold)
    return f"just under {text}" if reached and share < prediction.threshold else text


def _outcome(prediction: Prediction) -> str:
    return "death during follow-up" if prediction.death_event else "survival to the end of follow-up"
