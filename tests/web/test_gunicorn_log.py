"""What gunicorn's log says of requests: never what they contain."""

import pytest
from gunicorn.config import Config

from heartapp.web.gunicorn_log import Logger


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Logger:
    """The log at its most talkative, with a test's eyes on it."""
    config = Config()
    config.set("loglevel", "debug")
    log = Logger(config)
    log.error_log.handlers = [caplog.handler]
    return log


def test_an_invalid_request_is_logged_without_what_is_invalid(log: Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("Invalid request from ip=192.0.2.1: Invalid HTTP method: '61.7319'")
    log.warning("Worker (pid:%s) was sent %s!", 7, "SIGTERM")
    log.debug("Ignored premature client disconnection. %s", ValueError("61.7319"))
    assert caplog.messages == [
        "Invalid request from ip=192.0.2.1",
        "Worker (pid:7) was sent SIGTERM!",
        "Ignored premature client disconnection. ValueError",
    ]


@pytest.mark.parametrize(
    ("message", "quoted"), [("Error handling request /?age=61.7319", False), ("Exception in worker process", True)]
)
def test_an_error_in_a_request_is_logged_without_its_message(
    log: Logger, caplog: pytest.LogCaptureFixture, message: str, *, quoted: bool
) -> None:
    try:
        raise ValueError("61.7319"[:])  # noqa: TRY301 - in the frame that the log must name
    except ValueError:
        log.exception(message)
    assert __file__ in caplog.text
    assert "ValueError" in caplog.text
    assert ("ValueError: 61.7319" in caplog.text) is quoted
