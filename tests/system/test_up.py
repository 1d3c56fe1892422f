"""`pmo up` with the real services: ready in time, the token works, and nothing is left afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local import privileges
from services.local.demo import EXAMPLE_PLAN
from services.local.process import started_at

READY_SECONDS = 15


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data folder that was used once, so that the next start is a warm one."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    data = parent / "data"
    process, _ = started(data)
    ended(process)
    yield data
    privileges.remove_home(data / "postgres")
    shutil.rmtree(parent)


def started(data: Path, *flags: str) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """A `pmo up` that is ready, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "services", "up", "--json", "--port", "0", "--data", str(data), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate()[1])
    answer: dict[str, str] = json.loads(line)
    return process, answer


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """End a `pmo up` by SIGTERM; its exit code and the rest of what it said."""
    process.terminate()
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def get(url: str, token: str | None = None) -> tuple[int, dict[str, object]]:
    """The status and the JSON of a GET."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def test_a_warm_start_is_ready_in_time_and_ends_without_a_trace(data: Path) -> None:
    began = time.monotonic()
    process, answer = started(data)
    ready = time.monotonic() - began
    pids = {name: child["pid"] for name, child in json.loads((data / "run/children.json").read_text()).items()}
    status, me = get(f"{answer['base_url']}/v1/me", answer["token"])
    refused, problem = get(f"{answer['base_url']}/v1/me")
    began = time.monotonic()
    assert ended(process) == (0, "", "")
    assert time.monotonic() - began < 10
    assert (status, refused, problem["code"]) == (200, 401, "unauthenticated"), me
    assert {name for name, pid in pids.items() if started_at(pid) is not None} == set()
    assert ready < READY_SECONDS


def test_every_service_that_is_killed_comes_back(data: Path) -> None:
    process, answer = started(data)
    try:
        for name in ("projects", "resources", "kpi", "gateway", "postgres", "nats"):
            children = json.loads((data / "run/children.json").read_text())
            os.kill(children[name]["pid"], signal.SIGKILL)
            deadline = time.monotonic() + 30
            log = data / "logs/pmo.log"
            while f"{name} is ready again" not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        deadline = time.monotonic() + 15
        while get(f"{answer['base_url']}/v1/projects", answer["token"])[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        ended(process)


@pytest.mark.skipif(not EXAMPLE_PLAN.exists(), reason="the example plan is not there yet")
def test_the_demo_can_be_loaded_again_and_stays_one_project(data: Path) -> None:
    for _ in range(2):
        process, answer = started(data, "--demo")
        try:
            status, page = get(f"{answer['base_url']}/v1/projects", answer["token"])
        finally:
            ended(process)
        assert status == 200
        items = page["items"]
        assert isinstance(items, list)
        assert len(items) == 1
