"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, request, url_for

_FOR_EVER: Final = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    """Give the templates ``asset_url``, and let browsers keep what such an address names."""
    folder = Path(str(app.static_folder))

    @lru_cache(maxsize=64)
    def digest(filename: str) -> str:
        return hashlib.sha256((folder / filename).read_bytes()).hexdigest()[:12]

    @app.template_global()
    def asset_url(filename: str) -> str:
        return url_for("static", filename=filename, v=digest(filename))

    def static(filename: str) -> Response:
        response = app.send_static_file(filename)
        # While replicas of two releases run, this one also gets requests for the other's files. A browser must not
        # keep its file under such an address.
        if request.args.get("v") == digest(filename):
            response.headers["Cache-Control"] = _FOR_EVER
        return response

    app.view_functions["static"] = static
