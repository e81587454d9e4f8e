"""Downloading the table, from a server on loopback."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartapp.errors import DataError
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.download import download_table


@contextmanager
def mirror(content: bytes) -> Iterator[str]:
    """The address of a server that has ``content`` under /data.csv and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/data.csv" else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/data.csv"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of the test's own, and no proxy for loopback."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def test_a_downloaded_table_is_found_again_without_the_server(cohort: Path, cache: Path, table: Cohort) -> None:
    with mirror(cohort.read_bytes()) as url:
        assert read_table(download_table(url)).digest == table.digest
        download_table(url.replace("127.0.0.1", "localhost"))
    assert len([*cache.rglob("*.csv")]) == 2  # one for each address
    assert read_table(download_table(url)).digest == table.digest


def test_a_failed_download_says_what_to_do_without_a_network(cache: Path) -> None:
    with mirror(b"") as url:
        absent = f"{url}.gz"
        with pytest.raises(DataError, match=r"could not be downloaded \(HTTPError\)"):
            download_table(absent)
    with pytest.raises(DataError, match=r"could not be downloaded \(ConnectionError\)") as caught:
        download_table(url)
    message = str(caught.value)
    assert message.startswith(url)
    assert "`heartapp train --data PATH`" in message
    assert not [*cache.rglob("*.csv")]


def test_a_page_in_the_place_of_the_table_is_refused_and_not_kept(cache: Path) -> None:
    with mirror(b"<html>Please log in.</html>") as url, pytest.raises(DataError, match="missing"):
        download_table(url)
    assert not [*cache.rglob("*.csv")]
