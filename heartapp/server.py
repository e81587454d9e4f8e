"""`heartapp serve`: gunicorn where it runs, waitress on Windows."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from heartapp.config import home, load_settings


def serve(host: str, port: int, workers: int | None) -> None:
    """Check the settings, then become the server. A development machine gets a secret key of its own first.

    Raises:
        ConfigError: a setting is wrong; nothing was started.
    """
    settings = load_settings(make_key=True)
    print(f"heartapp ({settings.environment}): http://{_bracketed(host)}:{port}/  (Ctrl-C stops it)", flush=True)  # noqa: T201 - the one line an operator waits for
    if sys.platform == "win32":
        serve_waitress(host, port)
    else:
        exec_gunicorn(host, port, workers)


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
