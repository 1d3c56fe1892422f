"""The running system: one `pmo up` for all of these tests, as the processes that a user would have."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from services import topology
from services.local import privileges
from tests.system.instance import DIRECTOR, Caller, System, ended, entries, started
from tests.system.writes import Plan

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all tests of the running system in one process when they are spread over several."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("system"))


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The running system."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    data = parent / "data"
    try:
        process, answer = started(data)
        try:
            with httpx2.Client(base_url=answer["base_url"], timeout=30, trust_env=False) as client:
                yield System(answer["base_url"], data, client)
        finally:
            ended(process)
    finally:
        privileges.remove_home(data / "postgres")
        shutil.rmtree(parent)


@pytest.fixture(scope="module")
def unfailing(system: System) -> Iterator[None]:
    """Nothing that the module's tests do may make a service fail on its own side, by its log."""
    before = [path.stat().st_size for path in logs(system)]
    yield
    found = [line for path, size in zip(logs(system), before, strict=True) for line in failures(path, size)]
    assert not found, "\n".join(found)


def logs(system: System) -> list[Path]:
    """The logs of the services."""
    return [system.data / "logs" / f"{service}.log" for service in topology.SERVICES]


def failures(log: Path, begin: int) -> list[str]:
    """What a service's log tells, from a place on, of answers with a 5xx and of errors nobody foresaw."""
    return [
        f"{log.stem}: {json.dumps(entry)[:2000]}"
        for entry in entries(log, begin)
        if entry.get("level") == "error" or int(entry.get("status", 0)) >= 500
    ]


@pytest.fixture(scope="module")
def director(system: System) -> Caller:
    """The director of an organization of the module's own."""
    return system.as_(uuid.uuid4(), DIRECTOR, subject="director")


@pytest.fixture(scope="module")
def plan(director: Caller) -> Iterator[Plan]:
    """A project with a task in that organization, that no attack may change or add to."""
    made = Plan.make(director)
    before = made.state(director)
    yield made
    assert made.state(director) == before
