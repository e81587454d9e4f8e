"""The WSGI entry point: ``gunicorn wsgi:application``."""

from __future__ import annotations

import logging.config

from heartapp import create_app
from heartapp.config import read_settings
from heartapp.web import observe
from heartapp.web.extension import get_registry
from heartapp.web.logs import describe_logs

settings = read_settings()
logging.config.dictConfig(describe_logs(settings))
application = create_app(settings)
registry = get_registry(application)
registry.load()
registry.follow()
observe.start(application, settings)
