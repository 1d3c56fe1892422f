"""What every service's tests share."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.telemetry import configure_logging
from shared.testing.http import Keys


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """Log as in production: rendering tracebacks for people costs seconds each."""
    configure_logging("test", "warning")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Key files of a deployment of the tests' own."""
    folder: Path = tmp_path_factory.mktemp("keys")
    return Keys.make(folder)


@pytest.fixture
def organization() -> UUID:
    """An organization of the test's own."""
    return uuid4()
