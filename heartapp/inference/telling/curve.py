"""How good the survival curve is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heartapp.inference.telling.parts import Figure, Part, Section, Table, figure, reading, signed, spread, three
from heartapp.inference.telling.performance import bins_seen, bins_table, goals, protocol

if TYPE_CHECKING:
    from heartapp.inference.report import HorizonCalibration, Report, SurvivalEvaluation


def survival(report: Report) -> list[Section]:
    """The section of the curve; none where the report holds none."""
    found = report.survival
    if found is None:
        return [
            Section(
                "Survival curve",
                ["The report holds no evaluation of a survival curve: the model has none, or it was not evaluated."],
            )
        ]
    parts: list[Part] = [
        (
            "The risk by a given day comes from a second model: Cox regression with a ridge penalty and splines on "
            "age, ejection fraction and the logarithm of serum creatinine, with Breslow’s baseline. Who left early "
            "counts as long as they were followed. Where both models fall on different sides of the threshold, the "
            "form’s answer says so."
        ),
        (
            f"{protocol(found.protocol)} Patients who left alive are made up for by weights (Uno et al. 2011)"
            f"; the integrated score reaches to day {found.last_day}."
        ),
        Table(
            "The curve on patients not used in training: mean ± standard deviation over the splits",
            ("Measure", "Curve", "Kaplan–Meier, the same for all", "Reading"),
            [
                (figure(name), spread(value), spread(found.null[name]) if name in found.null else "–", reading(name))
                for name, value in found.metrics.items()
            ],
            (1, 2),
        ),
        *goals(found.goals),
    ]
    for horizon in found.calibration:
        parts += [
            (
                f"Calibration at {horizon.day} days: slope {three(horizon.slope)} (± {three(horizon.slope_sd)} over "
                f"the splits taken one by one), observed minus expected share of deaths {signed(horizon.intercept)}."
            ),
            _calibration(horizon),
        ]
    parts.append(_penalties(found))
    return [Section("Survival curve", parts)]


def _calibration(horizon: HorizonCalibration) -> Figure:
    return Figure(
        f"survival-{horizon.day}",
        f"Predicted risk and share that died by day {horizon.day}",
        bins_seen(horizon.bins),
        bins_table(horizon.bins),
    )


def _penalties(found: SurvivalEvaluation) -> Table:
    return Table(
        "Ridge penalty chosen inside the splits",
        ("Penalty", "Splits"),
        [(penalty, str(count)) for penalty, count in found.penalties.items()],
        (0, 1),
    )
