"""`pmo up` with the real services: ready in time, the token works, and nothing is left afterwards."""

import json
import os
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local import privileges
from services.local.process import started_at
from tests.system.instance import ended, started

READY_SECONDS = 15


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data folder that was used once, so that the next start is a warm one."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    data = parent / "data"
    process, _ = started(data, "--demo")
    ended(process)
    yield data
    privileges.remove_home(data / "postgres")
    shutil.rmtree(parent)


def get(url: str, token: str | None = None) -> tuple[int, dict[str, object]]:
    """The status and the JSON of a GET."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def test_a_warm_start_is_ready_in_time_with_the_demo_unchanged_and_ends_without_a_trace(data: Path) -> None:
    began = time.monotonic()
    process, answer = started(data, "--demo")
    ready = time.monotonic() - began
    # Where others keep the machine busy, a start has only its share of it.
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    pids = {name: child["pid"] for name, child in json.loads((data / "run/children.json").read_text()).items()}
    me, who = get(f"{answer['base_url']}/v1/me", answer["token"])
    refused, problem = get(f"{answer['base_url']}/v1/me")
    listed, page = get(f"{answer['base_url']}/v1/projects", answer["token"])
    began = time.monotonic()
    assert ended(process) == (0, "", "")
    assert time.monotonic() - began < 10
    assert {name for name, pid in pids.items() if started_at(pid) is not None} == set()
    assert (me, refused, listed) == (200, 401, 200), (who, problem, page)
    items = page["items"]
    assert isinstance(items, list)
    assert len(items) == 1
    assert ready < READY_SECONDS * crowd


def test_everything_that_is_killed_comes_back(data: Path) -> None:
    process, answer = started(data)
    log = data / "logs/pmo.log"
    said_before = len(log.read_text())
    names = ("postgres", "nats", "projects", "resources", "kpi", "gateway")
    try:
        children = json.loads((data / "run/children.json").read_text())
        for name in names:
            os.kill(children[name]["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not all(f"{name} is ready again" in log.read_text()[said_before:] for name in names):
            assert time.monotonic() < deadline, log.read_text()[said_before:]
            time.sleep(0.1)
        status, page = get(f"{answer['base_url']}/v1/projects", answer["token"])
        assert status == 200, page
    finally:
        ended(process)
