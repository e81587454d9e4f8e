"""The language of a page: the one that its address names, else the one that the browser prefers.

The templates are in English. ``heartapp/translations`` has a catalogue of messages for each other language.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, g, has_request_context, request
from werkzeug.routing import Rule

ENGLISH: Final = "en"
LANGUAGES: Final = {ENGLISH: "English", "zh": "中文", "es": "Español", "de": "Deutsch"}
"""Each language with its own name."""
COMMA: Final = frozenset({"es", "de"})
"""Those with a decimal comma. They also have a space before the per cent sign."""
FOLDER: Final = Path(__file__).parents[1] / "translations"
_TRANSLATED: Final = frozenset({"ui.index", "ui.predict", "ui.receipt", None})
"""The endpoints that answer in every language; None is an address that does not exist."""


def init_app(app: Flask) -> None:
    """Give the templates their messages, and each page an address in each language. Call it after the blueprints."""
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]  # the extension's
    environment.globals.update(languages=LANGUAGES, get_language=get_language, _=gettext)
    prefix = f"/<any({', '.join(LANGUAGES)}):language>"
    for rule in [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("ui.")]:
        app.url_map.add(Rule(prefix + rule.rule, endpoint=rule.endpoint, methods=rule.methods))


def get_language() -> str:
    """The language of this answer, chosen when it is first asked for."""
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = (_in_address() or _preferred()) if request.endpoint in _TRANSLATED else ENGLISH
    return str(g.language)


def drop_language(_endpoint: str | None, arguments: dict[str, Any] | None) -> None:
    """Spare the views the language of their address."""
    (arguments or {}).pop("language", None)


def _in_address() -> str | None:
    """The language that the address names, if any."""
    first = request.path.split("/", 2)[1]
    return first if first in LANGUAGES else None


def _preferred() -> str:
    """The language that the browser likes best: ``es`` for ``es-MX, en``, where Werkzeug's best match is ``en``."""
    tags = [tag.lower().partition("-")[0] for tag, quality in request.accept_languages if quality]
    return next((tag for tag in tags if tag in LANGUAGES), ENGLISH)


def keep_language(_endpoint: str, arguments: dict[str, Any]) -> None:
    """Keep the language of this page's address in its links."""
    if language := _in_address():
        arguments.setdefault("language", language)


def vary(response: Response) -> Response:
    """Say that the browser chose the language, unless the address did."""
    if not _in_address():
        response.vary.add("Accept-Language")
    return response


def gettext(message: str) -> str:
    """A message in the language of this answer."""
    return _catalogue(get_language()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The message for a count, in the language of this answer."""
    return _catalogue(get_language()).ngettext(one, many, count)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    with (FOLDER / f"{language}.mo").open("rb") as file:
        return GNUTranslations(file)
