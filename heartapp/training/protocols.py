"""`heartapp evaluate`: run the protocols anew and print each goal beside its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heartapp.card.filters import span, spread, three
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import PROTOCOL_REFITS, SPLIT_SEED, SPLITS
from heartapp.training.evaluation import evaluate
from heartapp.training.members import PLANS
from heartapp.training.recipe import Recipe
from heartapp.training.refitting import refit, report_instability

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from heartapp.inference.report import Evaluation, GoalResult, Protocol, Spread
    from heartapp.training.data import Table

_CALIBRATION: Final = ("calibration_slope", "calibration_intercept", "expected_calibration_error")


def run_protocols(
    table: Table, *, seed: int, splits: int = SPLITS, split_seed: int = SPLIT_SEED, refits: int = PROTOCOL_REFITS
) -> Iterator[str]:
    """Run the protocols one by one and give the lines of each as it ends.

    Args:
        table: the data.
        seed: of the recipe.
        splits: of P1 and P2.
        split_seed: of the splits; another seed than the default confirms the recipe.
        refits: of P3.
    """
    cohort = Cohort.from_table(table)
    for model in PLANS:
        found = evaluate(cohort, model, seed=seed, splits=splits, split_seed=split_seed)
        yield from _performance(model, found)
    recipe, sample = Recipe.of_cohort("bedside", seed, cohort), cohort.sample("bedside")
    served = recipe.fit(sample).risk(sample.features)
    goals = report_instability(refit(recipe, sample, sample.features, refits=refits), served).goals
    yield f"P3, bedside: {refits} bootstrap refits"
    yield from describe({goal.figure: goal.value for goal in goals}, goals)


def _performance(model: str, found: Evaluation) -> Iterator[str]:
    ((comparator, others),) = found.comparators.items()
    yield f"P1, {model}: {_splitter(found.protocol)}; beside it {comparator}"
    calibration = {name: getattr(found, name) for name in _CALIBRATION}
    yield from describe({**found.metrics, **calibration}, found.goals, others)
    yield from (f"  chosen in {count} splits: {names}" for names, count in found.chosen.items())


def describe(
    figures: Mapping[str, Spread | float], goals: Sequence[GoalResult], others: Mapping[str, Spread] | None = None
) -> Iterator[str]:
    """A line for each figure: its value, the comparator's value, its goal and whether that was reached.

    Args:
        figures: the figures of a model.
        goals: the goals that some of them have.
        others: the figures of the comparator.
    """
    judged = {goal.figure: f"goal {span(goal.goal)}, stretch {span(goal.stretch)}: {_result(goal)}" for goal in goals}
    for name, value in figures.items():
        other = spread(others[name]) if others and name in others else ""
        text = three(value) if isinstance(value, float) else spread(value)
        yield f"  {name:<28}{text:<16}{other:<16}{judged.get(name, '')}".rstrip()


def _splitter(protocol: Protocol) -> str:
    """How the splits were made, as scikit-learn is called."""
    return (
        f"{protocol.splitter}(n_splits={protocol.splits}, test_size={protocol.test_patients}, "
        f"random_state={protocol.seed})"
    )


def _result(goal: GoalResult) -> str:
    return f"{goal.reached}; ALARM: too good, look for a leak" if goal.alarm else goal.reached
