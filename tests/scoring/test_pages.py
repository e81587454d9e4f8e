from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.errors import DataError
from heartapp.scoring import pages
from heartapp.scoring.pages import Page, read_pages

DICTIONARY, DATA = 7, 5
PLAIN, DELTA_OF_TEXTS = 0, 7
INT, LONG, LIST, STRUCT = 5, 6, 9, 12
TABLE = pa.table(
    {
        "number": [float(number) for number in range(2_000)],
        "text": [f"text {number % 77}" for number in range(2_000)],
        "nothing": pa.array([None] * 2_000, pa.int8()),
    }
)
DAMAGED = "^x is damaged: it has a page that cannot be; write it anew$"


def varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def integer(number: int) -> bytes:
    return varint(2 * number if number >= 0 else -2 * number - 1)


def field(number: int, kind: int, value: bytes) -> bytes:
    """A field of Thrift's compact protocol, with its number in full."""
    return bytes([kind]) + integer(number) + value


def struct(**fields: int) -> bytes:
    """Integers by the numbers of their fields: ``i2`` is an int, ``l9`` a long."""
    kinds = {"i": INT, "l": LONG}
    return b"".join(field(int(name[1:]), kinds[name[0]], integer(one)) for name, one in fields.items()) + b"\0"


def page(size: int, packed: int, values: int, encoding: int = PLAIN, kind: int = DATA) -> bytes:
    """The header of a page."""
    own = field(kind, STRUCT, struct(i1=values, i2=encoding))
    return struct(i1=0, i2=size, i3=packed)[:-1] + own + b"\0"


def file(content: bytes, *, start: int = 0, stop: int | None = None, rows: int = 1, more: bytes = b"") -> bytes:
    """A file of one column, which lies there; ``more`` stands in the footer too."""
    length = (len(content) if stop is None else stop) - start
    chunk = field(3, STRUCT, struct(l7=length, l9=start)) + b"\0"
    group = field(1, LIST, b"\x1c" + chunk) + struct(l3=rows)
    footer = field(4, LIST, b"\x1c" + group) + more + b"\0"
    return content + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def found(content: bytes) -> list[Page]:
    return [*read_pages(content, "x")]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("more", [{}, {"use_dictionary": False}, {"write_page_checksum": True}])
def test_pages_of_a_file_are_measured_as_its_footer_says(compression: str, version: str, more: dict[str, Any]) -> None:
    sink = io.BytesIO()
    options = {"compression": compression, "data_page_version": version, "data_page_size": 1_000, **more}
    pq.write_table(TABLE, sink, write_batch_size=100, **options)
    measured, group = found(sink.getvalue()), pq.ParquetFile(sink).metadata.row_group(0)
    for index in range(TABLE.num_columns):
        mine, chunk = [page for page in measured if page.column == index], group.column(index)
        assert sum(page.values or 0 for page in mine) == chunk.num_values
        assert (mine[0].values is None) is (chunk.dictionary_page_offset is not None)
        headers = chunk.total_uncompressed_size - sum(page.size for page in mine)
        assert 0 < headers < 100 * len(mine)


def test_pages_of_every_row_group_are_measured_and_those_of_one_without_rows_left_out() -> None:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, TABLE.schema, use_dictionary=False) as writer:
        for part in (TABLE[:10], TABLE[:0], TABLE[10:]):
            writer.write_table(part)
    assert [(page.column, page.values) for page in found(sink.getvalue())] == [
        *((column, 10) for column in range(3)),
        *((column, 1_990) for column in range(3)),
    ]


def test_what_is_not_needed_is_passed_over() -> None:
    more = field(9, 3, b"\x07") + field(10, 7, b"12345678") + field(11, 8, b"\x03abc") + field(12, 1, b"")
    assert found(file(page(8, 2, 1) + b"ab", more=more)) == [Page(0, 8, 1)]


@pytest.mark.parametrize(
    "content",
    [
        file(page(8, 3, 1) + b"ab"),
        file(page(-8, 2, 1) + b"ab"),
        file(page(8, -2, 1) + b"ab"),
        file(page(8, 2, -1) + b"ab"),
        file(page(8, 2, 1)[:-3]),
        file(page(8, 0, 9, kind=DICTIONARY)),
        file(b"\0"),
        file(struct(i2=8, i3=0)),
        file(page(8, 0, 1), start=-3),
        file(page(8, 0, 1), stop=1_000),
        file(b"\x15" + b"\xff" * 12),
        file(b"\x15" + b"\xff" * 9 + b"\x7f"),
        file(b"\x1c" * 2_000),
        file(b"", more=field(2, LIST, b"\x15\x02")),
        file(b"", more=field(50, LIST, b"\x1c\0")),
        file(b"", more=field(9, 11, b"\0")),
        file(b"", more=field(4, LIST, b"\x0c")),
        file(b"", more=field(1 << 16, INT, b"\0")),
        file(b"", more=field(-1, INT, b"\0")),
        b"",
        b"PAR1",
    ],
)
def test_what_cannot_be_or_could_be_read_in_two_ways_is_damage(content: bytes) -> None:
    with pytest.raises(DataError, match=DAMAGED):
        found(content)


def test_a_dictionary_has_as_many_values_as_bytes_at_most() -> None:
    assert found(file(page(8, 0, 8, kind=DICTIONARY))) == [Page(0, 8, None)]


def test_an_encoding_that_cannot_be_measured_is_refused() -> None:
    with pytest.raises(DataError, match=r"^x holds an encoding that is not read here; write it with dictionaries"):
        found(file(page(8, 2, 1, DELTA_OF_TEXTS) + b"ab"))


def test_a_footer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FOOTER_BYTES", 10)
    with pytest.raises(DataError, match=r"^x has too large a footer; write fewer columns and larger row groups$"):
        found(file(b""))


@given(content=st.binary(max_size=60), framed=st.booleans())
def test_any_bytes_are_pages_or_damage(content: bytes, *, framed: bool) -> None:
    try:
        measured = found(file(content) if framed else content)
    except DataError:
        return
    assert all(page.size >= 0 for page in measured)
