"""`heartapp evaluate`: the protocols run anew, each figure beside its goal, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heartapp.inference.refits import Refits
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import PROTOCOL_REFITS, SPLIT_SEED, SPLITS
from heartapp.training.evaluation import evaluate
from heartapp.training.instability import report_instability
from heartapp.training.members import PLANS
from heartapp.training.recipe import fit_recipe
from heartapp.training.refitting import pack, refit
from heartapp.training.survival import Patients
from heartapp.training.survival_evaluation import evaluate_survival

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from heartapp.inference.report import Evaluation, GoalResult, InstabilityReport, Spread, SurvivalEvaluation
    from heartapp.training.data import Table


def tables(
    table: Table, *, seed: int, splits: int = SPLITS, split_seed: int = SPLIT_SEED, refits: int = PROTOCOL_REFITS
) -> Iterator[str]:
    """Run the protocols one by one and give each one's tables as it ends.

    Args:
        table: the data.
        seed: of the recipe.
        splits: of P1 and P2.
        split_seed: of the splits; another seed than the protocols' confirms the recipe.
        refits: of P3.
    """
    cohort = Cohort.from_table(table)
    for name, plan in PLANS.items():
        evaluation = evaluate(cohort, name, plan, seed=seed, splits=splits, split_seed=split_seed)
        yield f"P1, {name}: {_protocol(evaluation)}\n" + performance(evaluation)
    names, features, plan = Cohort.names("bedside"), cohort.features("bedside"), PLANS["bedside"]
    served = fit_recipe(features, cohort.outcome, names, plan, seed).risk(features)
    trees = pack(refit(features, cohort.outcome, names, plan, seed=seed, refits=refits))
    yield f"P3, bedside: {refits} bootstrap refits\n" + instability(report_instability(Refits(trees), features, served))
    patients = Patients(cohort.values, Cohort.names("followup"), cohort.column("time"), cohort.outcome)
    curve = evaluate_survival(patients, seed=seed, splits=splits, split_seed=split_seed)
    yield f"P2, survival curve: {_protocol(curve)}\n" + survival(curve)


def performance(evaluation: Evaluation) -> str:
    """Every figure of P1 beside the comparator's, then those that have a goal."""
    (comparator,) = evaluation.comparators.values()
    rows = [("figure", "model", "plain regression")]
    rows += [(name, _spread(spread), _spread(comparator[name])) for name, spread in evaluation.metrics.items()]
    rows.append(("calibration slope", f"{evaluation.calibration_slope:.3f}", ""))
    rows.append(("observed - expected", f"{evaluation.calibration_intercept:+.3f}", ""))
    rows.append(("expected calibration error", f"{evaluation.expected_calibration_error:.3f}", ""))
    chosen = "\n".join(f"  chosen in {count} splits: {names}" for names, count in evaluation.chosen.items())
    return f"{_table(rows)}\n{chosen}\n{_goals(evaluation.goals)}"


def survival(evaluation: SurvivalEvaluation) -> str:
    """Every figure of P2 beside Kaplan and Meier's, then those that have a goal."""
    rows = [("figure", "curve", "Kaplan-Meier")]
    rows += [
        (name, _spread(spread), _spread(evaluation.null[name]) if name in evaluation.null else "")
        for name, spread in evaluation.metrics.items()
    ]
    return f"{_table(rows)}\n{_goals(evaluation.goals)}"


def instability(report: InstabilityReport) -> str:
    """The figures of P3 beside their goals."""
    return _goals(report.goals)


def _protocol(evaluation: Evaluation | SurvivalEvaluation) -> str:
    protocol = evaluation.protocol
    return (
        f"{protocol.splitter}(n_splits={protocol.splits}, test_size={protocol.test_patients}, "
        f"random_state={protocol.seed})"
    )


def _goals(goals: Sequence[GoalResult]) -> str:
    rows = [("goal", "value", "reach", "stretch", "reached", "")]
    rows += [
        (
            one.figure,
            f"{one.value:.3f}",
            _range(one.goal),
            _range(one.stretch),
            one.reached,
            "ALARM: look for a leak" if one.alarm else "",
        )
        for one in goals
    ]
    return _table(rows)


def _range(limits: tuple[float, float]) -> str:
    low, high = limits
    if low == 0:
        return f"<= {high:g}"
    return f">= {low:g}" if high == 1 else f"{low:g} to {high:g}"


def _spread(spread: Spread) -> str:
    return f"{spread.mean:.3f} ± {spread.sd:.3f}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
