"""Whether a model holds for a cohort, in plain words, by fixed rules. docs/validation.md states them.

The first rule that applies decides:

1. *do not use*: the AUC is below 0.6, or its interval ends below 0.65.
2. *update*: observed/expected is outside 0.8 to 1.25 or the slope outside 0.7 to 1.3, and the interval excludes 1.
3. *too few patients*: the sample does not suffice (Riley et al. 2021).
4. *holds*.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from heartapp.inference.report import Estimate
from heartapp.validation.result import Advice, Calibration, SampleSize

CHANCE: Final = (0.6, 0.65)
"""An AUC below the first, or whose interval ends below the second, is little better than chance."""
GOOD: Final = 0.7
RATIO: Final = (0.8, 1.25)
SLOPE: Final = (0.7, 1.3)


def give_verdict(auc: Estimate, calibration: Calibration, sample: SampleSize) -> tuple[Advice, str]:
    """The rule that applies, and the verdict as a sentence or two."""
    shown = f"(AUC {span(auc)})"
    faults = [*_faults(calibration)]
    if auc.value < CHANCE[0] or auc.high < CHANCE[1]:
        order = f"it orders these patients little better than chance {shown}"
        return "do not use", f"Do not use it here: {_join([order, *faults])}."
    order = f"it orders these patients {'well' if auc.value >= GOOD else 'moderately well'} {shown}"
    if faults:
        return "update", f"Do not use it here as it is: it {_join(faults)}. But {order}: try `heartapp update`."
    expects = f"expects about as many deaths as occurred (observed/expected {span(calibration.observed_expected)})"
    if not sample.sufficient:
        needed = f"it takes {sample.patients:,} patients to be sure"
        return "too few patients", f"Nothing speaks against it here, but {needed}: {order} and {expects}."
    return "holds", f"It holds here: {order} and {expects}."


def _faults(calibration: Calibration) -> Iterator[str]:
    ratio, slope = calibration.observed_expected, calibration.slope
    if _off(ratio, RATIO):
        times = f"{1 / ratio.value:.1f} times" if ratio.value < 1 else f"only {1 / ratio.value:.0%} of"
        yield f"expects {times} the deaths that occurred"
    if _off(slope, SLOPE):
        yield f"gives risks that are too {'extreme' if slope.value < 1 else 'moderate'} (slope {span(slope)})"


def _join(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _off(figure: Estimate, limits: tuple[float, float]) -> bool:
    """Whether a figure whose best value is 1 is outside the limits, and not by chance."""
    low, high = limits
    return not low <= figure.value <= high and not figure.low <= 1 <= figure.high


def span(figure: Estimate) -> str:
    """A figure with its interval: ``0.56, 0.51 to 0.61``."""
    return f"{figure.value:.2f}, {figure.low:.2f} to {figure.high:.2f}".replace("-", "−")
