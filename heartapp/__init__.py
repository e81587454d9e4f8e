"""heartapp: the risk that a patient with heart failure dies within 180 days. For research and education only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from heartapp.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application.

    Args:
        settings: what to run with; read from their sources where not given.

    Raises:
        ConfigError: a setting is unknown or ill-typed.
    """
    # Imported here so that `import heartapp` alone stays free of Flask: training and the command line need none.
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from heartapp import api, protocols, ui
    from heartapp.config import find, read_settings
    from heartapp.inference.registry import ModelRegistry
    from heartapp.ui import language
    from heartapp.web import access, assets, compression, extension, health, middleware, problems

    settings = settings or read_settings()
    app = Flask(__name__)
    app.request_class = middleware.MemoryRequest
    app.config.from_mapping(MAX_CONTENT_LENGTH=settings.max_body_bytes, TRUSTED_HOSTS=settings.trusted_hosts or None)
    # Every address has one form, so that no redirect is made of a Host header or a path that a client chose.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    keys = [find(key) for key in settings.trusted_keys]
    registry = ModelRegistry(find(settings.models), default=settings.default_model, served=settings.served, keys=keys)
    extension.init_app(app, settings, registry)
    middleware.init_app(app)
    assets.init_app(app)
    problems.init_app(app, page=ui.error_page, programs=protocols.ERRORS)
    for blueprint in (ui.blueprint, api.blueprint, *protocols.BLUEPRINTS, health.blueprint):
        app.register_blueprint(blueprint)
    language.init_app(app)
    access.init_app(app, settings)
    compression.init_app(app)
    if settings.trusted_proxies:
        # Around all else, so that everything in it sees the address and the scheme that the client used.
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore[method-assign]  # Flask documents wrapping it so
    return app
