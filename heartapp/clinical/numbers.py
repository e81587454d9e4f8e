"""Numbers as people write and read them: decimal comma, spaces between thousands, percentages, units."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

HUNDRED: Final = 100
THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"

# Spaces between thousands, from keyboards, spreadsheets and heartapp's own pages.
_SPACES: Final = " \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
_GROUPED: Final = re.compile(rf"([+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+)([.,]\d*)?", re.ASCII)
_PLAIN: Final = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_THOUSANDS_OR_DECIMAL: Final = re.compile(r"([+-]?[1-9]\d{0,2})([.,])(\d{3})", re.ASCII)
_SEPARATORS: Final = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?", re.ASCII)
# A number and its unit, which starts with no digit except that of a power: 10^9/L.
_QUANTITY: Final = re.compile(
    rf"([+-]?[\d.,]+(?:[{_SPACES}]\d{{3}}(?!\d))*[\d.,]*)[{_SPACES}]*((?:[^\d.,{_SPACES}]|10[^\d.,{_SPACES}]).*)",
    re.ASCII,
)
# Full-width forms, as Chinese and Japanese keyboards write them, are 0xFEE0 above their ASCII characters.
_PLAINER: Final[dict[int, str]] = {
    **{code + 0xFEE0: chr(code) for code in range(ord("!"), ord("~") + 1)},
    ord("\N{MINUS SIGN}"): "-",
    ord("\N{IDEOGRAPHIC SPACE}"): " ",
}
_SPELLINGS: Final = str.maketrans({"µ": "u", "μ": "u", "⁹": "9", "³": "3", "^": None, " ": None, "×": None, "*": None})
_THOUSAND: Final = 1_000
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
    text = text.translate(_PLAINER).strip(_SPACES + "\t\r\n")
    if len(text) > _MAX_LENGTH:
        raise NumberTextError("This is too long for a number.")
    if grouped := _GROUPED.fullmatch(text):
        text = re.sub(rf"[{_SPACES}]", "", grouped[1]) + (grouped[2] or "")
        return float(text.replace(",", "."))
    if (found := _THOUSANDS_OR_DECIMAL.fullmatch(text)) and (found[2] == "," or plausible(float(found[1] + found[3]))):
        if found[2] == ",":
            raise AmbiguousNumberError(
                "Is the comma a decimal comma or a thousands separator? Write thousands without it (1250), decimals "
                "with one zero more (1,2500)."
            )
        raise AmbiguousNumberError(
            "Is the point a decimal point or a thousands separator? Write thousands without it (1250), decimals "
            "with one zero more (1.2500)."
        )
    if _PLAIN.fullmatch(text):
        return float(text.replace(",", "."))
    if _SEPARATORS.fullmatch(text):
        raise AmbiguousNumberError("Leave thousands separators out, and write a point or a comma before decimals.")
    raise NumberTextError("This is not a number. Use digits, with a point or a comma before decimals.")


def read_quantity(
    text: str, factor: Callable[[str], float | None], plausible: Callable[[float], bool]
) -> tuple[float, float | None]:
    """Read a number that may be followed by its unit, or by k for thousands.

    Args:
        text: what was typed.
        factor: what to multiply by for a unit; None for one that is not known.
        plausible: whether a number is possible here, after it was multiplied.

    Returns:
        The number, multiplied, and what it was multiplied by, which is None for a number without a unit.

    Raises:
        NumberTextError: the text is no number, or its unit is not known.
        AmbiguousNumberError: the text can be read as two numbers.
    """
    found = _QUANTITY.fullmatch(text.translate(_PLAINER).strip())
    if not found or len(text) > _MAX_LENGTH:
        return read_number(text, plausible), None
    number, unit = found.groups()
    by = float(_THOUSAND) if unit in {"k", "K"} else factor(unit)
    if by is None:
        raise NumberTextError("This has a unit that is not known here.")
    value = read_number(number, lambda value: plausible(value * by))
    return convert(value, by), by


def convert(value: float, factor: float) -> float:
    """``value`` in the unit that ``factor`` leads to. A converted number has three decimals at most."""
    return value if factor == 1 else round(value * factor, 3)


def fold_unit(unit: str) -> str:
    """A unit without what people write differently: case, spaces, µ or u, plural."""
    folded = unit.lower().translate(_SPELLINGS).replace("per", "/").replace("mcg", "ug")
    return folded.removeprefix("x").removesuffix("s")


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
