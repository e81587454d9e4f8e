"""How good the model is, on patients that nothing in it has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heartapp.clinical.numbers import per_cent
from heartapp.inference.telling.origin import looks_back
from heartapp.inference.telling.parts import (
    COMPARATORS,
    MEMBERS,
    Bullets,
    Figure,
    Part,
    Section,
    Table,
    figure,
    limits,
    listed,
    middle,
    reading,
    signed,
    spread,
    three,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Bin, Evaluation, GoalResult, InstabilityReport, Protocol, Report, Spread

UNKNOWN: Final = (
    "This bundle was trained without the outer evaluation (`heartapp train --skip-report`), so nothing is known of its "
    "performance."
)
PLAIN: Final = "spline_regression"
_OWN: Final = ("roc_auc", "brier", "mcc")
_RISING: Final = ("roc_auc", "pr_auc", "mcc")


def performance(report: Report) -> Section:
    """The figures with their spread, the goals, and each member alone."""
    evaluation = report.evaluation
    if evaluation is None:
        return Section("Performance", [UNKNOWN])
    return Section(
        "Performance",
        [
            (
                f"{protocol(evaluation.protocol)} Everything that is learned, the choice of variables, tuning, "
                "calibration and threshold among it, saw the other patients only. The splits overlap, so their spread "
                "tells how much figures vary from sample to sample and is no standard error."
            ),
            Table(
                "On patients not used in training: mean ± standard deviation over the splits",
                ("Measure", "This model", "Middle 95% of splits", *map(_comparator, evaluation.comparators), "Reading"),
                [_metric(name, value, evaluation) for name, value in evaluation.metrics.items()],
                tuple(range(1, 3 + len(evaluation.comparators))),
            ),
            *goals(evaluation.goals),
            Table(
                "Each member alone, at a probability of one half",
                ("Member", *map(figure, _OWN)),
                [
                    (MEMBERS[name], *(spread(member[metric]) for metric in _OWN))
                    for name, member in evaluation.members.items()
                ],
                (1, 2, 3),
            ),
        ],
    )


def protocol(used: Protocol) -> str:
    """How the figures were measured, in a sentence."""
    return (
        f"{used.splits} random stratified splits (`{used.splitter}`, `random_state={used.seed}`), each with "
        f"{used.test_patients} patients set aside."
    )


def _comparator(name: str) -> str:
    return COMPARATORS.get(name, name)


def _metric(name: str, value: Spread, evaluation: Evaluation) -> tuple[str, ...]:
    plain = (spread(one[name]) for one in evaluation.comparators.values())
    return (figure(name), spread(value), middle(value), *plain, reading(name))


def goals(results: Sequence[GoalResult]) -> list[Part]:
    """Every goal and whether it was reached; nothing where none was set."""
    if not results:
        return []
    missed = [figure(one.figure) for one in results if one.reached == "missed"]
    told = f"Missed: {listed(missed)}." if missed else "All are reached."
    return [
        f"The goals were set before the work began. {told}",
        Table(
            "Figures against their goals",
            ("Figure", "Value", "Goal", "Stretch", "Verdict"),
            [
                (figure(one.figure), three(one.value), limits(one.goal), limits(one.stretch), verdict(one))
                for one in results
            ],
            (1, 2, 3),
        ),
    ]


def discrimination(report: Report) -> Section:
    """ROC and precision-recall curves."""
    evaluation = report.evaluation
    if evaluation is None:
        return Section("Discrimination", [UNKNOWN])
    metrics, roc, recall = evaluation.metrics, evaluation.roc_curve, evaluation.precision_recall_curve
    share = report.cohort.deaths / report.cohort.patients
    return Section(
        "Discrimination",
        [
            "All test predictions together.",
            Figure(
                "roc",
                "Receiver operating characteristic",
                f"At a false positive rate of 10% the sensitivity is {per_cent(_at(roc, 0.1))}, at 20% "
                f"{per_cent(_at(roc, 0.2))}, at 40% {per_cent(_at(roc, 0.4))}; on the diagonal, a coin’s, it would be "
                f"the same as the rate. Mean area over the splits {three(metrics['roc_auc'].mean)}.",
                _points("Points of the curve", ("False positive rate", "Sensitivity"), roc),
            ),
            Figure(
                "precision-recall",
                "Precision and recall",
                f"Where a quarter of those who died are found, {per_cent(_at(recall, 0.25))} of the alarms are right; "
                f"where half are, {per_cent(_at(recall, 0.5))}; where 80% are, {per_cent(_at(recall, 0.8))}. A coin "
                f"stays at the share of deaths, {per_cent(share)}. Mean area over the splits "
                f"{three(metrics['pr_auc'].mean)}.",
                _points("Points of the curve", ("Recall", "Precision"), recall),
            ),
        ],
    )


def _at(points: Sequence[tuple[float, float]], where: float) -> float:
    """The curve's height at the point nearest to ``where``."""
    return min(points, key=lambda point: abs(point[0] - where))[1]


