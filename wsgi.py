"""The WSGI entry point: ``gunicorn wsgi:application``."""

from __future__ import annotations

from heartapp import create_app
from heartapp.web.extension import get_registry

application = create_app()
registry = get_registry(application)
registry.load()
registry.follow()
