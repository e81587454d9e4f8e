"""Processor time and memory are those of a whole tree of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

TWO_BELOW = """
import subprocess, sys
wait = [sys.executable, "-c", "input()"]
below = [subprocess.Popen(wait), subprocess.Popen(wait, start_new_session=True)]
print(*(one.pid for one in below), flush=True)
[one.wait() for one in below]
"""
BUSY_CHILD = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.2: pass"], check=True)
print("done", flush=True)
input()
"""


@contextmanager
def running(script: str) -> Iterator[tuple[int, str]]:
    """A Python process with this script: its number and the first line that it prints. It ends with its input."""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        yield process.pid, process.stdout.readline()
        process.communicate("\n\n")


def test_a_tree_holds_children_even_those_with_a_session_of_their_own() -> None:
    with running(TWO_BELOW) as (root, line):
        assert {one.pid for one in processes.tree(root)} == {root, *map(int, line.split())}
        assert os.getpid() not in {one.pid for one in processes.tree(root)}


def test_the_time_of_a_child_that_has_ended_is_counted() -> None:
    with running(BUSY_CHILD) as (root, line):
        assert line == "done\n"
        assert [one.pid for one in processes.tree(root)] == [root]
        assert processes.cpu_seconds(root) >= 0.15


def test_each_process_has_memory() -> None:
    with running(TWO_BELOW) as (root, _):
        assert len([size for size in processes.memory_bytes(root) if size > 100_000]) == 3


def test_what_has_ended_is_not_still_running() -> None:
    with running(TWO_BELOW) as (root, _):
        tree = processes.tree(root)
        assert sorted(processes.still_running(tree)) == sorted(one.pid for one in tree)

    assert processes.still_running(tree) == []