def _points(caption: str, head: tuple[str, str], points: Sequence[tuple[float, float]]) -> Table:
    return Table(caption, head, [(per_cent(x), per_cent(y, 1)) for x, y in points], (0, 1))


def calibration(report: Report) -> Section:
    """Whether the risk is what happens."""
    evaluation = report.evaluation
    if evaluation is None:
        return Section("Calibration", [UNKNOWN])
    return Section(
        "Calibration",
        [
            (
                f"Calibration slope {three(evaluation.calibration_slope)} (1 is right), observed minus expected share "
                f"of deaths {signed(evaluation.calibration_intercept)} (0 is right), expected calibration error "
                f"{three(evaluation.expected_calibration_error)}. All test predictions together."
            ),
            Figure(
                "calibration",
                "Predicted risk and share that died",
                bins_seen(evaluation.calibration_bins),
                bins_table(evaluation.calibration_bins),
            ),
        ],
    )


def bins_seen(bins: Sequence[Bin]) -> str:
    """What a calibration plot shows."""
    widest = max(bins, key=lambda one: abs(one.risk - one.deaths))
    above = sum(one.deaths > one.risk for one in bins)
    return (
        f"{len(bins)} groups of test predictions by predicted risk, of equal size; the diagonal is right. In {above} "
        f"of them more died than predicted. The widest gap is where {per_cent(widest.risk)} were predicted and "
        f"{per_cent(widest.deaths)} died."
    )


def bins_table(bins: Sequence[Bin]) -> Table:
    """The numbers of a calibration plot."""
    return Table(
        "Groups of test predictions by predicted risk",
        ("Predictions", "Predicted", "Died"),
        [(str(one.patients), per_cent(one.risk, 1), per_cent(one.deaths, 1)) for one in bins],
        (0, 1, 2),
    )


def net_benefit(manifest: Manifest, report: Report) -> Section:
    """The decision curve."""
    evaluation = report.evaluation
    if evaluation is None:
        return Section("Net benefit", [UNKNOWN])
    curve = evaluation.decision_curve
    useful = [one.threshold for one in curve if one.model > max(one.treat_all, 0)]
    better = sum(one.model > one.comparator for one in curve)
    where = f", between {per_cent(min(useful))} and {per_cent(max(useful))}" if useful else ""
    return Section(
        "Net benefit",
        [
            (
                "True positives a patient, less false positives weighted by the odds of the threshold (Vickers and "
                "Elkin 2006): what acting on the model would be worth, were there an action of that price. “Treat” "
                "stands for any such action; the data hold none."
            ),
            Figure(
                "decision",
                "Decision curve",
                f"The model is worth more than treating everyone and than treating no one at {len(useful)} of the "
                f"{len(curve)} thresholds{where}; it is worth more than the plain regression at {better} of them. The "
                f"model’s own threshold is {per_cent(manifest.threshold)}.",
                Table(
                    "Net benefit by threshold",
                    ("Threshold", "This model", "Plain regression", "Treat all", "Treat none"),
                    [
                        (per_cent(one.threshold), *map(signed, (one.model, one.comparator, one.treat_all)), "0")
                        for one in curve
                    ],
                    (0, 1, 2, 3, 4),
                ),
            ),
        ],
    )


