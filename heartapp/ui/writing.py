"""Numbers, units and lists as the language of the answer writes them."""

from collections.abc import Sequence

from heartapp.clinical.numbers import format_number, of_hundred
from heartapp.clinical.variables import BY_NAME, Variable
from heartapp.inference.response import ResponseCurve
from heartapp.ui.language import COMMA, get_language, gettext
from heartapp.ui.rounding import rounded


def decimal(number: str) -> str:
    """A number with this language's decimal mark. Thousands are apart by a narrow space in every language."""
    return number.replace(".", ",") if get_language() in COMMA else number


def fixed(number: float) -> str:
    """A number with two decimals."""
    return decimal(f"{number:.2f}")


def percent(share: float) -> str:
    """A share in whole per cent."""
    return _joined(str(of_hundred(share)), "%")


def unit_name(unit: str) -> str:
    """A unit as laboratories print it."""
    return gettext(unit).replace("10^9", "×10⁹")


def in_unit(number: str, unit: str) -> str:
    """A number with its unit within a sentence: ``168 µmol/L``, ``0.35 as a fraction``."""
    return gettext("{number} as a fraction").format(number=number) if unit == "fraction" else _joined(number, unit)


def quantity(value: float, variable: Variable, *, unit: bool = True) -> str:
    """A value of a variable with its unit, or the label of a choice."""
    for code, label in variable.choices:
        if code == value:
            return gettext(label)
    number = decimal(format_number(value))
    return _joined(number, variable.unit) if unit and variable.unit else number


def converted(value: float, variable: Variable) -> str:
    """A value that was converted to the variable's unit, with as many decimals as laboratories report."""
    return _joined(fixed(value), variable.unit) if variable.step < 1 else quantity(value, variable)


def steps(curve: ResponseCurve, variable: Variable, threshold: float, xs: Sequence[float]) -> str:
    """The values of a response curve for its slider, each as its x and a sentence: ``12.5|35%: 42 of 100``."""
    sentence = gettext("{value}: {number} of 100")
    return ";".join(
        f"{x}|{sentence.format(value=quantity(value, variable), number=rounded(risk, threshold))}"
        for x, value, risk in zip(xs, curve.values, curve.risks, strict=True)
    )


def list_labels(names: Sequence[str]) -> str:
    """The labels of some variables within a sentence: ``age, ejection fraction and serum creatinine``."""
    labels = [gettext(BY_NAME[name].label) for name in names]
    *most, last = labels if get_language() == "de" else map(str.lower, labels)
    return gettext("{most} and {last}").format(most=gettext(", ").join(most), last=last) if most else last


def _joined(number: str, unit: str) -> str:
    space = "" if unit == "%" and get_language() not in COMMA else "\N{NO-BREAK SPACE}" if unit == "%" else " "
    return f"{number}{space}{unit_name(unit)}"
