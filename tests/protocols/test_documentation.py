"""The examples of docs/protocols.md print what it shows; tests/test_readme.py runs the one with curl."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from heartapp.protocols.oip import OUTPUTS
from heartapp.protocols.shared import SHOWN
from heartapp.protocols.tensors import TABLE
from tests.server.running import Server

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("script", "printed"), EXAMPLES, ids=["tritonclient", "requests"])
def test_an_example_prints_what_the_document_shows(
    server: Server, run_python: Callable[..., str], script: str, printed: str
) -> None:
    assert run_python(script.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")) == printed


def test_the_document_names_what_is_sent_and_answered() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in (TABLE, *OUTPUTS))
    assert f"the first {SHOWN} faults" in DOCUMENT
