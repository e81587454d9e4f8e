import math
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.numbers import (
    THIN_SPACE,
    AmbiguousNumberError,
    NumberTextError,
    format_number,
    of_hundred,
    per_cent,
    read_number,
    read_quantity,
)
from heartapp.clinical.variables import BY_NAME

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
COMMA_QUESTION = (
    "Is the comma a decimal comma or a thousands separator? Write thousands without it (1250), decimals with one zero "
    "more (1,2500)."
)
POINT_QUESTION = COMMA_QUESTION.replace("comma", "point").replace("1,2500", "1.2500")
SEPARATOR_ADVICE = "Leave thousands separators out, and write a point or a comma before decimals."
NOT_A_NUMBER = "This is not a number. Use digits, with a point or a comma before decimals."
UNKNOWN_UNIT = "This has a unit that is not known here."
TOO_LONG = "This is too long for a number."
MESSAGES = {COMMA_QUESTION, POINT_QUESTION, SEPARATOR_ADVICE, NOT_A_NUMBER, TOO_LONG}


def read(text: str) -> float:
    """What a text says where numbers of thousands are out of the question."""
    return read_number(text, lambda value: abs(value) < 1_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60.667", 60.667),
        ("60,5", 60.5),
        ("-1,9", -1.9),
        (".5", 0.5),
        (",5", 0.5),
        ("5.", 5),
        ("5,", 5),
        ("+3", 3),
        ("  62\t\n", 62),
        (f"{NO_BREAK_SPACE}62{THIN_SPACE}", 62),
        ("265000", 265_000),
        ("1,2345", 1.2345),
        ("1234,567", 1234.567),
    ],
)
def test_a_decimal_point_and_a_decimal_comma_both_work(text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize("space", [" ", NO_BREAK_SPACE, "\N{THIN SPACE}", "\N{NARROW NO-BREAK SPACE}"])
def test_spaces_of_every_kind_may_stand_between_thousands(space: str) -> None:
    assert read(f"1{space}265{space}000") == 1_265_000
    assert read(f"265{space}000,5") == 265_000.5
    assert read(f"265{space}000.125") == 265_000.125
    assert read(f"\N{MINUS SIGN}12{space}000") == -12_000


@pytest.mark.parametrize("text", ["1,200", "265,000", "-1,200", "12,345"])
def test_a_comma_before_exactly_three_digits_is_ambiguous(text: str) -> None:
    with pytest.raises(AmbiguousNumberError, match=re.escape(COMMA_QUESTION)):
        read(text)


@pytest.mark.parametrize("mark", [",", "."])
def test_both_ways_that_the_message_names_are_numbers(mark: str) -> None:
    with pytest.raises(AmbiguousNumberError) as asked:
        read_number(f"9{mark}999", lambda _: True)
    ways = re.findall(r"\(([\d.,]+)\)", str(asked.value))
    assert [read_number(way, lambda _: True) for way in ways] == [1250, 1.25]


@pytest.mark.parametrize("text", ["0,500", "0.500", "-0,125", "-0.125", "00,500", "00.500"])
def test_a_comma_or_point_after_a_zero_can_only_be_decimal(text: str) -> None:
    assert read_number(text, lambda _: True) == float(text.replace(",", "."))


@pytest.mark.parametrize(
    ("name", "text", "asked"),
    [
        ("creatinine_phosphokinase", "1.234", True),
        ("creatinine_phosphokinase", "1.2340", False),
        ("platelets", "263.358", True),
        ("platelets", "263358.125", False),
        ("age", "60.667", False),
        ("serum_sodium", "137.000", False),
    ],
)
def test_a_variables_limits_decide_what_is_ambiguous(name: str, text: str, *, asked: bool) -> None:
    plausible = BY_NAME[name].allows
    if asked:
        with pytest.raises(AmbiguousNumberError, match=re.escape(POINT_QUESTION)):
            read_number(text, plausible)
    else:
        assert read_number(text, plausible) == float(text)


@pytest.mark.parametrize("text", ["1,200.5", "1.200.000", "1,200,000", "1.200,5", "-1.200.000"])
def test_thousands_separators_are_refused_with_advice(text: str) -> None:
    with pytest.raises(AmbiguousNumberError, match=re.escape(SEPARATOR_ADVICE)):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "-", ".", "abc", "1e5", "1_000", "0x10", "nan", "inf", "1 2", "1 2000", "12 34", "1..2", "--1"],
        *["1-", "٣", "½"],
    ],
)
def test_what_is_not_one_number_is_refused_with_advice(text: str) -> None:
    with pytest.raises(NumberTextError, match=re.escape(NOT_A_NUMBER)):
        read_number(text, lambda _: True)


