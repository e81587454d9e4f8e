"""Measure every contender in turn, round by round."""

import http.client
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from benchmarks import bundle, environments, processes
from benchmarks.contender import Contender
from benchmarks.environments import ContenderError
from benchmarks.load import load
from benchmarks.results import Result, Results, Round, machine
from benchmarks.servers import Server, serving

LOADED: Final = 1
"""The golden patient under load: one without cautions, which only heartapp gives."""
_WARM_UP_SECONDS: Final = 1
_MEGA: Final = 1e6


def measure(contenders: Sequence[Contender], rounds: int, seconds: int) -> Results:
    """Install the contenders and measure each in every round, each time with another one first."""
    pairs = [(one, prepare(one)) for one in contenders]
    for turn in range(rounds):
        print(f"Round {turn + 1} of {rounds}", file=sys.stderr)
        first = turn * len(pairs) // rounds
        for one, result in [*pairs[first:], *pairs[:first]]:
            if result.failure:
                continue
            try:
                result.rounds.append(measure_once(one, seconds))
            except (ContenderError, OSError, http.client.HTTPException) as failure:
                result.failure = str(failure)
            print(f"  {one.name:<17} {result.failure or _summary(result.rounds[-1])}", file=sys.stderr, flush=True)
    return Results(datetime.now(UTC).date().isoformat(), machine(), rounds, seconds, [result for _, result in pairs])


def prepare(one: Contender) -> Result:
    """Install a contender; its result so far."""
    result = Result(one.name, one.title, one.kind, environments.versions(one))
    try:
        environments.prepare(one)
        result.installed_mb = environments.installed_bytes(one) / _MEGA
    except ContenderError as failure:
        result.failure = str(failure)
        print(f"  {one.name:<17} {failure}", file=sys.stderr, flush=True)
    return result


def measure_once(one: Contender, seconds: int) -> Round:
    """Start a contender, check its answers, measure it under load, check its answers again.

    Raises:
        ContenderError: it does not start, or gives no right answer.
        OSError: it stopped answering.
    """
    patient, truth = bundle.golden()[LOADED]
    with serving(one, patient, truth) as server:
        errors = _wrong_answers(server)
        body = one.json.body(patient)
        right = server.post(body)
        errors += not one.json.is_right(right, truth)
        errors += load(server.url, body, right, _WARM_UP_SECONDS).errors
        before = processes.cpu_seconds(server.pid)
        loaded = load(server.url, body, right, seconds)
        cpu = processes.cpu_seconds(server.pid) - before
        memory = processes.memory_bytes(server.pid)
        errors += loaded.errors + _wrong_answers(server)
    return Round(
        requests_per_second=loaded.requests / loaded.seconds,
        cpu_us=_MEGA * cpu / max(loaded.requests, 1),
        p50_ms=loaded.p50_ms,
        p99_ms=loaded.p99_ms,
        ready_seconds=server.ready_seconds,
        memory_mb=memory / _MEGA,
        errors=errors,
    )


def _wrong_answers(server: Server) -> int:
    return sum(not server.is_right(patient, truth) for patient, truth in bundle.golden())


def _summary(done: Round) -> str:
    return f"{done.requests_per_second:,.0f} requests/s, {done.cpu_us:,.0f} µs CPU, {done.errors} wrong answers"
