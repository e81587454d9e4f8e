"""Every row of docs/reliability.md has a command that is there."""

import re
from pathlib import Path

import pytest

from benchmarks import faults, hostile

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "reliability.md").read_text("utf-8")


@pytest.mark.parametrize("command", re.findall(r"^\| [^|]+ \| `([^` ]+)[^`]*` \|", TABLE, re.MULTILINE))
def test_the_command_of_a_row_is_a_fault_or_a_file_of_tests(command: str) -> None:
    if command.endswith(".py"):
        assert (ROOT / "tests" / "server" / command).is_file()
    else:
        assert callable(getattr(faults, command, None) or getattr(hostile, command))
