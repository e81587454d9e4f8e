"""`heartapp serve`: gunicorn where it runs, waitress on Windows."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Final, NoReturn

from heartapp.config import home, load_settings
from heartapp.errors import ConfigError

_NO_ADDRESS: Final = (
    "--host {host} is no address of this machine; take 127.0.0.1 for this machine alone, or 0.0.0.0 for every network "
    "it is in"
)
_HOW: Final = "with --port, or PORT= for `make run`"
_REFUSALS: Final = {
    errno.EADDRINUSE: f"port {{port}} is in use at {{host}}; stop what listens there, or name another {_HOW}",
    errno.EACCES: f"port {{port}} may not be used without special rights; name one from 1024 up {_HOW}",
    errno.EADDRNOTAVAIL: _NO_ADDRESS,
}
"""What a person can do about an address that cannot be listened on."""


def serve(host: str, port: int, workers: int | None) -> None:
    """Check the settings, then become the server. A development machine gets a secret key of its own first.

    Raises:
        ConfigError: a setting is wrong, or nothing can listen there; nothing was started.
    """
    settings = load_settings(make_key=True)
    check_address(host, port)
    print(f"heartapp ({settings.environment}): http://{_bracketed(host)}:{port}/  (Ctrl-C stops it)", flush=True)  # noqa: T201 - the one line an operator waits for
    if sys.platform == "win32":
        serve_waitress(host, port)
    else:
        exec_gunicorn(host, port, workers)


def check_address(host: str, port: int) -> None:
    """See whether the address is free before a server is started that would try for seconds and tell less.

    Raises:
        ConfigError: nothing can listen there; says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if sys.platform != "win32":  # There two servers could then share a port; elsewhere gunicorn does the same.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (socket.gaierror, UnicodeError):
        raise ConfigError(_NO_ADDRESS.format(host=host)) from None
    except OSError as error:
        told = _REFUSALS.get(error.errno or 0, f"nothing can listen on port {{port}} of {{host}}: {error.strerror}")
        raise ConfigError(told.format(host=host, port=port)) from None


def exec_gunicorn(host: str, port: int, workers: int | None) -> NoReturn:
    """Replace this process by gunicorn, so that signals reach it without a go-between."""
    arguments = ["--config", str(home() / "gunicorn.conf.py"), "--chdir", str(home())]
    arguments += ["--bind", f"{_bracketed(host)}:{port}", *(["--workers", str(workers)] if workers else [])]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments])  # noqa: S606 - our own interpreter, no shell


def serve_waitress(host: str, port: int) -> None:
    """Serve from this process until it is interrupted."""
    import waitress  # noqa: PLC0415 - installed on Windows alone

    from heartapp import create_app  # noqa: PLC0415 - gunicorn's workers make their own
    from heartapp.web.extension import get_registry  # noqa: PLC0415 - the same

    app = create_app()
    get_registry(app).load()
    waitress.serve(app, host=host, port=port, ident=None)


def _bracketed(host: str) -> str:
    """An IPv6 address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
