"""The README is true: its examples are run, its figures are the reports', what it names is there."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from heartapp import create_app
from heartapp.config import Settings
from heartapp.errors import MOST_FAULTS

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text("utf-8")
API: Final = (ROOT / "docs" / "api.md").read_text("utf-8")
PROTOCOLS: Final = (ROOT / "docs" / "protocols.md").read_text("utf-8")
EXAMPLES: Final = re.findall(
    r"```console\n\$ (curl [^`]*?)\n```\n\n```json\n(.*?)\n```", README + API + PROTOCOLS, re.DOTALL
)
TABLE: Final = re.findall(r"```console\n\$ (curl [^`]*?)\n```\n\n```csv\n(.*?)\n```", API, re.DOTALL)


def ask(command: str) -> TestResponse:
    """Send to the application what a curl command would send to its address."""
    words = shlex.split(command)
    address = urlsplit(next(word for word in words if word.startswith("http")))
    body = words[next(index for index, word in enumerate(words) if word in {"-d", "--data-binary"}) + 1]
    header, _, value = words[words.index("-H") + 1].partition(": ")
    app = create_app(Settings())
    headers = {header: value, "X-Request-ID": "9f86d081884c7d65"}
    return app.test_client().post(f"{address.path}?{address.query}", data=body, headers=headers)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_an_example_prints_what_the_document_shows(command: str, printed: str) -> None:
    shown: dict[str, Any] = json.loads(printed)
    assert ask(command).get_json() == shown


def test_the_example_of_a_table_prints_what_the_document_shows() -> None:
    ((command, printed),) = TABLE
    assert ask(command).text == printed + "\n"


def test_every_make_target_that_the_documents_name_is_in_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    documents = [(ROOT / name).read_text("utf-8") for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
    named = {name for text in documents for name in re.findall(r"(?:`|\$ )make ([a-z]+)", text)}
    assert named
    assert named <= set(targets)


def test_every_file_that_the_documents_link_or_name_is_there() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        linked = re.findall(r"\]\(((?!https?:)[^)#]+)\)", document.read_text("utf-8"))
        assert [path for path in linked if not (document.parent / path).exists()] == []
    named = re.findall(r"`((?:heartapp|tests|config|requirements)/[\w/.]+)`", README)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_limits_of_a_request_are_those_of_the_settings() -> None:
    settings = Settings()
    assert settings.max_body_bytes == 4 * 2**20
    assert f"at most {settings.max_patients:,} patients and 4 MiB" in API.replace("\n", " ")
    assert f"the first {MOST_FAULTS:,}" in API.replace("\n", " ")
