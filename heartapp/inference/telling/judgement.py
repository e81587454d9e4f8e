"""What to make of it: the short version, limits, risk of bias, and where each item of the guideline is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heartapp.clinical.numbers import per_cent
from heartapp.inference.telling.origin import PUBLISHED, looks_back, warning
from heartapp.inference.telling.parts import Bullets, Section, Table, anchor, listed, spread, three
from heartapp.inference.telling.performance import UNKNOWN, compared, unstable

if TYPE_CHECKING:
    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report


def in_short(manifest: Manifest, report: Report) -> Section:
    """The abstract."""
    cohort, evaluation, found = report.cohort, report.evaluation, report.instability
    items = [
        (
            f"The risk that a patient with heart failure dies during follow-up, from {len(manifest.variables)} "
            "variables: a decision tree, a random forest and gradient boosting vote, and their median is calibrated "
            "into one risk."
        ),
        (
            f"Learned from {cohort.patients} patients, of whom {cohort.deaths} died, and tested on parts of them set "
            "aside in turn, on no one else."
        ),
    ]
    if evaluation is None:
        items.append(UNKNOWN)
    else:
        metrics, goals = evaluation.metrics, evaluation.goals
        reached = sum(one.reached != "missed" for one in goals)
        items += [
            (
                f"On patients set aside: ROC AUC {spread(metrics['roc_auc'])}, Brier score {spread(metrics['brier'])}, "
                f"Matthews correlation {spread(metrics['mcc'])}, calibration slope "
                f"{three(evaluation.calibration_slope)}. Goals reached: {reached} of {len(goals)}."
            ),
            compared(manifest, evaluation),
        ]
    if found is not None:
        missed = [] if looks_back(manifest) else unstable(found)
        items.append(
            f"Another sample would have given another risk: the middle 95% of {found.refits} refits span "
            f"{per_cent(found.median_width)} for the median patient."
            + (f" Goals of stability that are **missed**: {listed(missed)}." if missed else "")
        )
    items.append("By PROBAST the risk of bias is **high**: see [Risk of bias](#risk-of-bias).")
    return Section("In short", [*warning(manifest), Bullets(items)])


def limits(manifest: Manifest, report: Report) -> Section:
    """Where the model does not apply and what it does not know."""
    cohort = report.cohort
    items = [
        (
            "No treatment, no symptoms beyond what let patients into the study, no imaging beyond the ejection "
            "fraction, and nothing of the cause of the heart failure."
        ),
        "No external validation: never tested on patients of another hospital, country or year.",
        "“During follow-up” is no fixed span of time.",
        f"With {cohort.deaths} deaths, every figure here is uncertain, and so is the risk of one patient.",
    ]
    if cohort.source == PUBLISHED:
        items.insert(
            0,
            "Two hospitals in Faisalabad, Pakistan, April to December 2015; all aged 40 or more, with left ventricular "
            "systolic dysfunction, NYHA class III or IV. Of other patients it knows nothing.",
        )
    if looks_back(manifest):
        items.insert(
            0,
            "**It knows the future.** It needs the follow-up time, which no one has at the bedside. That "
            "makes its figures high, and the model useless ahead of time.",
        )
    return Section(
        "Limits",
        [
            Bullets(items),
            (
                "For one patient the form’s answer says so where a value lies outside what training saw, or where a "
                "combination of values is unusual."
            ),
        ],
    )


def bias(manifest: Manifest, report: Report) -> Section:
    """PROBAST, domain by domain."""
    cohort = report.cohort
    candidates = len(manifest.variables)
    a_variable = f"{cohort.deaths / candidates:.1f}"
    predictors = (
        "Follow-up time is not there when a prediction is to be made, and some values were filled in by outcome."
        if looks_back(manifest)
        else "All are known at the bedside. But some values were filled in before publication, creatinine and sodium "
        "by outcome, as far as the values tell; they are taken as missing here, which cannot undo it."
    )
    participants = (
        "Taken from hospital records; how patients were picked is not described. They concern severe heart failure in "
        "one place only."
    )
    if cohort.source != PUBLISHED:
        participants = "Nothing is known of how these patients were picked."
        predictors = "Nothing is known of how the values of this table were measured."
    return Section(
        "Risk of bias",
        [
            (
                "PROBAST (Wolff et al. 2019), judged by the makers of the model, who are not independent: **high risk "
                "of bias**. One domain at high risk is enough for that."
            ),
            Table(
                "PROBAST by domain",
                ("Domain", "Risk of bias", "Why"),
                [
                    (
                        "Participants",
                        "unclear",
                        participants,
                    ),
                    ("Predictors", "high", predictors),
                    (
                        "Outcome",
                        "high",
                        (
                            "Death is certain, its time frame is not: who left early counts as a survivor. The "
                            "survival curve alone allows for it."
                        ),
                    ),
                    (
                        "Analysis",
                        "high",
                        (
                            f"{cohort.deaths} deaths are {a_variable} for each of {candidates} candidate variables, "
                            "where 20 or more are asked of regression and far more of trees (Moons et al. 2019). No "
                            "external validation. For it speaks that no patient is left out, no value is put into "
                            "classes, and choice, tuning and calibration are repeated inside every split. Against it, "
                            "that the settings which tuning may choose from were picked on the same patients."
                        ),
                    ),
                ],
                (),
            ),
            (
                "Applicability is of high concern wherever patients differ from the cohort, and everywhere for "
                "decisions: no effect of using the model was studied."
            ),
        ],
    )


def reporting(report: Report) -> Section:
    """TRIPOD+AI, item by item."""
    evaluated = report.evaluation is not None
    rows: list[tuple[str, ...]] = []
    for item, topic, answer in _ITEMS:
        missing = "in no evaluation of this bundle: " if item in _NEED_EVALUATION and not evaluated else ""
        rows.append((item, topic, missing + answer))
    return Section(
        "TRIPOD+AI",
        [
            "Items of the reporting guideline (Collins et al. 2024), in our words, and where each is answered.",
            Table("Where each item is answered", ("Item", "About", "Answer"), rows, ()),
        ],
    )


def _see(*titles: str) -> str:
    return ", ".join(f"[{title}](#{anchor(title)})" for title in titles)


_NEED_EVALUATION: Final = ("14", "23a", "23b")
_ITEMS: Final = (
    ("1", "Title: what is predicted, for whom", _see("In short")),
    ("2", "Abstract", _see("In short")),
    ("3a", "Setting, purpose, existing models", _see("Intended use", "Comparison")),
    ("3b", "Target population and users", _see("Intended use", "Limits")),
    ("3c", "Known inequalities in health", f"not studied; {_see('Subgroups')}"),
    (
        "4",
        "Objectives: development, evaluation or both",
        "development with internal validation; " + _see("Intended use"),
    ),
    ("5a", "Source of the data and how representative", _see("Data and its faults", "Limits")),
    ("5b", "Dates", _see("Data and its faults")),
    ("6a", "Setting and places", _see("Data and its faults")),
    ("6b", "Who was eligible", _see("Data and its faults")),
    ("6c", "Treatments", f"not in the data; {_see('Limits')}"),
    ("7", "Preparation of the data", _see("Data and its faults", "How it was made")),
    ("8a", "Outcome and its time span", _see("Outcome")),
    ("8b", "Who assessed the outcome", "not described by the study"),
    ("8c", "Blinding of that assessment", "not described; death leaves little to judge"),
    ("9a", "Choice of candidate predictors", "all that were published; " + _see("Variables")),
    ("9b", "Definition of predictors", _see("Variables")),
    ("9c", "Who assessed predictors", "not described by the study"),
    ("10", "Sample size", f"as published, not planned; {_see('Risk of bias')}"),
    ("11", "Missing data", _see("Data and its faults", "How it was made")),
    ("12a", "Use of the data in the analysis", _see("Performance")),
    ("12b", "Form of predictors", _see("How it was made")),
    ("12c", "Type of model, building, internal validation", _see("How it was made", "Performance")),
    ("12d", "Differences between clusters", "the data do not name the hospital of a patient"),
    ("12e", "Measures of performance", _see("Performance", "Calibration", "Net benefit")),
    ("12f", "Updating after evaluation", "none"),
    ("12g", "How predictions are computed for evaluation", _see("Performance")),
    ("13", "Class imbalance", _see("How it was made")),
    ("14", "Fairness", _see("Subgroups")),
    ("15", "Output and threshold", _see("How it was made")),
    ("16", "Differences of training and evaluation data", "none: splits of one cohort"),
    ("17", "Ethical approval", "of the original study: Ahmad et al. (2017); here public data only"),
    ("18a", "Funding", "none"),
    ("18b", "Conflicts of interest", "the makers judge their own model"),
    ("18c", "Protocol", "the goals and splits were fixed beforehand; " + _see("Performance")),
    ("18d", "Registration", "none"),
    ("18e", "Sharing of data", _see("Data and its faults", "Sources")),
    ("18f", "Sharing of code", _see("How to reproduce it")),
    ("19", "Involvement of patients and public", "none"),
    ("20a", "Flow of participants", _see("Data and its faults")),
    ("20b", "Characteristics of participants", _see("Variables")),
    ("20c", "Comparison of development and evaluation data", "does not arise: one cohort"),
    ("21", "Participants and events in each analysis", _see("Data and its faults", "Performance")),
    ("22", "The full model", "`model.onnx` and `manifest.json` of the bundle; " + _see("How it was made")),
    ("23a", "Performance with its uncertainty, in subgroups too", _see("Performance", "Subgroups", "Instability")),
    ("23b", "Differences between clusters", "the data do not name the hospital of a patient"),
    ("24", "Results of updating", "none"),
    ("25", "Interpretation", _see("In short", "Comparison")),
    ("26", "Limitations", _see("Limits", "Risk of bias")),
    ("27a", "Poor or missing input when in use", _see("Variables", "How it was made")),
    ("27b", "What users must do and know", _see("Intended use")),
    ("27c", "Next steps", "validation on other patients before anything else"),
)


def sources() -> Section:
    """What is cited."""
    return Section("Sources", [Bullets([f"{told} [doi {doi}](https://doi.org/{doi})." for told, doi in _SOURCES])])


_SOURCES: Final[tuple[tuple[str, str], ...]] = (
    (
        "Ahmad et al. Survival analysis of heart failure patients: a case study. *PLoS ONE* 12(7), 2017.",
        "10.1371/journal.pone.0181001",
    ),
    (
        (
            "Chicco and Jurman. Machine learning can predict survival of patients with heart failure from serum "
            "creatinine and ejection fraction alone. *BMC Medical Informatics and Decision Making* 20:16, 2020."
        ),
        "10.1186/s12911-020-1023-5",
    ),
    (
        "Collins et al. TRIPOD+AI statement. *BMJ* 385:e078378, 2024.",
        "10.1136/bmj-2023-078378",
    ),
    (
        "Mitchell et al. Model cards for model reporting. *FAT 2019*, Atlanta.",
        "10.1145/3287560.3287596",
    ),
    (
        "Moons et al. PROBAST: explanation and elaboration. *Annals of Internal Medicine* 170, 2019.",
        "10.7326/M18-1377",
    ),
    (
        "Riley and Collins. Stability of clinical prediction models. *Biometrical Journal* 65, 2023.",
        "10.1002/bimj.202200302",
    ),
    (
        (
            "Uno et al. On the C-statistics for evaluating overall adequacy of risk prediction procedures with "
            "censored survival data. *Statistics in Medicine* 30, 2011."
        ),
        "10.1002/sim.4154",
    ),
    (
        "Van Calster et al. Calibration: the Achilles heel of predictive analytics. *BMC Medicine* 17:230, 2019.",
        "10.1186/s12916-019-1466-7",
    ),
    (
        (
            "Van den Goorbergh et al. The harm of class imbalance corrections for risk prediction models. *JAMIA* 29, "
            "2022."
        ),
        "10.1093/jamia/ocac093",
    ),
    (
        "Vickers and Elkin. Decision curve analysis. *Medical Decision Making* 26, 2006.",
        "10.1177/0272989X06295361",
    ),
    (
        "Wolff et al. PROBAST. *Annals of Internal Medicine* 170, 2019.",
        "10.7326/M18-1376",
    ),
)
