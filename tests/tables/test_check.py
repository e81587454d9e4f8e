import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.patient import check_patient
from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES, Variable
from heartapp.errors import FieldError
from heartapp.inference.model import Model
from heartapp.tables.cells import DECIMAL_COMMA, NOT_A_NUMBER
from heartapp.tables.check import check_table, ragged

NAMES = MODEL_VARIABLES["followup"]


def edges(variable: Variable) -> list[float]:
    """A variable's limits, and the next numbers on both sides of each."""
    return [
        float(np.nextafter(limit, towards))
        for limit in (variable.low, variable.high)
        for towards in (-np.inf, limit, np.inf)
    ]


special = [NOT_A_NUMBER, 0.0, 1.0, -0.0, *(one for variable in VARIABLES for one in edges(variable))]
numbers = st.floats().filter(lambda value: value != DECIMAL_COMMA) | st.sampled_from(special)
rows = st.lists(st.lists(numbers, min_size=len(NAMES), max_size=len(NAMES)), max_size=6)


@given(rows, st.sets(st.sampled_from(NAMES)))
def test_a_table_has_the_faults_of_its_patients_in_the_same_words(rows: list[list[float]], required: set[str]) -> None:
    found = check_table(np.array(rows).reshape(-1, len(NAMES)), [], VARIABLES, required)[0]

    wanted = []
    for row, values in enumerate(rows):
        record = {name: None if np.isnan(value) else value for name, value in zip(NAMES, values, strict=True)}
        wanted += check_patient(record, VARIABLES, required, row)[1]
    assert found == wanted


def test_faults_of_rows_and_of_cells_come_in_the_order_of_the_rows(bedside: Model) -> None:
    values = np.array([[variable.example for variable in bedside.variables]] * 4)
    values[3, 0] = values[0, 0] = 300
    broken = [ragged(2, 11, 1), ragged(1, 11, 3)]
    faults, good = check_table(values, broken, bedside.variables, bedside.required)
    assert [(fault.row, fault.field) for fault in faults] == [(0, "age"), (1, ""), (3, "")]
    assert good.tolist() == [False, False, True, False]


def test_a_decimal_comma_is_named_as_the_fault(bedside: Model) -> None:
    values = np.array([[variable.example for variable in bedside.variables]])
    values[0, 0] = DECIMAL_COMMA
    (fault,) = check_table(values, [], bedside.variables, bedside.required)[0]
    assert fault.message.endswith("; write decimals with a point")


def test_a_ragged_row_says_how_many_cells_it_has() -> None:
    assert ragged(1, 3, 0).message == "has 1 cell, the header has 3"
    assert ragged(4, 3, 7) == FieldError("", "has 4 cells, the header has 3", 7)
