"""Rounded numbers for the page that never contradict the verdict."""

from heartapp.clinical.numbers import HUNDRED, of_hundred
from heartapp.ui.language import gettext


def rounded(share: float, threshold: float | None = None) -> str:
    """A probability as whole people of 100, without the words "of 100": ``58``, ``under 1``, ``over 99``.

    No probability becomes 0 or 100. One that is below ``threshold`` but rounds up to it is marked: with a threshold
    of 0.32, 0.3199 becomes ``just under 32``.
    """
    number = of_hundred(share)
    if number == 0:
        return gettext("under 1")
    if number == HUNDRED:
        return gettext("over 99")
    if threshold is not None and share < threshold and number >= of_hundred(threshold):
        return gettext("just under {number}").format(number=number)
    return str(number)


def living(risk: float) -> str:
    """How many of 100 live, so that the dead and the living add up to 100: ``42``, ``over 99``, ``under 1``."""
    number = HUNDRED - of_hundred(risk)
    return gettext("under 1") if number == 0 else gettext("over 99") if number == HUNDRED else str(number)


def points(contribution: float) -> str:
    """The size of a contribution in percentage points, without its sign."""
    return str(of_hundred(abs(contribution)) or gettext("under 1"))


def nonzero(contribution: float) -> bool:
    """Whether a contribution is more than a rounding error."""
    return abs(contribution) > 1e-9  # noqa: PLR2004 - far below what any page shows
