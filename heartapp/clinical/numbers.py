"""Numbers as people write and read them: decimal comma, spaces between thousands, percentages."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HUNDRED: Final = 100
THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"

# Spaces between thousands, from keyboards, spreadsheets and heartapp's own pages.
_SPACES: Final = " \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
_GROUPED: Final = re.compile(rf"([+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+)([.,]\d*)?", re.ASCII)
_PLAIN: Final = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_THOUSANDS_OR_DECIMAL: Final = re.compile(r"([+-]?[1-9]\d{0,2})([.,])(\d{3})", re.ASCII)
_SEPARATORS: Final = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?", re.ASCII)
_MINUS: Final = str.maketrans({"\N{MINUS SIGN}": "-"})
_MARKS: Final = {",": "comma", ".": "point"}
_MAX_LENGTH: Final = 40


class NumberTextError(ValueError):
    """The text is not one number. The message says how to write it and does not repeat it."""


class AmbiguousNumberError(NumberTextError):
    """The text can be read as two numbers."""


def read_number(text: str, plausible: Callable[[float], bool]) -> float:
    """Read a number typed by a person.

    A decimal point and a decimal comma both work, and spaces may separate groups of three digits. A comma before
    exactly three digits is ambiguous and refused. So is a point, if the number is plausible with thousands as well.

    Args:
        text: what was typed.
        plausible: whether a number is possible here.

    Raises:
        NumberTextError: the text is not a number.
        AmbiguousNumberError: the text can be read as two numbers.
    """
    text = text.strip(_SPACES + "\t\r\n").translate(_MINUS)
    if len(text) > _MAX_LENGTH:
        raise NumberTextError("This is too long for a number.")
    if grouped := _GROUPED.fullmatch(text):
        text = re.sub(rf"[{_SPACES}]", "", grouped[1]) + (grouped[2] or "")
        return float(text.replace(",", "."))
    if (found := _THOUSANDS_OR_DECIMAL.fullmatch(text)) and (found[2] == "," or plausible(float(found[1] + found[3]))):
        mark = _MARKS[found[2]]
        raise AmbiguousNumberError(
            f"Is the {mark} a decimal {mark} or a thousands separator? Write thousands without it (1250), decimals "
            f"with one zero more (1{found[2]}2500)."
        )
    if _PLAIN.fullmatch(text):
        return float(text.replace(",", "."))
    if _SEPARATORS.fullmatch(text):
        raise AmbiguousNumberError("Leave thousands separators out, and write a point or a comma before decimals.")
    raise NumberTextError("This is not a number. Use digits, with a point or a comma before decimals.")


def format_number(value: float) -> str:
    """Write a number for people: as few digits as possible, thousands separated from 10 000 up."""
    # Decimal keeps the shortest digits of repr; a format of ten decimals would write 2999999.1000000001.
    whole, point, decimals = format(Decimal(repr(round(float(value), 10))), ",f").removesuffix(".0").partition(".")
    whole = whole.replace(",", "" if abs(value) < 10_000 else THIN_SPACE)  # noqa: PLR2004 - 1000 to 9999 read well unspaced
    return f"{whole}{point}{decimals}"


def of_hundred(share: float) -> int:
    """A probability as a whole number of 100 people, halves upwards."""
    return int(share * HUNDRED + 0.5)


def per_cent(share: float, digits: int = 0) -> str:
    """A share with a percent sign; without digits it is rounded as `of_hundred` rounds."""
    return f"{share * HUNDRED:.{digits}f}%" if digits else f"{of_hundred(share)}%"
