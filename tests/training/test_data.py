from __future__ import annotations

import csv
import hashlib
import http.server
import io
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, OUTCOME, VARIABLES
from heartapp.errors import DataError
from heartapp.training import published
from heartapp.training.data import (
    COLUMNS,
    FEWEST,
    SOURCE,
    Table,
    canonical,
    checksum,
    digest,
    download,
    read_downloaded,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Cells = list[list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Cells], Path]:
    """Write rows of cells, the header first, as a CSV file."""

    def write_cells(cells: Cells) -> Path:
        path = tmp_path / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(cells)
        return path

    return write_cells


@pytest.fixture
def cells(cohort: Path) -> Cells:
    """The cohort's cells, the header first."""
    return list(csv.reader(io.StringIO(cohort.read_text("utf-8"))))


@pytest.fixture
def published_cells(cohort: Path, cells: Cells, monkeypatch: pytest.MonkeyPatch) -> Cells:
    """The cohort's cells, recognised as if they were the published ones: those are not everywhere."""
    read = read_table(cohort)
    table = np.column_stack([read.values, read.outcome])
    digests = tuple(hashlib.sha256(canonical(column).encode()).hexdigest()[:16] for column in table.T)
    monkeypatch.setattr(published, "DIGEST", digest(table))
    monkeypatch.setattr(published, "COLUMN_DIGESTS", digests)
    monkeypatch.setattr(published, "ROW_CHECKSUMS", tuple(map(checksum, table)))
    return cells


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def same(one: Table, other: Table) -> bool:
    return (
        np.array_equal(one.values, other.values)
        and np.array_equal(one.outcome, other.outcome)
        and (one.digest, one.origin) == (other.digest, other.origin)
    )


def test_a_table_of_other_patients_is_read_in_the_declared_order(cohort: Path, cells: Cells) -> None:
    table = read_table(cohort)
    assert table.origin == "another table"
    assert table.values.shape == (len(cells) - 1, len(VARIABLES))
    assert table.outcome.shape == (len(cells) - 1,)
    for index, variable in enumerate(VARIABLES):
        position = cells[0].index(variable.name)
        assert table.values[:, index].tolist() == [float(row[position]) for row in cells[1:]]
    assert table.outcome.tolist() == [float(row[-1]) for row in cells[1:]]


def test_features_are_the_named_columns_in_single_precision(cohort: Path) -> None:
    table = read_table(cohort)
    features = table.features(("serum_creatinine", "age"))
    assert features.dtype == np.float32
    assert np.array_equal(features, table.values[:, [7, 0]].astype(np.float32))


def test_the_order_of_the_columns_and_the_case_of_their_names_do_not_matter(
    cohort: Path, cells: Cells, write: Callable[[Cells], Path]
) -> None:
    turned = [row[::-1] for row in cells]
    turned[0] = [f" {name.upper() if index % 2 else name.lower()} " for index, name in enumerate(turned[0])]
    assert same(read_table(write(turned)), read_table(cohort))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=ascii)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(cohort: Path, tmp_path: Path, start: bytes, end: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(start + cohort.read_bytes().replace(b"\n", end))
    assert same(read_table(path), read_table(cohort))


def test_empty_lines_are_left_out_and_counted(cells: Cells, write: Callable[[Cells], Path], cohort: Path) -> None:
    assert same(read_table(write([*cells[:5], [], *cells[5:], []])), read_table(cohort))
    cells[9][0] = "old"
    assert refusal(write([*cells[:5], [], *cells[5:]])).startswith(", row 11, column age: ")


def test_how_a_number_is_written_does_not_change_the_digest(
    cohort: Path, cells: Cells, write: Callable[[Cells], Path]
) -> None:
    rewritten = [cells[0], *([f"{float(cell):.4f}" for cell in row] for row in cells[1:])]
    assert read_table(write(rewritten)).digest == read_table(cohort).digest


def test_any_changed_value_changes_the_digest() -> None:
    table = np.array([[1, 2.5], [3, 4]])
    assert len({digest(table), digest(table[::-1]), digest(table.T), digest(table + 1e-9)}) == 4


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (lambda names: names[1:], "missing 'age'"),
        (lambda names: ["years", *names[1:]], "missing 'age'; unknown 'years'"),
        (lambda names: [*names, "colour"], "unknown 'colour'"),
        (lambda names: [*names, "Age"], "twice 'age'"),
        (lambda names: [*names[:-1], "died"], "missing 'DEATH_EVENT'; unknown 'died'"),
        (lambda names: [*names, "x" * 50], f"unknown '{'x' * 40}'."),
    ],
    ids=["missing", "renamed", "unknown", "double", "outcome", "long"],
)
def test_wrong_columns_are_all_named(
    cells: Cells, write: Callable[[Cells], Path], header: Callable[[list[str]], list[str]], told: str
) -> None:
    message = refusal(write([header(cells[0]), *cells[1:]]))
    assert message.startswith(f", row 1: columns {told}")
    assert message.endswith(f"Needed: {', '.join(COLUMNS)}")


