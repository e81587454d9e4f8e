"""The catalogues of messages are complete, and what they and the numbers of a language make of the page."""

import re
from gettext import GNUTranslations
from io import BytesIO

import pytest
from babel.numbers import format_decimal, format_percent
from flask import Flask
from flask.testing import FlaskClient

from heartapp.clinical.variables import BY_NAME
from heartapp.ui import language as languages
from heartapp.ui.language import FOLDER, LANGUAGES
from heartapp.ui.writing import fixed, percent, quantity
from tests.client import Page, entries, text
from tests.languages import TRANSLATED, Pseudo, compiled, forms, messages, read

EVERYTHING = {**entries(), "threshold": "5", "horizon": "47", "kept": "model=bedside&age=90&ejection_fraction=20"}
STATES = {
    "empty": {},
    "result": {**EVERYTHING, "kept": EVERYTHING["kept"] + "&serum_creatinine=1.41", "platelets": ""},
    "unfamiliar": {**entries(), "age": "110", "serum_creatinine": "168 µmol/L"},
    "follow-up": entries("followup"),
    "faults": {"age": "1,250", "ejection_fraction": "0.35", "serum_creatinine": "38", "serum_sodium": "2 miles"},
}
SAID = ("aria-label", "aria-valuetext", "data-announcement", "data-done", "data-steps", "content", "title")
# Names, and what has no words: A and B, the address of a probe, the digest, the time.
NAMES = re.compile(rf"heartapp|API|(?<![a-z])[AB]+(?![a-z])|UTC|sha256:\w+|{'|'.join(LANGUAGES.values())}")

every_translation = pytest.mark.parametrize("language", TRANSLATED)


@every_translation
def test_every_message_is_translated_and_no_translation_is_unused_or_stale(language: str) -> None:
    catalog, wanted = read(language), messages()
    assert {message.id for message in catalog} == {message.id for message in wanted}, "run `make translations`"
    for message in catalog:
        assert not message.fuzzy, message.id
        assert all(forms(message.string)) or not message.id, message.id


@every_translation
def test_a_translation_has_the_placeholders_and_the_markup_of_its_message(language: str) -> None:
    parts = re.compile(r"%%|%\(\w+\)[sd]|\{\w+\}|</?\w+>|[|\"<>&]")
    for message in filter(lambda one: one.id, read(language)):
        strings, wanted = forms(message.string), {*parts.findall(forms(message.id)[-1])}
        assert {*parts.findall(strings[-1])} == wanted, message.id
        assert all({*parts.findall(one)} <= wanted for one in strings), message.id


@every_translation
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    with (FOLDER / f"{language}.mo").open("rb") as file:
        committed, made = GNUTranslations(file)._catalog, GNUTranslations(BytesIO(compiled(read(language))))._catalog  # type: ignore[attr-defined]  # what they hold is private
    assert {**committed, "": ""} == {**made, "": ""}, "run `make translations`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_written_as_in_unicodes_locale_data(app: Flask, language: str) -> None:
    with app.test_request_context(f"/{language}/"):
        app.preprocess_request()
        assert fixed(1.25) == format_decimal(1.25, locale=language)
        assert percent(0.35) == format_percent(0.35, locale=language)
        assert quantity(35, BY_NAME["ejection_fraction"]) == percent(0.35)


def test_every_language_understands_a_decimal_comma_and_gives_the_same_numbers(client: FlaskClient) -> None:
    fields = {**entries(), "serum_creatinine": "1,85", "age": "70,5"}
    pages = [Page(client.post(f"/{language}/predict", data=fields).text) for language in LANGUAGES]
    pointed = {**fields, "serum_creatinine": "1.85", "age": "70.5"}
    wanted = sorted(Page(client.post("/predict", data=pointed).text).numbers())
    assert [sorted(page.numbers()) for page in pages] == [wanted] * len(LANGUAGES)


@pytest.mark.parametrize("state", STATES)
def test_every_word_of_the_page_is_a_message(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(languages, "_catalogue", lambda _: Pseudo())
    for answer in (
        client.post("/predict", data={"model": "followup" if state == "follow-up" else "bedside", **STATES[state]}),
        client.post(
            "/receipt",
            data={"format": "text", "entries": "model=bedside&age=110&ejection_fraction=35&serum_creatinine=1.4"},
        ),
        client.get("/none"),
    ):
        said = [answer.text]
        if answer.mimetype == "text/html":
            page = Page(answer.text)
            attributes = [
                element.get(name, "")
                for element in page.root.iter()
                for name in SAID
                if element.get("name") not in {"viewport", "color-scheme", "htmx-config"}
            ]
            said = [text(page.root), *(part.partition("|")[2] or part for one in attributes for part in one.split(";"))]
        assert [rest for one in said if (rest := Pseudo.rest(NAMES.sub("", one)))] == []