def test_what_is_too_long_for_a_number_is_refused() -> None:
    assert read("1" * 40) == float("1" * 40)
    with pytest.raises(NumberTextError, match=re.escape(TOO_LONG)):
        read("1" * 41)


@given(st.decimals(-10_000_000, 10_000_000, allow_nan=False, places=4).map(float))
def test_what_was_written_for_people_reads_as_the_same_number(value: float) -> None:
    assert read(format_number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (62.0, "62"),
        (60.667, "60.667"),
        (9_999.5, "9999.5"),
        (10_000, f"10{THIN_SPACE}000"),
        (-10_000, f"-10{THIN_SPACE}000"),
        (2_999_999.1, f"2{THIN_SPACE}999{THIN_SPACE}999.1"),
        (0.1 + 0.2, "0.3"),
        (0.00001, "0.00001"),
        (1e21, THIN_SPACE.join(["1", *["000"] * 7])),
    ],
)
def test_numbers_are_written_with_the_fewest_digits_and_thousands_apart(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("share", "people"), [(0, 0), (0.004, 0), (0.005, 1), (0.32, 32), (0.3249, 32), (0.325, 33), (0.995, 100), (1, 100)]
)
def test_a_share_is_rounded_to_whole_people_half_up_unless_digits_are_given(share: float, people: int) -> None:
    assert of_hundred(share) == people
    assert per_cent(share) == f"{people}%"
    assert per_cent(share, 2) == f"{share * 100:.2f}%"


def quantity(name: str, text: str) -> float | str:
    """What a text says of a variable."""
    try:
        return read_quantity(text, BY_NAME[name].factor, BY_NAME[name].allows)[0]
    except NumberTextError as error:
        return str(error)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ejection_fraction", "35%", 35),
        ("ejection_fraction", "35 %", 35),
        ("ejection_fraction", "３５％", 35),
        ("ejection_fraction", "0.35 fraction", 35),
        ("serum_creatinine", "1.7 mg/dL", 1.7),
        ("serum_creatinine", "1,7mg/dl", 1.7),
        ("serum_creatinine", "１．７", 1.7),
        ("serum_creatinine", "168 µmol/L", 1.9),
        ("serum_creatinine", "168umol/l", 1.9),
        ("platelets", "265k", 265_000),
        ("platelets", "265 K", 265_000),
        ("platelets", "265 ×10⁹/L", 265_000),
        ("platelets", "265 x10^9/L", 265_000),
        ("platelets", "265 10^9/L", 265_000),
        ("platelets", "265 K/uL", 265_000),
        ("platelets", "265 000 per µL", 265_000),
        ("platelets", "265 100", 265_100),
        ("platelets", "26510", 26_510),
        ("age", "72 years", 72),
        ("age", "72 year", 72),
        ("age", "864 months", 72),
        ("serum_sodium", "137 mmol/L", 137),
        ("creatinine_phosphokinase", "250 µg/L", 250),
    ],
)
def test_a_number_may_be_followed_by_its_unit(name: str, text: str, value: float) -> None:
    assert quantity(name, text) == value


def test_a_conversion_gives_its_factor_and_the_own_unit_gives_one() -> None:
    factors = {
        unit: read_quantity(f"1 {unit}", BY_NAME["serum_creatinine"].factor, bool)[1] for unit in ("mg/dL", "µmol/L")
    }
    assert factors == {"mg/dL": 1, "µmol/L": 1 / 88.42}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("age", "72 mg", UNKNOWN_UNIT),
        ("age", "1e5", UNKNOWN_UNIT),
        ("age", "7 2", NOT_A_NUMBER),
        ("age", "years", NOT_A_NUMBER),
        ("age", "7" * 41 + " years", TOO_LONG),
        ("serum_creatinine", "1,234 mg/dL", COMMA_QUESTION),
        ("platelets", "265.000/µL", POINT_QUESTION),
    ],
)
def test_what_is_no_quantity_is_refused(name: str, text: str, said: str) -> None:
    assert quantity(name, text) == said


@given(st.text(st.sampled_from(string.digits + "+-.,eEk% \u00a0\u202f\u2212") | st.characters(), max_size=50))
def test_any_text_is_a_finite_quantity_or_a_message(text: str) -> None:
    read = quantity("platelets", text)
    assert read in {*MESSAGES, UNKNOWN_UNIT} if isinstance(read, str) else math.isfinite(read)
