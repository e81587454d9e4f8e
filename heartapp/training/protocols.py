"""`heartapp evaluate`: run the protocols anew and print each goal beside its figure."""

from collections.abc import Iterator, Mapping, Sequence

from heartapp.card.filters import difference, interval, span, three
from heartapp.inference.report import Estimate, Evaluation, GoalResult, Spread
from heartapp.training.cohort import Cohort
from heartapp.training.evaluation import evaluate
from heartapp.training.recipe import Recipe
from heartapp.training.stability import measure_shape, refit, report_instability


def run_protocols(table: Cohort, *, seed: int, splits: int, split_seed: int, refits: int) -> Iterator[str]:
    """Run the protocols one by one and give the lines of each as it ends.

    Args:
        table: the data.
        seed: of the recipe and of the refits' samples.
        splits: of P1.
        split_seed: of the splits; another seed than the default confirms the recipe.
        refits: of P3.
    """
    cohort = table.without_fills()
    for model in cohort.models:
        yield from _performance(model, evaluate(cohort, model, seed=seed, splits=splits, split_seed=split_seed))
    recipe, sample = Recipe.of_cohort("bedside", seed, cohort), cohort.sample("bedside")
    fitted = recipe.fit(sample)
    shape = measure_shape(fitted, recipe.names, sample.features, splits)
    yield "Shape of the risk, bedside"
    yield from describe({"largest_step": shape.largest_step, "largest_fall": shape.largest_fall}, shape.goals)
    risks = refit(recipe, sample, sample.features, refits=refits)
    found = report_instability(risks, fitted.risk(sample.features), splits)
    yield f"P3, bedside: {refits} bootstrap refits"
    figures = {"mean_absolute_change": found.mean_absolute_change, "median_width": found.median_width}
    yield from describe(figures, found.goals)


def _performance(model: str, found: Evaluation) -> Iterator[str]:
    protocol = found.protocol
    calibration = {
        f"{figure}_{one.day}" if one.day else figure: getattr(one, figure)
        for one in found.calibration
        for figure in ("slope", "intercept")
    }
    beside = {
        name: f"{interval(found.comparator[name]):<26}{difference(value)}" for name, value in found.difference.items()
    }
    seeds = ", ".join(map(str, protocol.seeds))
    yield f"P1, {model}: {protocol.splits} splits, {protocol.test_patients} held-out patients each, seeds {seeds}"
    yield f"  {'':<24}{'model':<26}{'plain regression':<26}{'difference':<28}goal"
    yield from describe({**found.metrics, **calibration}, found.goals, beside)


def describe(
    figures: Mapping[str, Spread | Estimate | float],
    goals: Sequence[GoalResult],
    beside: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """A line for each figure: its value with its interval, what stands beside it, its goal and the result.

    Args:
        figures: the figures of a model.
        goals: the goals that some of them have.
        beside: the comparator's value and the difference, of some of them.
    """
    judged = {goal.figure: _judgement(goal) for goal in goals}
    for name, value in figures.items():
        text = three(value) if isinstance(value, float) else interval(value)
        other = (beside or {}).get(name, "")
        yield f"  {name:<24}{text:<26}{other:<54}{judged.get(name, '')}".rstrip()


def _judgement(goal: GoalResult) -> str:
    stretch = f", stretch {span(goal.stretch)}" if goal.stretch else ""
    alarm = "; ALARM: too good, look for a leak" if goal.alarm else ""
    return f"goal {span(goal.goal)}{stretch}: {goal.reached}{alarm}"
