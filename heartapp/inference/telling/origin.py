"""What the model is for, what it learned from and how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heartapp.clinical.numbers import per_cent
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.telling.parts import MEMBERS, Bullets, Part, Section, Table, Warn, listed

if TYPE_CHECKING:
    from heartapp.inference.bundle import Manifest
    from heartapp.inference.cautions import Seen
    from heartapp.inference.report import Report

PUBLISHED: Final = "the published data set"
FOLLOWUP_WARNING: Final = (
    "**This model is told the future.** Follow-up time is known only when the follow-up is over, and those who died "
    "have short times because they died. It reproduces published work; it cannot look ahead and must not be read as "
    "a prediction."
)
_TIME: Final = "time"


def looks_back(manifest: Manifest) -> bool:
    """Whether the model is given what is known only afterwards."""
    return _TIME in manifest.variable_names


def labels(names: list[str]) -> str:
    """Variables as people call them."""
    return listed([BY_NAME[name].label.lower() for name in names])


def use(manifest: Manifest) -> Section:
    """Intended use, and what would be misuse."""
    purpose = (
        "To show what the published recipe, with follow-up time among the inputs, reaches and why."
        if looks_back(manifest)
        else "To show what a small cohort can and cannot tell of the risk that a patient with heart failure dies "
        "during follow-up, and how such a model is built, judged and told."
    )
    return Section(
        "Intended use",
        [
            f"For research and education. {purpose} For students, teachers and researchers of prediction models.",
            Bullets(
                [
                    (
                        "**Not for clinical decisions**: not to choose, withhold or ration treatment, not to triage, "
                        "not to inform a patient of their outlook. It is no medical device and was approved by no one."
                    ),
                    "Not for patients unlike the cohort: see [Limits](#limits).",
                    "Not for causes: that a value changes the risk says nothing of what changing the value would do.",
                    "Not for insurance, credit or employment.",
                ]
            ),
        ],
    )


def outcome(manifest: Manifest, report: Report) -> Section:
    """What is predicted."""
    cohort = report.cohort
    return Section(
        "Outcome",
        [
            (
                "Death during follow-up, as the column `DEATH_EVENT` records it, whatever its cause: "
                f"{cohort.deaths} of {cohort.patients} patients, {per_cent(manifest.base_rate, 1)}."
            ),
            (
                "Follow-up is no fixed span: it differs from patient to patient, and who left early counts as a "
                "survivor. So the risk is one over the follow-up that this cohort happened to have. A risk by a given "
                "day needs the survival curve, where the model has one."
            ),
        ],
    )


def data(report: Report) -> Section:
    """The data and what is wrong with them."""
    cohort = report.cohort
    parts: list[Part] = [
        (
            f"{cohort.patients} patients, {cohort.deaths} deaths; origin by its content: {cohort.source}. "
            f"Digest of the table `{cohort.digest}`. No patient’s record is in the bundle."
        )
    ]
    if cohort.source != PUBLISHED:
        parts.append(
            "What is known of the published cohort and of its faults does not hold for another table: look for them "
            "with `heartapp audit-data PATH`."
        )
    else:
        parts += [
            (
                "*Heart failure clinical records*, UCI Machine Learning Repository 519, "
                "[doi 10.24432/C5Z89R](https://doi.org/10.24432/C5Z89R), CC BY 4.0: the patients of Ahmad et al. "
                "(2017), from the Institute of Cardiology and the Allied Hospital in Faisalabad, Pakistan, April to "
                "December 2015; aged 40 or more, with left ventricular systolic dysfunction, in NYHA class III or IV."
            ),
            (
                "What is wrong with them, as `heartapp audit-data PATH` prints it with the rows, for this table or any "
                "other of its shape:"
            ),
            Bullets(_FAULTS),
        ]
    if cohort.fills:
        parts.append(
            Table(
                "Values taken as missing in training",
                ("Variable", "Patients"),
                [(BY_NAME[name].label, str(count)) for name, count in cohort.fills.items()],
                (1,),
            )
        )
    return Section("Data and its faults", parts)


_FAULTS: Final = [
    (
        "**Fills that tell the outcome.** Serum creatinine of 1.83 stands in 8 rows, all of whom died, and 1.18 in 11, "
        "all of whom survived: the means of the dead and of the survivors, with the sodium beside them filled "
        "likewise. This is inferred from the values; no publication says so. Training takes them as missing, and the "
        "performance is given without these rows as well."
    ),
    (
        "**Fills that do not.** Creatinine phosphokinase of 582 stands in 47 rows and platelets of 263 358.03 in 25: "
        "the means of the columns. Training takes them as missing, too."
    ),
    (
        "**Follow-up time is the answer, not an input.** A logistic regression on `time` alone orders patients about "
        "as well as published models on all columns do."
    ),
    (
        "**The order leaks.** The file is sorted by follow-up time, so that the row number alone tells who died. Every "
        "split here is shuffled."
    ),
    (
        "**Censoring.** Of the 203 survivors 43 had left before day 90 and 106 before day 180. By Kaplan and Meier’s "
        "estimate 23.7% had died by day 90 and 34.6% by day 180."
    ),
    (
        "**Altered copies.** A copy is in circulation in which platelets of the dead were changed. Training compares "
        "the table’s digest and refuses an altered one unless told otherwise."
    ),
]


_ALL: Final = "All are used, as in the published recipe. "
_CHOICE: Final = (
    "How many is decided inside the training data, by cross-validated Brier score: the fewest within one standard "
    "error of the best, ranked by permutation importance. "
)
_SETTINGS: Final = (
    "The settings of each member are chosen inside the training data by the same rule. The few that are tried were "
    "picked beforehand on other splits of the same patients, which may flatter the figures a little."
)


def making(manifest: Manifest, report: Report) -> Section:
    """Members, choice of variables, calibration and threshold."""
    evaluation = report.evaluation
    parts: list[Part] = [
        f"Given {len(manifest.variables)} variables, the members use {len(manifest.used)}: {labels(manifest.used)}. "
        + (_ALL if looks_back(manifest) else _CHOICE)
        + _SETTINGS,
    ]
    if evaluation is not None:
        parts.append(
            Table(
                "Variables chosen inside the splits of the evaluation",
                ("Variables", "Splits"),
                [(chosen.replace("_", " "), str(count)) for chosen, count in evaluation.chosen.items()],
                (1,),
            )
        )
    settings = sorted({name for member in report.hyperparameters.values() for name in member})
    parts += [
        (
            "A decision tree (scikit-learn), a random forest and gradient boosting (both XGBoost) each give a "
            "probability. The risk is their median, calibrated by Platt scaling that is fitted on out-of-fold "
            f"predictions: slope {manifest.calibration.slope:.3f}, intercept {manifest.calibration.intercept:.3f} on "
            "the logit scale."
        ),
        Table(
            "Settings chosen on all training data",
            ("Setting", *(MEMBERS[member] for member in report.hyperparameters)),
            [
                (f"`{name}`", *(_setting(member.get(name, "")) for member in report.hyperparameters.values()))
                for name in settings
            ],
            tuple(range(1, len(report.hyperparameters) + 1)),
        ),
        (
            f"A risk of {per_cent(manifest.threshold)} or more counts as death expected. The threshold is the share of "
            "deaths in the training data, so that sensitivity counts as much as specificity. Each member votes at the "
            "same point before calibration, so that majority and risk always agree."
        ),
        (
            "Missing values are passed on to the trees, which learn what branch they go down. Neither oversampling "
            "nor class weights are used, as both spoil the calibration (van den Goorbergh et al. 2022)."
        ),
    ]
    return Section("How it was made", parts)


def _setting(value: float | str | None) -> str:
    return "none" if value is None else str(value)


def variables(manifest: Manifest, report: Report) -> Section:
    """What the model takes."""
    return Section(
        "Variables",
        [
            Table(
                "What the model takes, and what the training data held",
                ("Variable", "Allowed", "In training", "Typical", "Missing", "Role"),
                [
                    _variable(seen, typical, manifest, report)
                    for seen, typical in zip(manifest.variables, manifest.typical, strict=True)
                ],
                (4,),
            )
        ],
    )


def _variable(seen: Seen, typical: float, manifest: Manifest, report: Report) -> tuple[str, ...]:
    variable = BY_NAME[seen.name]
    number = variable.kind == "number"
    role = "required" if seen.name in manifest.required else "used" if seen.name in manifest.used else "not used"
    return (
        variable.label,
        variable.span if number else variable.expected,
        f"{variable.quantity(seen.minimum, unit=False)} to {variable.quantity(seen.maximum)}" if number else "both",
        variable.quantity(typical),
        str(report.cohort.fills.get(seen.name, 0)),
        role,
    )


def again(manifest: Manifest, report: Report) -> Section:
    """How to get the same."""
    return Section(
        "How to reproduce it",
        [
            Bullets(
                [
                    (
                        f"`heartapp train --seed {manifest.seed} --output DIR` downloads the data, checks its digest "
                        "and makes this bundle, report and card included."
                        if report.cohort.source == PUBLISHED
                        else f"`heartapp train --data TABLE --seed {manifest.seed} --output DIR` makes this bundle, "
                        "report and card included, from the table with the digest below."
                    ),
                    (
                        "`heartapp evaluate` runs the protocols anew, with each figure beside its goal; `--split-seed` "
                        "takes other splits than those that the goals are held against."
                    ),
                    "`heartapp evaluate --reproduce` runs the published protocols, their figures beside ours.",
                    "`heartapp audit-data PATH` shows the data’s faults.",
                ]
            ),
            f"Made {manifest.created} from the table with digest `{manifest.training_data.digest}` with "
            + listed([f"{library} {version}" for library, version in manifest.libraries.items()])
            + ".",
        ],
    )


def warning(manifest: Manifest) -> list[Part]:
    """What a model that is told the future says on top."""
    return [Warn(FOLLOWUP_WARNING)] if looks_back(manifest) else []
