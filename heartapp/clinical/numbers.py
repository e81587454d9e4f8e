"""Numbers as people write and read them: decimal comma, spaces between thousands, nothing guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"

# Spaces that keyboards, spreadsheets and our own pages put between thousands.
_SPACES: Final = " \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
_GROUPED: Final = re.compile(rf"([+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+)([.,]\d*)?", re.ASCII)
_PLAIN: Final = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_THOUSANDS_OR_DECIMAL: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_SEPARATORS: Final = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?", re.ASCII)
_MINUS: Final = str.maketrans({"\N{MINUS SIGN}": "-"})
_MAX_LENGTH: Final = 40


class NumberTextError(ValueError):
    """The text is not one number; the message says how to write it and does not repeat it."""


class AmbiguousNumberError(NumberTextError):
    """The text can be read as two numbers."""


def read_number(text: str) -> float:
    """Read a number typed by a person.

    A decimal point and a decimal comma both work, and spaces may stand between groups of three digits. A comma
    before exactly three digits could mean either, so it is asked about and not guessed.

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
    if _THOUSANDS_OR_DECIMAL.fullmatch(text):
        raise AmbiguousNumberError(
            "Is the comma a decimal comma or a thousands separator? Write a point for decimals and no thousands "
            "separator."
        )
    if _PLAIN.fullmatch(text):
        return float(text.replace(",", "."))
    if _SEPARATORS.fullmatch(text):
        raise AmbiguousNumberError("Write the number without thousands separators, and with a point for decimals.")
    raise NumberTextError("This is not a number. Use digits, and a point for decimals.")


def format_number(value: float) -> str:
    """Write a number for people: shortest digits that say the same, thousands apart from 10 000 up."""
    # Decimal keeps the shortest digits of repr; a format of ten decimals would write 2999999.1000000001.
    whole, point, decimals = format(Decimal(repr(round(float(value), 10))), ",f").removesuffix(".0").partition(".")
    whole = whole.replace(",", "" if abs(value) < 10_000 else THIN_SPACE)  # noqa: PLR2004 - 1000 to 9999 read well unspaced
    return f"{whole}{point}{decimals}"
