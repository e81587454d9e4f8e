"""CPU time and memory of a server's processes, from the kernel (Linux) by way of psutil."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

T = TypeVar("T")


def tree(root: int) -> list[psutil.Process]:
    """The process ``root`` and all its descendants."""
    process = psutil.Process(root)
    return [process, *process.children(recursive=True)]


def cpu_seconds(root: int) -> float:
    """User and system time of the tree up to now, with children that have ended."""
    return sum(sum(times[:4]) for times in _of_each(root, psutil.Process.cpu_times))


def memory_bytes(root: int) -> int:
    """The proportional set size of the tree: a page shared by n processes counts 1/n in each."""
    return sum(memory.pss for memory in _of_each(root, psutil.Process.memory_full_info))


def stop(server: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a server to end; after ``patience`` seconds, or when it has ended, kill what is left of its processes."""
    descendants = tree(server.pid)[1:] if server.poll() is None else []
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    for process in descendants:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


def _of_each(root: int, read: Callable[[psutil.Process], T]) -> list[T]:
    """``read`` of each process that has not ended in the meantime."""
    values = []
    for process in tree(root):
        with suppress(psutil.NoSuchProcess):  # of which a zombie is a kind
            values.append(read(process))
    return values
