"""`pmo up` as a process, with real servers and stand-in services: how it starts, minds its children, and ends."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services import topology
from services.local import privileges
from services.local.process import started_at
from tests.unit.local import stand_in

CHILDREN = {"postgres", "nats", *topology.SERVICES}


@dataclass
class Up:
    """A running `pmo up`."""

    process: "subprocess.Popen[str]"
    data: Path

    def ready(self) -> dict[str, str]:
        """The line of JSON that it says when everything is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1] + (self.data / "logs/pmo.log").read_text()
        answer: dict[str, str] = json.loads(line)
        return answer

    def children(self) -> dict[str, int]:
        """The process ids of its children."""
        known = json.loads((self.data / "run/children.json").read_text())
        return {name: child["pid"] for name, child in known.items()}

    def said(self) -> str:
        """What it wrote to its own log."""
        return (self.data / "logs/pmo.log").read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """End it by a signal; its exit code and the rest of what it said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that is gone afterwards, also where root's PostgreSQL keeps its part."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    privileges.remove_home(parent / "data" / "postgres")
    shutil.rmtree(parent)


@pytest.fixture
def start(data: Path) -> Iterator["Starter"]:
    """Start instances; whatever still runs at the end is ended."""
    starter = Starter(data)
    yield starter
    for up in starter.started:
        if up.process.poll() is None:
            up.process.terminate()
            up.process.communicate(timeout=20)
        for stream in (up.process.stdout, up.process.stderr):
            if stream is not None:
                stream.close()


class Starter:
    """Starts `pmo up` on the test's folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.started: list[Up] = []

    def __call__(self, *flags: str, port: int = 0, broken: str = "") -> Up:
        process = subprocess.Popen(
            [sys.executable, stand_in.__file__, "up", str(self.data), str(port), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"STAND_IN_BROKEN": broken, "PMO_FOREIGN": "from the shell"},
            start_new_session=True,
        )
        self.started.append(Up(process, self.data))
        return self.started[-1]


def whoami(base_url: str) -> dict[str, int | list[str]]:
    """What the stand-in gateway says of itself."""
    with urllib.request.urlopen(f"{base_url}/whoami", timeout=5) as answer:
        known: dict[str, int | list[str]] = json.loads(answer.read())
        return known


def alive(pids: dict[str, int]) -> set[str]:
    """Which of these processes run."""
    return {name for name, pid in pids.items() if started_at(pid) is not None}


