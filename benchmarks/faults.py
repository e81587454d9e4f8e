"""What faults cost: ``python -m benchmarks.faults kill 20``, the name of a fault and for how many seconds (Linux).

Each starts real servers, does harm to them while they are asked, and prints what came of it; docs/reliability.md has
the figures. Those that mount something do so in a namespace of their own, which needs root.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from benchmarks import hostile
from benchmarks.load import CONNECTIONS, load
from tests.server.nginx import Replica, balancing, free_port
from tests.server.running import BODY, GUNICORN, JSON, PROGRAMS, ROOT, Server, make_home, running, wait_until
from tests.server.test_activation import ACTIVATE


def ask(server: Server) -> int:
    """The status of one prediction."""
    return server.request("POST", "/api/v1/predict", BODY, JSON).status


def under_load(server: Server, seconds: int, harm: Callable[[], object], connections: int = CONNECTIONS) -> str:
    """Let wrk ask for so many seconds, while harm is done again and again."""
    right = server.request("POST", "/api/v1/predict", BODY, JSON).body
    end, number = time.monotonic() + seconds - 3, 0
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(load, f"{server.url}/api/v1/predict", BODY, right, seconds, connections)
        while time.monotonic() < end:
            harm()
            number += 1
        found = asked.result()
    return f"{number} times, {found.requests:,} requests, {found.errors} failed, p99 {found.p99_ms:.1f} ms"


def connections(folder: Path, seconds: int) -> None:
    """300 connections at once."""
    for name, command in PROGRAMS.items():
        with running(make_home(folder / name), command=command) as server:
            print(name, under_load(server, seconds, partial(time.sleep, 1), 300))


def through_nginx(folder: Path, seconds: int, end: Callable[[Replica], object]) -> None:
    """End one of two replicas every two seconds, in turn, and start it again."""
    with ExitStack() as stack:
        replicas = Replica(make_home(folder / "one")), Replica(make_home(folder / "two"))
        for replica in replicas:
            stack.callback(replica.stop)
        turns = cycle(replicas)

        def harm() -> None:
            replica = next(turns)
            end(replica)
            replica.start()
            time.sleep(2)

        print(under_load(stack.enter_context(balancing(folder / "nginx", replicas)), seconds, harm))


def stop(folder: Path, seconds: int) -> None:
    """SIGTERM to a server behind nginx."""
    through_nginx(folder, seconds, Replica.stop)


def kill(folder: Path, seconds: int) -> None:
    """SIGKILL to all processes of a server behind nginx."""
    through_nginx(folder, seconds, Replica.kill)


def restart(folder: Path, seconds: int) -> None:
    """Restart gunicorn, whose socket stays open, every two seconds."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        command = (sys.executable, "-c", ACTIVATE, str(listener.fileno()), *GUNICORN[:-2])
        start = partial(running, make_home(folder / "home"), command=command, pass_fds=(listener.fileno(),))
        servers = [stack.enter_context(start())]

        def harm() -> None:
            time.sleep(2)
            servers[-1].stop()
            servers.append(stack.enter_context(start()))

        print(under_load(servers[0], seconds, harm))


def redis(folder: Path, seconds: int) -> None:
    """Kill the Redis that counts requests."""
    port = free_port()
    with subprocess.Popen(["redis-server", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL) as counter:

        def end() -> None:
            time.sleep(1)
            counter.kill()

        limit, storage = "100000000/minute", f"redis://127.0.0.1:{port}"
        home = make_home(folder / "home")
        with running(home, HEARTAPP_RATE_LIMIT=limit, HEARTAPP_RATE_LIMIT_STORAGE=storage) as server:
            print(under_load(server, seconds, end))


@contextmanager
def surrounded(folder: Path, name: str, prepare: str) -> Iterator[Server]:
    """A server that starts after these shell commands, in a namespace of mounts of its own."""
    port, home = str(free_port()), make_home(folder / name)
    command, address = PROGRAMS[name], {"granian": ("--port", port), "gunicorn": ("-b", f"127.0.0.1:{port}")}[name]
    script = f'echo heartapp: http://127.0.0.1:{port}; {prepare.replace("FOLDER", str(home))} exec "$@" '
    start = ("unshare", "-m", "sh", "-ec", script, "sh", *command[:-2], *address)
    with running(home, command=start) as server:
        wait_until(server.answers, "the server answers")
        yield server


def confine(folder: Path, prepare: str) -> None:
    """Start each server after these commands, and ask it."""
    for name in PROGRAMS:
        with surrounded(folder, name, prepare) as server:
            statuses = Counter(ask(server) for _ in range(100))
            print(f"{name}: /readyz {server.get('/readyz').status}, predictions {dict(statuses)}")


def read_only(folder: Path, _seconds: int) -> None:
    """A root file system on which nothing can be written; gunicorn has its temporary file in memory."""
    confine(folder, "mount -o remount,ro,bind /; ! touch FOLDER/x; export TMPDIR=/dev/shm;")


def shm_read_only(folder: Path, _seconds: int) -> None:
    """Shared memory that cannot be written."""
    confine(folder, "mount -t tmpfs -o ro none /dev/shm; ! touch /dev/shm/x;")


def shm_missing(folder: Path, _seconds: int) -> None:
    """No /dev/shm at all."""
    bind = "for one in null urandom; do touch FOLDER/dev/$one; mount --bind /dev/$one FOLDER/dev/$one; done;"
    mount = "mkdir FOLDER/dev; mount -t tmpfs none FOLDER/dev;"
    confine(folder, f"{mount} {bind} mount --move FOLDER/dev /dev; ! ls -d /dev/shm;")


def disk_full(folder: Path, _seconds: int) -> None:
    """A log, and then a folder of bundles, for which there is no space."""
    confine(folder, "exec >/dev/full;")
    script = """
    mkdir $0/full; mount -t tmpfs -o size=8m none $0/full; cp -r $1/models $0/full; cat /dev/zero >$0/full/rest || true
    HEARTAPP_HOME=$0/full heartapp models promote followup 2 || echo refused
    cmp $1/models/served.toml $0/full/models/served.toml; ls -A $0/full/models
    """
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["unshare", "-m", "sh", "-ec", script, folder, ROOT], check=True, env=environ)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        (globals() | vars(hostile))[sys.argv[1]](Path(place), int("".join(sys.argv[2:]) or 10))
