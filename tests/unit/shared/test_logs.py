"""What a service writes to its log."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from shared.telemetry import configure_logging


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Logging as a service has it."""
    configure_logging("test", "info")
    yield
    configure_logging("test", "warning")


def logged(monkeypatch: pytest.MonkeyPatch, **fields: object) -> dict[str, object]:
    """What comes of one line."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    structlog.get_logger("a").info("said", **fields)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize("value", ["plain", "a\r\n{}", "\ud800", 2**70, ("a", 1)])
def test_a_line_is_one_json_object_whatever_is_said(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    found = logged(monkeypatch, value=value)
    assert (found["event"], found["service"], found["level"]) == ("said", "test", "info")
    assert found["value"] == (list(value) if isinstance(value, tuple) else value)


def test_an_exception_is_part_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        raise LookupError("gone")
    except LookupError:
        found = logged(monkeypatch, exc_info=True)
    assert "LookupError: gone" in str(found["exception"])


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A background loop that reports a failure would else die of it."""
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    structlog.get_logger("a").error("said")
