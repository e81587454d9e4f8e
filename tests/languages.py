"""The catalogues of messages. `python -m tests.languages`, as `make translations` runs it, renews them from the code.

It takes new messages into the ``.po`` files, drops those that are gone, marks as fuzzy what only resembles an old
message, and compiles the ``.mo`` files, which heartapp reads.
"""

import re
from collections.abc import Iterator
from gettext import NullTranslations
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from heartapp.clinical.variables import CHOICES, VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.ui.forms import NOT_KNOWN, OPTIONS
from heartapp.ui.language import ENGLISH, FOLDER, LANGUAGES
from heartapp.web.problems import DETAILS

PACKAGE: Final = Path(__file__).parents[1] / "heartapp"
TRANSLATED: Final = [language for language in LANGUAGES if language != ENGLISH]
_METHODS: Final = [("templates/**", "jinja2"), ("clinical/**.py", "python"), ("ui/**.py", "python")]
# The errors of `heartapp.clinical.numbers` hold whole sentences.
_KEYWORDS: Final = {**DEFAULT_KEYWORDS, "NumberTextError": None, "AmbiguousNumberError": None}
_RENAMED: Final = {"Request Entity Too Large", "Content Too Large"}
"""What older and newer Pythons call status 413."""
_TEMPLATES: Final = {"templates/**": {"silent": "false"}}


def _declared() -> Iterator[tuple[str, str]]:
    """File and text of each message that is declared with what it names."""
    for variable in (*VARIABLES, *OPTIONS):
        units = variable.common_units or ([variable.unit] if variable.unit else [])
        yield from (("clinical/variables.py", text) for text in (variable.label, variable.help, *units) if text)
    yield from (("clinical/variables.py", label) for kind in CHOICES.values() for _, label in kind)
    yield "ui/forms.py", NOT_KNOWN[1]
    yield from (("inference/bundle.py", member.replace("_", " ")) for member in MEMBERS)
    phrases = {HTTPStatus(status).phrase for status in DETAILS} | _RENAMED
    yield from (("web/problems.py", text) for text in sorted({*phrases, *DETAILS.values()}))


def messages() -> Catalog:
    """All messages of the code."""
    catalog = Catalog(project="heartapp", fuzzy=False)
    found = extract_from_dir(PACKAGE, _METHODS, _TEMPLATES, _KEYWORDS)
    for file, _, message, _, context in found:
        catalog.add(message, locations=[(file, 0)], context=context)
    for file, text in _declared():
        catalog.add(text, locations=[(file, 0)])
    return catalog


def read(language: str) -> Catalog:
    """The committed catalogue of a language."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, language)


def forms(text: object) -> list[str]:
    """One text of a message, or one for each plural."""
    return [*text] if isinstance(text, list | tuple) else [str(text)]


def compiled(catalog: Catalog) -> bytes:
    """What the ``.mo`` file of a catalogue holds."""
    content = BytesIO()
    write_mo(content, catalog)
    return content.getvalue()


class Pseudo(NullTranslations):
    """A language for tests: its messages are in brackets, and their vowels are doubled, as if words were longer."""

    def gettext(self, message: str) -> str:
        """The message, in brackets."""
        longer = re.sub(
            r"%\(\w+\)[sd]|\{\w+\}|<[^>]+>|[aeiou]", lambda part: part[0] * (1 + (len(part[0]) == 1)), message
        )
        return f"⟦{longer}⟧"

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The message for a count, in brackets."""
        return self.gettext(one if count == 1 else many)

    @staticmethod
    def rest(text: str) -> str:
        """The words of a text outside of brackets, which are not translated."""
        while text != (text := re.sub("⟦[^⟦⟧]*⟧", "", text)):
            pass
        return " ".join(re.findall(r"[^\W\d_]+", text))


def renew(language: str) -> None:
    """Bring the files of one language up to date."""
    path = FOLDER / f"{language}.po"
    catalog = read(language) if path.exists() else Catalog(language)
    catalog.update(messages(), update_creation_date=False)
    with path.open("wb") as file:
        write_po(file, catalog, width=120, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    path.with_suffix(".mo").write_bytes(compiled(read(language)))


if __name__ == "__main__":
    for _language in TRANSLATED:
        renew(_language)
