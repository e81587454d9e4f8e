"""A prediction in words. What is said of a risk agrees with the class: rounding never puts it across the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from heartapp.inference.model import Prediction
    from heartapp.inference.report import Evaluation

HUNDRED: Final = 100

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


METRIC_LABELS: Final = {
    "roc_auc": ("ROC AUC", "0.5 is a coin, 1 orders every patient rightly"),
    "pr_auc": ("Precision–recall AUC", "the share of deaths is what a coin reaches"),
    "brier": ("Brier score", "mean squared error of the risk; smaller is better"),
    "mcc": ("Matthews correlation", "of the class at the threshold; 0 is a coin, 1 is right"),
    "sensitivity": ("Sensitivity", "share of those who died for whom death was expected"),
    "specificity": ("Specificity", "share of survivors for whom survival was expected"),
}

COMPARATOR_LABELS: Final = {"spline_regression": "Plain regression"}


def comparison(evaluation: Evaluation) -> str:
    """Whether the trees beat the plainest honest model, said either way."""
    trees, plain = evaluation.metrics["brier"].mean, evaluation.comparators["spline_regression"]["brier"].mean
    what = "a logistic regression with splines on age, ejection fraction and serum creatinine"
    if trees < plain:
        return f"The plain comparator is {what}. The three trees do better by Brier score."
    return f"The plain comparator is {what}. The three trees do not do better by Brier score."


def of_hundred(share: float) -> int:
    """A probability as a whole number of 100 people."""
    return int(share * HUNDRED + 0.5)


def frequency(share: float) -> str:
    """A probability as people of a hundred; what rounds to none or all is not called none or all."""
    if share < 0.5 / HUNDRED:
        return "fewer than 1 of 100"
    if of_hundred(share) == HUNDRED:
        return "more than 99 of 100"
    return f"{of_hundred(share)} of 100"


def risk_frequency(prediction: Prediction) -> str:
    """The risk as people of a hundred, marked where rounding reaches a threshold that the risk does not."""
    return _marked(prediction, frequency(prediction.risk))


def risk_per_cent(prediction: Prediction) -> str:
    """The risk with a percent sign, marked in the same way; what rounds to none or all is not called none or all."""
    if prediction.risk < 0.5 / HUNDRED:
        return "under 1%"
    if of_hundred(prediction.risk) == HUNDRED:
        return "over 99%"
    return _marked(prediction, per_cent(prediction.risk))


def verdict(prediction: Prediction) -> str:
    """The verdict by majority: ``2 of 3 models expect death during follow-up``."""
    total = len(prediction.votes)
    deaths = sum(vote.vote for vote in prediction.votes)
    agreeing = deaths if prediction.death_event else total - deaths
    what = "death during follow-up" if prediction.death_event else "survival to the end of follow-up"
    return f"{agreeing} of {total} models expect {what}"


def announcement(prediction: Prediction) -> str:
    """The answer in one breath, for a screen reader."""
    return f"Result: {verdict(prediction)}. {capital(risk_frequency(prediction))} such patients die during follow-up."


def per_cent(share: float, digits: int = 0) -> str:
    """A share with a percent sign; whole per cents are rounded as people of a hundred are."""
    return f"{share * HUNDRED:.{digits}f}%" if digits else f"{of_hundred(share)}%"


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _marked(prediction: Prediction, text: str) -> str:
    """``text`` of the risk, not to be read as having reached the threshold where the class says that it has not."""
    reached = of_hundred(prediction.risk) >= of_hundred(prediction.threshold)
    return f"just under {text}" if reached and not prediction.death_event else text