def subgroups(report: Report) -> Section:
    """By sex and by age."""
    evaluation = report.evaluation
    if evaluation is None:
        return Section("Subgroups", [UNKNOWN])
    groups = evaluation.subgroups
    parts: list[Part] = [
        Table(
            "Test predictions by kind of patient",
            ("Group", "Patients", "ROC AUC", "Brier score", "Died", "Predicted", "Died − predicted"),
            [
                (
                    one.name.capitalize(),
                    str(one.patients),
                    three(one.roc_auc),
                    three(one.brier),
                    per_cent(one.observed, 1),
                    per_cent(one.expected, 1),
                    signed(one.observed - one.expected),
                )
                for one in groups
            ],
            (1, 2, 3, 4, 5, 6),
        ),
        (
            "Each patient counts once for every split that tested them. Groups of this size may differ by chance "
            "alone, and no range is given that would tell how much; the data hold nothing of ethnicity, income or "
            "education."
        ),
    ]
    if groups:
        gap = max(groups, key=lambda one: abs(one.observed - one.expected))
        widest = (
            f"Risk and share that died are furthest apart among {gap.name}: {per_cent(gap.expected, 1)} predicted, "
            f"{per_cent(gap.observed, 1)} died."
        )
        parts.insert(0, widest)
    return Section("Subgroups", parts)


def instability(manifest: Manifest, report: Report) -> Section:
    """How the risks move from refit to refit."""
    found = report.instability
    if found is None:
        return Section(
            "Instability",
            ["This bundle has no refits, so it cannot tell how much a patient’s risk depends on the sample."],
        )
    widest = max(found.ranges, key=lambda one: one[2] - one[1])
    parts: list[Part] = [
        (
            f"The whole recipe was refitted on {found.refits} bootstrap samples of the training data. For a patient of "
            f"the training data a refit’s risk differs from the served one by {three(found.mean_absolute_change)} on "
            f"average, and the middle 95% of the refits’ risks span {three(found.median_width)} for the median "
            "patient. This is called instability (Riley and Collins 2023); it is no confidence interval."
        ),
        Figure(
            "instability",
            "Range of a risk from refit to refit",
            f"{len(found.ranges)} groups of training patients by served risk, each with the mean of their ranges. The "
            f"widest is at a risk of {per_cent(widest[0])}: from {per_cent(widest[1])} to {per_cent(widest[2])}.",
            Table(
                "Mean range by served risk",
                ("Risk", "Low", "High"),
                [(per_cent(risk, 1), per_cent(low, 1), per_cent(high, 1)) for risk, low, high in found.ranges],
                (0, 1, 2),
            ),
        ),
    ]
    if not looks_back(manifest):
        parts[1:1] = [
            "The goals were set before the work began, for 200 refits, which `heartapp evaluate` makes.",
            Bullets([_stable(goal) for goal in found.goals]),
        ]
    return Section("Instability", parts)


def unstable(found: InstabilityReport) -> list[str]:
    """The goals of protocol P3 that are missed."""
    return [figure(goal.figure) for goal in found.goals if goal.reached == "missed"]


def _stable(goal: GoalResult) -> str:
    most = goal.goal[1]
    told = f"missed by {three(goal.value - most)}" if goal.reached == "missed" else "reached"
    return f"{figure(goal.figure)}: {three(goal.value)}; the goal, at most {most:g}, is {told}."


