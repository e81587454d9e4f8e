"""The contest: every contender in turn, round by round."""

from __future__ import annotations

import http.client
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks import batch, processes
from benchmarks.contender import WORKERS
from benchmarks.contenders.heartapp.contender import MOST_PATIENTS
from benchmarks.environments import SetupError, run
from benchmarks.load import CONNECTIONS, load
from benchmarks.machine import describe
from benchmarks.patients import draw, example, truths
from benchmarks.results import Figure, Result, Results, Round, figures
from benchmarks.servers import ServerError, serving, variables, workshop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contender import Contender

CHECKED: Final = 50
"""Patients that are asked for one by one before and after the load."""
_WARM_UP_SECONDS: Final = 1
_MEGA: Final = 1e6


class Contest:
    """Who is measured with which patients, and what has been seen so far."""

    def __init__(self, contenders: Sequence[Contender], seconds: int) -> None:
        self.contenders = list(contenders)
        self.seconds = seconds
        self.rounds: dict[str, list[Round]] = {one.name: [] for one in contenders}
        self.failures: dict[str, str] = {}
        self.in_process: list[float] = []
        self._patients = draw(MOST_PATIENTS)
        self._truths = truths(self._patients)

    def prepare(self) -> None:
        """Install and prepare what each needs; one that cannot be is told of and left out."""
        for one in self.contenders:
            try:
                one.environment.install()
                if one.prepare:
                    programs = one.environment.programs
                    run([str(programs / one.prepare[0]), *one.prepare[1:]], workshop(one), variables(one))
            except SetupError as failure:
                self._fail(one, f"cannot be installed here: {failure}")

    def play(self, rounds: int) -> None:
        """Measure everyone in each round, each time with another in front."""
        for turn in range(rounds):
            print(f"Round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
            first = turn * len(self.contenders) // rounds
            for one in [*self.contenders[first:], *self.contenders[:first]]:
                if one.name not in self.failures:
                    self._measure(one)
            self.in_process.append(batch.in_process(msgspec.json.encode(self._patients), len(self._patients)))

    def results(self, rounds: int) -> Results:
        """Everything that was seen."""
        return Results(
            date=datetime.now(UTC).date().isoformat(),
            machine=describe(),
            rounds=rounds,
            seconds=self.seconds,
            connections=CONNECTIONS,
            workers=WORKERS,
            batch_rows=len(self._patients),
            contenders=[self._result(one) for one in self.contenders],
            in_process_rows_per_second=Figure.of(self.in_process) if self.in_process else None,
        )

    def _measure(self, one: Contender) -> None:
        try:
            measured = self._round(one)
        except (ServerError, OSError, http.client.HTTPException) as failure:
            self._fail(one, str(failure))
            return
        self.rounds[one.name].append(measured)
        print(
            f"  {one.name:<15} {measured.requests_per_second:8,.0f} requests/s  {measured.cpu_ms:6.3f} ms CPU  "
            f"start {measured.start_seconds:5.2f} s  {measured.memory_mb:4.0f} MB  {measured.errors} errors",
            file=sys.stderr,
            flush=True,
        )

    def _round(self, one: Contender) -> Round:
        patient = example()
        (truth,) = truths([patient])
        checked = (self._patients[:CHECKED], self._truths[:CHECKED])
        with serving(one, patient, truth) as server:
            errors = server.wrong(*checked)
            body = one.body([patient])
            _, right = server.connection.post(body)
            errors += one.wrong(right, [truth])
            # The load has the server to itself; and one that sat idle might be ended by the server.
            server.connection.close()
            errors += load(server.url, body, right, _WARM_UP_SECONDS).errors
            before = processes.cpu_seconds(server.pid)
            loaded = load(server.url, body, right, self.seconds)
            cpu = processes.cpu_seconds(server.pid) - before
            memory = processes.memory_bytes(server.pid)
            rows_per_second, wrong = batch.served(server, self._patients, self._truths) if one.many else (None, 0)
            errors += loaded.errors + wrong + server.wrong(*checked)
        return Round(
            requests_per_second=loaded.requests / loaded.seconds,
            p50_ms=loaded.p50_ms,
            p99_ms=loaded.p99_ms,
            cpu_ms=1_000 * cpu / max(loaded.requests, 1),
            start_seconds=server.start_seconds,
            memory_mb=sum(memory) / _MEGA,
            worker_memory_mb=max(memory, default=0) / _MEGA,
            batch_rows_per_second=rows_per_second,
            errors=errors,
        )

    def _result(self, one: Contender) -> Result:
        installed = (one.environment.folder / "installed").is_file()
        return Result(
            name=one.name,
            title=one.title,
            kind=one.kind,
            versions=one.environment.versions() if installed else {},
            installed_mb=one.environment.installed_bytes() / _MEGA if installed else 0,
            figures=figures(self.rounds[one.name]),
            errors=sum(measured.errors for measured in self.rounds[one.name]),
            failure=self.failures.get(one.name),
        )

    def _fail(self, one: Contender, reason: str) -> None:
        self.failures[one.name] = reason
        print(f"  {one.name}: {reason}", file=sys.stderr, flush=True)