def within(seconds: float, condition: object) -> bool:
    """Whether a condition comes true in time."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_it_says_one_line_of_json_when_ready_and_nothing_else(start: Starter) -> None:
    up = start("--json")
    answer = up.ready()
    assert set(answer) == {"base_url", "docs_url", "token"}
    assert answer["docs_url"].startswith(answer["base_url"])
    assert whoami(answer["base_url"])["pid"] == up.children()["gateway"]
    assert up.end() == (0, "", "")


def test_without_json_it_shows_addresses_a_token_and_the_services_logs(start: Starter) -> None:
    up = start()
    assert up.process.stdout is not None
    seen = ""
    while "Ctrl-C" not in seen:
        line = up.process.stdout.readline()
        assert line, seen
        seen += line
    assert "/docs" in seen
    assert "export TOKEN=ey" in seen
    assert seen.count("curl ") == 3
    code, _, err = up.end()
    assert code == 0
    assert "gateway   | the gateway stand-in was asked to serve" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_within_ten_seconds_and_leaves_nothing(
    start: Starter, number: signal.Signals
) -> None:
    up = start("--json")
    up.ready()
    pids = up.children()
    assert set(pids) - {"migrate"} == CHILDREN
    began = time.monotonic()
    os.killpg(up.process.pid, number)  # as a terminal does
    up.process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert up.process.returncode == 0
    assert alive(pids) == set()
    assert not (up.data / "run/children.json").exists()


def test_a_second_one_on_the_same_data_is_refused_with_the_first_ones_address(start: Starter) -> None:
    base_url = start("--json").ready()["base_url"]
    second = start("--json", "--reset")
    out, err = second.process.communicate(timeout=20)
    assert (second.process.returncode, out) == (1, "")
    assert base_url in err
    assert whoami(base_url)


def test_a_taken_port_is_said_clearly(start: Starter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = start("--json", port=taken.getsockname()[1])
        out, err = up.process.communicate(timeout=20)
    assert (up.process.returncode, out) == (1, "")
    assert f"Port {taken.getsockname()[1] if taken.fileno() > 0 else ''}".strip() in err
    assert "--port" in err


@pytest.mark.parametrize("name", ["kpi", "gateway", "postgres", "nats"])
def test_a_child_that_dies_is_started_again_and_it_says_so(start: Starter, name: str) -> None:
    up = start("--json")
    base_url = up.ready()["base_url"]
    before = up.children()
    os.kill(before[name], signal.SIGKILL)
    assert within(15, lambda: f"{name} is ready again" in up.said())
    assert f"{name} was ended by SIGKILL; starting it again" in up.said()
    after = up.children()
    assert after[name] != before[name]
    assert {other: after[other] for other in CHILDREN - {name}} == {other: before[other] for other in CHILDREN - {name}}
    assert alive(after) - {"migrate"} == CHILDREN
    assert whoami(base_url)


def test_after_a_kill_of_the_supervisor_the_next_one_takes_over(start: Starter) -> None:
    up = start("--json")
    up.ready()
    pids = up.children()
    up.end(signal.SIGKILL)
    again = start("--json")
    again.ready()
    assert alive(pids) == set()
    assert alive(again.children()) - {"migrate"} == CHILDREN


def test_a_service_that_cannot_start_is_shown_with_its_log_and_everything_stops(start: Starter) -> None:
    up = start("--json", broken="kpi")
    out, err = up.process.communicate(timeout=30)
    assert (up.process.returncode, out) == (1, "")
    assert "kpi ended with code 2" in err
    assert "this stand-in is broken" in err
    assert not (up.data / "run/children.json").exists()


def test_failed_migrations_stop_everything(start: Starter) -> None:
    up = start("--json", broken="migrate")
    out, err = up.process.communicate(timeout=30)
    assert (up.process.returncode, out) == (1, "")
    assert "migrate.log" in err


def test_the_demo_plan_goes_in_through_the_api(start: Starter) -> None:
    up = start("--demo")
    assert up.process.stdout is not None
    seen = ""
    while "Ctrl-C" not in seen:
        line = up.process.stdout.readline()
        assert line, up.said()
        seen += line
    assert f"/v1/projects/{stand_in.PROJECT}/overview" in seen


def test_services_get_their_settings_and_none_of_the_shells(start: Starter) -> None:
    settings = whoami(start("--json").ready()["base_url"])["settings"]
    assert isinstance(settings, list)
    assert "PMO_FOREIGN" not in settings
    assert {"PMO_DATABASE_URL", "PMO_NATS_URL", "PMO_OIDC_JWKS", "PMO_KPI_URL", "PMO_CURSOR_SECRET_FILE"} <= set(
        settings
    )
    assert not {"PMO_NATS_ADMIN_URL", "PMO_MIGRATION_DATABASE_URL"} & set(settings)


def test_a_reset_starts_from_nothing_and_a_restart_keeps_everything(start: Starter, data: Path) -> None:
    def secrets() -> tuple[str, str]:
        return (data / "keys/organization").read_text(), (data / "postgres/passwords.json").read_text()

    for flags, same in (((), True), (("--reset",), False)):
        up = start("--json")
        up.ready()
        up.end()
        before = secrets()
        up = start("--json", *flags)
        up.ready()
        up.end()
        assert (secrets() == before) is same


def test_a_folder_of_somebody_else_is_left_alone(start: Starter, data: Path) -> None:
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    up = start("--json", "--reset")
    _, err = up.process.communicate(timeout=20)
    assert up.process.returncode == 1
    assert "nothing was touched" in err
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_the_secrets_are_readable_by_their_owner_only(start: Starter, data: Path) -> None:
    up = start("--json")
    up.ready()
    up.end()
    secret = [*(data / "keys").iterdir(), data / "postgres/passwords.json", data / "nats/passwords.json"]
    secret.append(data / "nats/nats.conf")
    assert {path.name: path.stat().st_mode & 0o077 for path in secret} == {path.name: 0 for path in secret}
    with contextlib.suppress(FileNotFoundError):
        assert "password" not in (data / "logs/pmo.log").read_text()
