"""Results as lines, as the commands print them."""

from collections.abc import Iterator, Mapping

from heartapp.inference.report import Estimate
from heartapp.validation.result import Validation
from heartapp.validation.update import Plan


def summarise(found: Validation) -> str:
    """The verdict and the main figures as lines."""
    figures = {
        "AUC": found.discrimination.auc,
        "Harrell's C": found.discrimination.harrell,
        "observed/expected": found.calibration.observed_expected,
        "calibration slope": found.calibration.slope,
        "Brier score": found.brier,
    }
    flow = found.table.flow
    lost = f"{flow.without_outcome:,} without outcome, {sum(flow.rejected.values()):,} left out"
    lines = [
        f"{flow.read:,} rows read: {found.patients:,} patients, {found.events:,} deaths; {lost}",
        *(f"  {count:,} × {reason}" for reason, count in flow.rejected.items()),
        *_lines(figures),
        found.verdict,
        "For research and education, not for clinical decisions.",
    ]
    return "\n".join(lines)


def compare(plan: Plan) -> str:
    """What an update is worth as lines."""
    tests = ", ".join(f"{name} p = {value:.3f}" for name, value in plan.p_values.items())
    lines = [
        f"method: {plan.method}" + (f" (closed test of each smaller update: {tests})" if tests else ""),
        "before:",
        *_lines(plan.before.figures),
        "after, corrected for optimism:",
        *_lines(plan.after.figures),
        "net benefit above treating everyone or no one, after:",
        *_lines({f"at {threshold:.0%}": gain for threshold, gain in plan.after.gains.items()}),
        *_lines({"on average": plan.after.gain}),
    ]
    return "\n".join(lines)


def _lines(figures: Mapping[str, Estimate | None]) -> Iterator[str]:
    for name, one in figures.items():
        if one is not None:
            yield f"  {name:<20}{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
