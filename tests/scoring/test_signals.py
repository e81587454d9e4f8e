import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heartapp.scoring.signals import exit_on_signals

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_the_work_with_one_line_and_its_status(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)  # a second one does not interrupt the cleaning up
            cleaned.append(number)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, exit_on_signals("try again"):
        work()
    assert caught.value.code == 128 + number
    assert cleaned == [number]
    assert capsys.readouterr().err == f"Stopped by {number.name}: try again\n"
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("default_signals")
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with exit_on_signals("try again"):
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_reader_that_leaves_ends_the_command_without_a_word(rows: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [Path(sys.executable).with_name("heartapp"), "score", "-", "-"],
        input=b"age,ejection_fraction,serum_creatinine\n" + rows * b"62,35,1.4\n",
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
