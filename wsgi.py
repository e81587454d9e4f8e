"""The WSGI entry point: ``gunicorn wsgi:application``."""

from __future__ import annotations

from heartapp import create_app

application = create_app()