def compared(manifest: Manifest, evaluation: Evaluation) -> str:
    """Whether the trees beat the plainest honest model, said either way."""
    trees, plain = evaluation.metrics, evaluation.comparators[PLAIN]
    pairs = {name: (trees[name].mean, plain[name].mean) for name in ("roc_auc", "brier", "mcc")}
    better = [name for name, (ours, theirs) in pairs.items() if _beats(name, ours, theirs)]
    said = {
        len(pairs): "The three trees beat it",
        0: "The three trees do not beat it",
    }.get(len(better), f"The three trees beat it by {listed([figure(name) for name in better])} only")
    figures = [f"{figure(name)} {three(ours)} against {three(theirs)}" for name, (ours, theirs) in pairs.items()]
    return (
        "The plain comparator is a logistic regression with splines on age, ejection fraction and serum creatinine. "
        + ("It is not told the follow-up time, so the contest is unfair. " if looks_back(manifest) else "")
        + f"**{said}**: {listed(figures)}."
    )


def _beats(name: str, ours: float, theirs: float) -> bool:
    """Whether the first figure is better as both are shown; what looks equal beats nothing."""
    difference = round(ours, 3) - round(theirs, 3)
    return difference > 0 if name in _RISING else difference < 0


CHICCO_BEDSIDE: Final = (
    ("Random forest", 0.384, 0.800, ""),
    ("Decision tree", 0.376, 0.681, "of hard labels"),
    ("Gradient boosting", 0.367, 0.754, ""),
    ("Linear regression", 0.332, 0.643, "of hard labels"),
)
"""Method, MCC, "ROC AUC" and what that is, as Chicco and Jurman (2020), Table 4, have them: without follow-up time."""
CHICCO_FOLLOWUP: Final = (
    ("Three variables and the month of follow-up", 0.616, 0.822, "of hard labels, arguments swapped"),
    ("All variables and the month of follow-up", 0.607, 0.818, "of hard labels, arguments swapped"),
)
"""The same of their Table 11: with follow-up time, by logistic regression."""


def comparison(manifest: Manifest, report: Report) -> Section:
    """Beside the plain regression, and beside published figures."""
    evaluation, back = report.evaluation, looks_back(manifest)
    published = CHICCO_FOLLOWUP if back else CHICCO_BEDSIDE
    rows: list[tuple[str, ...]] = [
        (f"{name} (published)", three(mcc), three(roc), of or "of scores") for name, mcc, roc, of in published
    ]
    if evaluation is not None:
        ours = ("This model", *(three(evaluation.metrics[name].mean) for name in ("mcc", "roc_auc")), "of the risk")
        rows.insert(0, ours)
    fills = "" if back else " They knew nothing of the fills, which flatters any model that may use them."
    slip = (
        " For this table their programs hand predictions and truth over in the wrong order, which moves the rates and "
        "what is called ROC, and leaves MCC as it is."
        if back
        else ""
    )
    return Section(
        "Comparison",
        [
            compared(manifest, evaluation) if evaluation is not None else UNKNOWN,
            (
                f"Published, in Table {11 if back else 4} of [Chicco and Jurman (2020)]"
                "(https://doi.org/10.1186/s12911-020-1023-5), are means over 100 splits that leave 60 patients to test "
                f"on, as here, but are not stratified.{fills} Where curves are drawn from hard labels, the area is "
                f"(sensitivity + specificity) / 2 and cannot be held against an area of risks.{slip} `heartapp "
                "evaluate --reproduce` runs their protocol, their figures beside ours."
            ),
            Table(
                "Beside published figures",
                ("Model", "Matthews correlation", "Area called ROC", "What it is of"),
                rows,
                (1, 2),
            ),
            (
                "Claims of an accuracy of 90% and more on these data mostly use follow-up time, or let test patients "
                "into oversampling, tuning or the choice of variables. They are not compared with."
            ),
        ],
    )
