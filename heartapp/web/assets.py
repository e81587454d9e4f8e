"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import url_for

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask) -> None:
    """Give the templates ``asset_url``."""
    folder = Path(str(app.static_folder))

    @cache
    def digest(filename: str) -> str:
        return hashlib.sha256((folder / filename).read_bytes()).hexdigest()[:12]

    @app.template_global()
    def asset_url(filename: str) -> str:
        return url_for("static", filename=filename, v=digest(filename))