def test_an_empty_file_lacks_every_column(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    assert refusal(path).startswith(f", row 1: columns missing {', '.join(map(repr, COLUMNS))}. Needed: ")


@pytest.mark.parametrize("cell", ["", "n/a", "1,9", "1.2.3", "sixty"])
def test_a_cell_that_is_not_a_number_is_named_by_row_and_column(
    cells: Cells, write: Callable[[Cells], Path], cell: str
) -> None:
    cells[4][COLUMNS.index("serum_creatinine")] = cell
    told = ", row 5, column serum_creatinine: not a number (a point marks decimals)"
    assert refusal(write(cells)) == told


@pytest.mark.parametrize("cell", ["nan", "inf", "-1", "1e300", "0.05"])
def test_a_value_out_of_range_is_named_by_row_and_column_with_the_range(
    cells: Cells, write: Callable[[Cells], Path], cell: str
) -> None:
    cells[4][COLUMNS.index("serum_creatinine")] = cell
    expected = BY_NAME["serum_creatinine"].expected
    assert refusal(write(cells)) == f", row 5, column serum_creatinine: expected {expected}"


@pytest.mark.parametrize("cell", ["2", "0.5", "nan"])
def test_an_outcome_that_is_neither_0_nor_1_is_named(cells: Cells, write: Callable[[Cells], Path], cell: str) -> None:
    cells[4][-1] = cell
    assert refusal(write(cells)) == f", row 5, column {OUTCOME}: expected 0 (alive at the last contact) or 1 (died)"


def test_a_row_that_is_cut_short_is_named_by_its_first_missing_column(
    cells: Cells, write: Callable[[Cells], Path]
) -> None:
    cells[4] = cells[4][:11]
    assert refusal(write(cells)) == ", row 5, column time: not a number (a point marks decimals)"


def test_a_row_with_more_cells_than_the_header_is_refused(cells: Cells, write: Callable[[Cells], Path]) -> None:
    cells[4] = [*cells[4], "0"]
    assert refusal(write(cells)) == ", row 5: 14 cells, the header has 13"


@pytest.mark.parametrize("died", ["0", "1"])
def test_a_table_with_one_outcome_only_is_refused(cells: Cells, write: Callable[[Cells], Path], died: str) -> None:
    one_outcome = [cells[0], *([*row[:-1], died] for row in cells[1:])]
    told = refusal(write(one_outcome))
    assert told.startswith(f": column {OUTCOME} holds {'0' if died == '0' else len(cells) - 1} deaths and ")


def test_a_table_with_too_few_of_one_outcome_is_refused(cells: Cells, write: Callable[[Cells], Path]) -> None:
    died = [row for row in cells[1:] if float(row[-1])]
    survived = [row for row in cells[1:] if not float(row[-1])]
    read_table(write([cells[0], *died[:FEWEST], *survived]))
    told = f": column {OUTCOME} holds {FEWEST - 1} deaths and {len(survived)} survivors; at least {FEWEST} of each"
    assert refusal(write([cells[0], *died[: FEWEST - 1], *survived])).startswith(told)


def test_a_header_without_patients_is_refused(cells: Cells, write: Callable[[Cells], Path]) -> None:
    assert refusal(write(cells[:1])).startswith(f": column {OUTCOME} holds 0 deaths and 0 survivors")


def test_a_file_that_is_not_utf8_is_refused_with_a_remedy(tmp_path: Path, cohort: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeff".encode("utf-16-le") + cohort.read_text("utf-8").encode("utf-16-le"))
    assert refusal(path) == " is not UTF-8 text; save it as CSV in UTF-8"


def test_a_file_that_the_csv_reader_gives_up_on_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x" * 200_000, "utf-8")
    assert refusal(path).startswith(" is not a CSV file: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.csv").endswith("; name a CSV file")


def test_the_published_table_is_recognised(published_data: Path) -> None:
    table = read_table(published_data)
    assert table.origin == "the published data set"
    assert table.digest == published.DIGEST
    assert (len(table.outcome), table.outcome.sum()) == (299, 96)
    assert 60.667 in table.values[:, 0]


def test_its_parts_and_an_altered_value_are_recognised(published_data: Path, write: Callable[[Cells], Path]) -> None:
    header, *rows = csv.reader(io.StringIO(published_data.read_text("utf-8")))
    assert read_table(write([header, *rows[::-1]])).origin == "part of the published data set"
    alter([header, *rows], "platelets", range(7, 8))
    assert refusal(write([header, *rows])).startswith(", row 7, column platelets: differs")


def test_the_whole_table_is_told_from_a_part(published_cells: Cells, write: Callable[[Cells], Path]) -> None:
    assert read_table(write(published_cells)).origin == "the published data set"


@pytest.mark.parametrize("order", [slice(None, None, -1), slice(20, 200)], ids=["reversed", "subset"])
def test_a_part_of_the_published_table_is_accepted(
    published_cells: Cells, write: Callable[[Cells], Path], order: slice
) -> None:
    header, *rows = published_cells
    assert read_table(write([header, *rows[order]])).origin == "part of the published data set"


def alter(rows: Cells, column: str, numbers: range) -> None:
    """Write another plausible value into one column of some rows, counted as a spreadsheet does."""
    for number in numbers:
        rows[number - 1][COLUMNS.index(column)] = "123456"


def test_one_altered_value_is_named_by_row_and_column(published_cells: Cells, write: Callable[[Cells], Path]) -> None:
    alter(published_cells, "platelets", range(7, 8))
    told = refusal(write(published_cells))
    assert told.startswith(", row 7, column platelets: differs from UCI data set 519, which this table otherwise")
    assert "--allow-altered" in told


def test_a_column_altered_throughout_is_named_with_the_first_rows(
    published_cells: Cells, write: Callable[[Cells], Path]
) -> None:
    alter(published_cells, "platelets", range(2, len(published_cells) + 1))
    told = refusal(write(published_cells))
    assert told.startswith(f", row 2, 3, 4, 5, 6 and {len(published_cells) - 6} more")
    assert ", column platelets: differs" in told


def test_two_altered_columns_are_both_named(published_cells: Cells, write: Callable[[Cells], Path]) -> None:
    alter(published_cells, "platelets", range(3, 4))
    alter(published_cells, "creatinine_phosphokinase", range(9, 10))
    told = refusal(write(published_cells))
    assert told.startswith(", row 3, 9, columns creatinine_phosphokinase, platelets: differs")


def test_an_altered_part_of_the_published_table_is_named_by_its_rows(
    published_cells: Cells, write: Callable[[Cells], Path]
) -> None:
    header, *rows = published_cells
    part = [header, *rows[50:150]]
    alter(part, "platelets", range(7, 8))
    assert refusal(write(part)).startswith(", row 7: differs from UCI data set 519")


def test_an_altered_table_is_accepted_where_that_is_meant(
    published_cells: Cells, write: Callable[[Cells], Path]
) -> None:
    alter(published_cells, "platelets", range(7, 8))
    table = read_table(write(published_cells), allow_altered=True)
    assert table.origin == "another table"
    assert table.digest != published.DIGEST


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves the cohort under /data.csv, a page as a hotel's network would under /page.html, and nothing else."""

    content: bytes

    def do_GET(self) -> None:
        found = {"/data.csv": self.content, "/page.html": b"<html>Please log in.</html>"}.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server(cohort: Path) -> Iterator[http.server.HTTPServer]:
    """A mirror on loopback, which answers until it is shut down."""
    handler = type("CohortMirror", (Mirror,), {"content": cohort.read_bytes()})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as mirror:
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mirror
        mirror.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's cache of the test's own, and no proxy between it and loopback."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def address(server: http.server.HTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def test_a_download_is_kept_and_found_again_without_the_server(server: http.server.HTTPServer, cohort: Path) -> None:
    url = address(server, "data.csv")
    first = download(url)
    assert first.read_bytes() == cohort.read_bytes()
    server.shutdown()
    server.server_close()
    assert download(url) == first
    assert same(read_table(first), read_table(cohort))


def test_two_addresses_are_kept_apart(server: http.server.HTTPServer) -> None:
    assert download(address(server, "data.csv")) != download(
        address(server, "data.csv").replace("127.0.0.1", "localhost")
    )


def test_a_failed_download_says_what_to_do_without_a_network(server: http.server.HTTPServer) -> None:
    url = address(server, "data.csv")
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"could not be downloaded \(ConnectionError\)") as caught:
        download(url)
    message = str(caught.value)
    assert message.startswith(url)
    assert "Without a network: get heart_failure_clinical_records.csv of UCI data set 519" in message
    assert "`heartapp train --data PATH`" in message


def test_an_address_without_the_table_is_a_failed_download_and_nothing_is_kept(
    server: http.server.HTTPServer, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded \(HTTPError\)"):
        download(address(server, "absent.csv"))
    assert list((tmp_path / "cache").rglob("*.csv")) == []


def test_what_is_downloaded_and_is_the_table_is_kept(server: http.server.HTTPServer, cohort: Path) -> None:
    url = address(server, "data.csv")
    assert same(read_downloaded(url), read_table(cohort))
    server.shutdown()
    server.server_close()
    assert same(read_downloaded(url), read_table(cohort))


def test_a_page_in_the_table_s_place_is_refused_and_not_kept(server: http.server.HTTPServer, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_downloaded(address(server, "page.html"))
    assert list((tmp_path / "cache").rglob("*.csv")) == []


def test_the_table_is_fetched_from_uci_over_https() -> None:
    assert SOURCE.startswith("https://archive.ics.uci.edu/")
