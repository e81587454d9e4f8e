from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from heartapp.scoring.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(*times: float) -> Callable[[], float]:
    return iter([*times, *[times[-1]] * 10]).__next__


def test_off_a_terminal_a_line_comes_now_and_then_with_rows_rate_and_time_left() -> None:
    stream = io.StringIO()
    progress = Progress(4_000, stream=stream, clock=clock(0, 5, 10))
    for _ in range(3):
        progress.add(1_000, 0)
    progress.close()
    assert stream.getvalue() == "2,000 rows, 200 rows/s, 00:10 left\n"


def test_where_only_bytes_are_known_the_time_left_is_estimated_from_them() -> None:
    stream = io.StringIO()
    progress = Progress(size=8_000, stream=stream, clock=clock(0, 10))
    progress.add(100, 2_000)
    assert stream.getvalue() == "100 rows, 10 rows/s, 00:30 left\n"


def test_where_nothing_is_known_no_time_left_is_told() -> None:
    stream = io.StringIO()
    Progress(stream=stream, clock=clock(0, 10)).add(100, 2_000)
    assert stream.getvalue() == "100 rows, 10 rows/s\n"


@pytest.mark.parametrize(("rows", "size"), [(4_000, None), (None, 8_000)])
def test_on_a_terminal_a_bar_shows_rows_rate_and_time_left(rows: int | None, size: int | None) -> None:
    stream = Terminal()
    progress = Progress(rows, size, stream=stream)
    progress.add(4_000, 8_000)
    progress.close()
    last = stream.getvalue().rpartition("\r")[2]
    assert "4.00k/4.00k" in last
    assert "rows/s" in last
    assert "100%" in last


def test_standard_error_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(clock=clock(0, 10)).add(100, 0)
    assert capsys.readouterr() == ("", "100 rows, 10 rows/s\n")
