"""Names, units and codes lead to the same patients; whatever is unclear or wrong is refused with its remedy."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from heartapp.errors import DataError, TableError
from heartapp.inference.model import Model
from heartapp.tables.published import Comparison
from heartapp.validation import refusals
from heartapp.validation.cohort import Cohort, read_cohort
from heartapp.validation.mapping import Mapping, parse_codes, parse_pairs, start_mapping
from tests.validation.conftest import DAYS, Drawn, write_table

DIED = Mapping(outcome="died")
DATED = Mapping(outcome="died", time="days")


def refused(path: Path, model: Model, mapping: Mapping, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        read_cohort(path, model, mapping, **options)
    return str(caught.value)


def same(one: Cohort, other: Cohort) -> bool:
    return np.array_equal(one.values, other.values, equal_nan=True) and np.array_equal(one.outcome, other.outcome)


def test_other_names_units_and_codes_give_the_same_patients(
    bedside: Model, drawn: Drawn, table: Path, tmp_path: Path
) -> None:
    columns = drawn.columns
    other = write_table(
        tmp_path / "other.csv",
        {
            "Alter": columns["age"],
            "Geschlecht": np.where(columns["sex"] == 1, "m", "w"),
            "LVEF": [f"{value / 100:.2f}" for value in columns["ejection_fraction"]],
            "Krea (umol)": columns["serum_creatinine"] * 88.42,
            "status": np.where(drawn.died == 1, "2", "1.0"),
        },
    )
    mapping = Mapping(
        outcome="Status",
        columns=parse_pairs(
            "--map", ["age=Alter", "sex=Geschlecht", "ejection_fraction=lvef", "serum_creatinine=Krea (umol)"]
        ),
        units=parse_pairs("--unit", ["ejection_fraction=fraction", "serum_creatinine=umol/l"]),
        codes=parse_codes(["sex:m=1,w=0", "outcome:1=0,2=1"]),
    )
    found = read_cohort(other, bedside, mapping)
    assert same(found, read_cohort(table, bedside, DIED))
    assert bedside.risk(found.features(bedside)) == pytest.approx(drawn.risk)


@pytest.mark.parametrize(("unit", "factor"), [("days", 1), ("months", DAYS / 12), ("years", DAYS)])
def test_times_are_read_in_any_unit(unit: str, factor: float, bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", {**drawn.columns, "died": drawn.died, "t": drawn.days / factor})
    found = read_cohort(path, bedside, Mapping(outcome="died", time="t", time_unit=unit))
    assert found.time == pytest.approx(drawn.days)
    assert found.horizon == bedside.bundle.manifest.horizon


def test_rows_are_left_out_with_their_reasons_and_missing_cells_are_missing(
    bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    columns: dict[str, list[object]] = {name: [*values] for name, values in drawn.columns.items()}
    columns |= {"platelets": [265_000.0] * len(drawn.died), "died": [*drawn.died], "days": [*drawn.days]}
    for name, row, cell in (
        ("died", 0, "NA"),
        ("age", 1, ""),
        ("age", 2, "NA"),
        ("serum_creatinine", 3, 400),
        ("ejection_fraction", 4, "low"),
        ("days", 5, 0),
        ("days", 6, ""),
        ("platelets", 7, 3),
        ("platelets", 8, "NA"),
        ("age", 9, "1,2"),
    ):
        columns[name][row] = cell
    found = read_cohort(write_table(tmp_path / "t.csv", columns), bedside, DATED)
    flow = found.flow
    assert (flow.read, flow.without_outcome, sum(flow.rejected.values())) == (len(drawn.died), 1, 7)
    assert {reason.split()[0] for reason in flow.rejected} == {
        "age",
        "serum_creatinine",
        "ejection_fraction",
        "the",
        "has",
    }
    assert np.isnan(found.column("platelets")).sum() == 2
    assert len(found.outcome) == len(drawn.died) - 8


@pytest.mark.parametrize(
    ("column", "change", "unit"),
    [
        ("ejection_fraction", 0.01, "ejection_fraction=fraction"),
        ("serum_creatinine", 88.42, "serum_creatinine=µmol/L"),
        ("platelets", 0.001, "platelets=10^9/L"),
    ],
)
def test_wrong_units_are_asked_about(
    column: str, change: float, unit: str, bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    columns = {"platelets": np.full(len(drawn.died), 265_000.0), **drawn.columns}
    changed = {**columns, column: columns[column] * change, "died": drawn.died}
    path = write_table(tmp_path / "t.csv", changed)
    mapping = Mapping(outcome="died", columns={column: column})
    assert f'--unit "{unit}"' in refused(path, bedside, mapping)
    answered = Mapping(outcome="died", columns={column: column}, units=parse_pairs("--unit", [unit]))
    assert read_cohort(path, bedside, answered).column(column) == pytest.approx(columns[column])


def test_decimal_commas_are_one_fault_for_their_column(bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    columns = {**drawn.columns, "died": drawn.died}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    lines = [";".join(columns), *(";".join(map(str, row)).replace(".", ",") for row in rows)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError, match="--delimiter semicolon"):
        read_cohort(path, bedside, DIED)
    message = refused(path, bedside, DIED, delimiter="semicolon")
    assert f"serum_creatinine: {len(drawn.died)} cells have a decimal comma; write decimals with a point" in message
    assert len(message.splitlines()) < 10


def test_a_doubtful_column_that_the_model_does_not_use_is_left_out(
    bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    codes = {"sex": drawn.columns["sex"] + 1, "Platelets": np.full(len(drawn.died), 265)}
    found = read_cohort(write_table(tmp_path / "t.csv", {**drawn.columns, **codes, "died": drawn.died}), bedside, DIED)
    assert np.isnan([found.column("sex"), found.column("platelets")]).all()
    assert {*found.columns} == {"age", "ejection_fraction", "serum_creatinine", "outcome"}
    assert sum("--code sex" in note or "--unit" in note for note in found.notes) == 2


@pytest.mark.parametrize(
    ("mapping", "remedies"),
    [
        (Mapping(), ["--outcome died"]),
        (Mapping(outcome="dead"), ["column dead", "did you mean died?"]),
        (Mapping(outcome="zzz"), ["name one of the table's columns"]),
        (Mapping(outcome="died", columns={"agge": "age"}), ["agge is not a variable; did you mean age?"]),
        (
            Mapping(outcome="died", columns={"zzz": "age", "outcome": "died"}),
            ["known: age", "outcome is not a variable"],
        ),
        (Mapping(outcome="died", units={"age": "stones"}), ["known: years or months"]),
        (Mapping(outcome="died", units={"sex": "m"}), ["known: none"]),
        (Mapping(outcome="died", codes={"age": {"a": 1}}), ["--code age"]),
        (Mapping(outcome="died", codes={"sex": {"1": 2}}), ["0 or 1"]),
        (Mapping(outcome="died", columns={"sex": "age"}), ["--code sex:CODE=1"]),
        (Mapping(outcome="sex", columns={"sex": "sex"}), ["the column of sex is also that of the outcome"]),
        (Mapping(outcome="age"), ["--code outcome:CODE=1", "the column of age is also"]),
        (Mapping(outcome="died", time="days", time_unit="weeks"), ["days or months or years"]),
        (Mapping(outcome="died", time="days", time_unit="years"), ["in years are longer", "correct --time-unit"]),
        (Mapping(outcome="died", columns={"age": "twice"}), ["column twice", "more than once"]),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_with_its_remedy(
    mapping: Mapping, remedies: list[str], bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    path = write_table(
        tmp_path / "t.csv",
        {**drawn.columns, "died": drawn.died, "days": drawn.days * 10, "twice": drawn.days, " twice": drawn.days},
    )
    message = refused(path, bedside, mapping)
    assert all(remedy in message for remedy in remedies)


def test_every_fault_is_told_at_once(bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    columns = {**drawn.columns, "ejection_fraction": drawn.columns["ejection_fraction"] / 100}
    columns["Creat inine"] = columns.pop("serum_creatinine")
    path = write_table(tmp_path / "t.csv", {**columns, "died": drawn.died * 0, "t": drawn.days / DAYS / 5})
    message = refused(path, bedside, Mapping(outcome="died", time="t", columns={"agge": "age"}), horizon=365)
    for remedy in (
        '--map "serum_creatinine=Creat inine"',
        "fraction",
        "--time-unit",
        "0 patients died",
        "agge",
        "--horizon 180",
    ):
        assert remedy in message


def test_an_outcome_with_one_class_or_few_events_is_refused(bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    few = np.where(np.cumsum(drawn.died) > 29, 0, drawn.died)
    path = write_table(tmp_path / "few.csv", {**drawn.columns, "died": few})
    assert "29 deaths are too few" in refused(path, bedside, DIED)
    assert read_cohort(path, bedside, DIED, anyway=True).outcome.sum() == 29
    alive = write_table(tmp_path / "all.csv", {**drawn.columns, "died": np.ones_like(few)})
    assert "0 are known to have survived" in refused(alive, bedside, DIED, anyway=True)
    early = write_table(tmp_path / "early.csv", {**drawn.columns, "died": drawn.died, "days": drawn.days.clip(0, 170)})
    assert "by day 180 and 0 are known to have survived" in refused(early, bedside, DATED)
    assert read_cohort(early, bedside, DATED, horizon=90).horizon == 90


def test_few_events_among_the_rows_that_are_left_are_refused_with_what_was_left_out(
    bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    age = np.where((drawn.died == 1) & (np.cumsum(drawn.died) > 20), 3, drawn.columns["age"])
    message = refused(write_table(tmp_path / "t.csv", {**drawn.columns, "age": age, "died": drawn.died}), bedside, DIED)
    assert "20 deaths" in message
    assert "rows were left out: age" in message
    none = write_table(tmp_path / "none.csv", {**drawn.columns, "age": age * 0, "died": drawn.died})
    assert "0 patients died" in refused(none, bedside, DIED, anyway=True)


def test_a_column_that_leaks_the_outcome_is_refused(bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    told = {**drawn.columns, "age": drawn.columns["age"] / 4 + 18 + 60 * drawn.died, "died": drawn.died}
    assert "age leaks the outcome" in refused(write_table(tmp_path / "a.csv", told), bedside, DIED)
    empty = {**told, "age": np.where(drawn.died == 1, "", drawn.columns["age"].astype(str))}
    assert "age leaks the outcome" in refused(write_table(tmp_path / "b.csv", empty), bedside, DIED)


def test_repeated_patients_are_a_warning(bedside: Model, drawn: Drawn, tmp_path: Path) -> None:
    columns = {**drawn.columns, "died": drawn.died, "days": drawn.days}
    path = write_table(tmp_path / "t.csv", {name: [*column, *column[:5]] for name, column in columns.items()})
    assert read_cohort(path, bedside, DATED).notes[0].startswith("5 rows")


def test_an_undated_risk_is_not_compared_with_times(followup: Model, drawn: Drawn, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", {**drawn.columns, "died": drawn.died, "days": drawn.days})
    assert "leave out --time" in refused(path, followup, DATED)


def test_the_training_table_is_refused_whole_in_part_and_under_other_names(
    bedside: Model, published_data: Path, tmp_path: Path
) -> None:
    whole = Mapping(outcome="DEATH_EVENT")
    assert "trained on" in refused(published_data, bedside, whole)
    header, *rows = published_data.read_text("utf-8").splitlines()
    renamed = ",".join(f"x_{name}" for name in header.split(","))
    part = tmp_path / "part.csv"
    part.write_text("\n".join([renamed, *rows[::-1][:200]]) + "\n", "utf-8")
    columns = {name: f"x_{name}" for name in header.split(",") if name != "DEATH_EVENT"}
    assert "trained on rows of this table" in refused(part, bedside, Mapping(outcome="x_DEATH_EVENT", columns=columns))


def test_a_table_that_is_recognised_in_part_is_refused(
    bedside: Model, table: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.ones(len(drawn.died), np.bool_)
    found = Comparison("part of the published data set", rows, ~rows)
    monkeypatch.setattr(refusals, "compare", lambda _: found)  # the published rows are not everywhere
    assert "trained on rows of this table" in refused(table, bedside, DIED)


def test_a_table_may_be_judged_by_a_model_that_was_trained_on_another(
    bedside: Model, drawn: Drawn, table: Path
) -> None:
    report = bedside.bundle.report
    other = replace_source(bedside, "another table")
    assert report.cohort.source != "another table"
    assert read_cohort(table, other, DIED).outcome.sum() == drawn.died.sum()


def replace_source(model: Model, source: str) -> Model:
    changed = copy.copy(model)
    cohort = msgspec.structs.replace(model.bundle.report.cohort, source=source)
    changed.bundle = replace(model.bundle, report=msgspec.structs.replace(model.bundle.report, cohort=cohort))
    return changed


def test_a_file_that_cannot_be_read_is_refused(bedside: Model, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name a CSV file"):
        read_cohort(tmp_path / "none.csv", bedside, DIED)


def test_a_mapping_is_read_from_a_file_and_options_come_first(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('outcome = "died"\ntime = "t"\n[columns]\nage = "a"\n[codes.sex]\n1 = 1\nm = 0\n', "utf-8")
    found = Mapping.read(path).updated(Mapping(outcome="dead", columns={"age": "b"}))
    assert found == Mapping(outcome="dead", time="t", columns={"age": "b"}, codes={"sex": {"1": 1, "m": 0}})
    for text in ("outcome = 1", "= =", 'zzz = "1"'):
        path.write_text(text, "utf-8")
        with pytest.raises(DataError, match="--write-mapping"):
            Mapping.read(path)
    with pytest.raises(DataError, match="mapping file"):
        Mapping.read(tmp_path / "none.toml")


def test_the_start_of_a_mapping_is_a_mapping_with_what_the_header_suggests(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    header = ["ID", "gender", "EF", 'Serum "Creatinine"', "Blood sodium", "hypertensive", "death", "Age"]
    path.write_text(start_mapping(header, "t.csv"), "utf-8")
    assert Mapping.read(path) == Mapping(
        outcome="death",
        codes={"sex": {}},
        columns={
            "age": "Age",
            "sex": "gender",
            "ejection_fraction": "EF",
            "serum_creatinine": 'Serum "Creatinine"',
            "serum_sodium": "Blood sodium",
            "high_blood_pressure": "hypertensive",
        },
    )


@pytest.mark.parametrize("text", ["age", "=Age", "age="])
def test_an_option_without_name_and_value_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="--unit takes NAME=VALUE"):
        parse_pairs("--unit", [text])


@pytest.mark.parametrize("text", ["sex", "sex:", "sex:1=m", "sex:1=1,2"])
def test_codes_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="--code takes"):
        parse_codes([text])
