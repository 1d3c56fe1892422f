"""`pmo up` as a process, with real servers and stand-in services: how it starts, minds its children, and ends."""

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

    def secrets(self) -> dict[str, str]:
        """What must outlive a restart."""
        files = [
            *(self.data / "keys").iterdir(),
            self.data / "postgres/passwords.json",
            self.data / "nats/passwords.json",
        ]
        return {str(file): file.read_text() for file in files}

    def said(self) -> str:
        """What it wrote to its own log."""
        return (self.data / "logs/pmo.log").read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """End it by a signal; its exit code and the rest of what it said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


class Starter:
    """Starts `pmo up` on one folder, and ends what still runs."""

    def __init__(self) -> None:
        self._parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
        self._parent.chmod(0o711)
        self._started: list[Up] = []
        self.data = self._parent / "data"

    def __call__(self, *flags: str, port: int = 0, broken: str = "") -> Up:
        process = subprocess.Popen(
            [sys.executable, stand_in.__file__, "up", str(self.data), str(port), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"STAND_IN_BROKEN": broken, "PMO_FOREIGN": "from the shell"},
            start_new_session=True,
        )
        self._started.append(Up(process, self.data))
        return self._started[-1]

    def end(self) -> None:
        """End what runs and remove the folder, also the part that root's PostgreSQL keeps elsewhere."""
        for up in self._started:
            if up.process.poll() is None:
                up.process.terminate()
                up.process.communicate(timeout=20)
            for stream in (up.process.stdout, up.process.stderr):
                if stream is not None:
                    stream.close()
        privileges.remove_home(self.data / "postgres")
        shutil.rmtree(self._parent)


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start instances on a folder of this test alone."""
    starter = Starter()
    yield starter
    starter.end()


@dataclass(frozen=True)
class Running:
    """An instance that is up, and the means to start another on its folder."""

    up: Up
    start: Starter
    answer: dict[str, str]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """An instance that several tests look at, and that none ends."""
    starter = Starter()
    up = starter("--json")
    yield Running(up, starter, up.ready())
    starter.end()


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


def test_it_says_one_line_of_json_when_ready(running: Running) -> None:
    answer = running.answer
    assert set(answer) == {"base_url", "docs_url", "token"}
    assert answer["docs_url"].startswith(answer["base_url"])
    assert whoami(answer["base_url"])["pid"] == running.up.children()["gateway"]


def test_without_json_it_shows_addresses_a_token_the_demo_and_the_services_logs(start: Starter) -> None:
    up = start("--demo")
    assert up.process.stdout is not None
    seen = ""
    while "Ctrl-C" not in seen:
        line = up.process.stdout.readline()
        assert line, seen
        seen += line
    assert "/docs" in seen
    assert "export TOKEN=ey" in seen
    assert seen.count("curl ") == 3
    assert f"/v1/projects/{stand_in.PROJECT}/overview" in seen
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
    rest = up.process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert (up.process.returncode, *rest) == (0, "", "")
    assert alive(pids) == set()
    assert not (up.data / "run/children.json").exists()


def test_a_second_one_on_the_same_data_is_refused_with_the_first_ones_address(running: Running) -> None:
    base_url = running.answer["base_url"]
    second = running.start("--json", "--reset")
    out, err = second.process.communicate(timeout=20)
    assert (second.process.returncode, out) == (1, "")
    assert base_url in err
    assert whoami(base_url)


def test_a_taken_port_is_said_clearly(start: Starter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = start("--json", port=port)
        out, err = up.process.communicate(timeout=20)
    assert (up.process.returncode, out) == (1, "")
    assert f"Port {port} cannot be had" in err
    assert "--port" in err


@pytest.mark.parametrize("name", ["kpi", "gateway", "postgres", "nats"])
def test_a_child_that_dies_is_started_again_and_it_says_so(running: Running, name: str) -> None:
    up, base_url = running.up, running.answer["base_url"]
    before = up.children()
    os.kill(before[name], signal.SIGKILL)
    assert within(15, lambda: f"{name} is ready again" in up.said())
    assert f"{name} was ended by SIGKILL; starting it again" in up.said()
    after = up.children()
    assert after[name] != before[name]
    assert {other: after[other] for other in CHILDREN - {name}} == {other: before[other] for other in CHILDREN - {name}}
    assert alive(after) - {"migrate"} == CHILDREN
    assert whoami(base_url)


def test_after_a_kill_of_the_supervisor_the_next_one_takes_over_with_the_same_secrets(start: Starter) -> None:
    up = start("--json")
    up.ready()
    pids, secrets = up.children(), up.secrets()
    up.end(signal.SIGKILL)
    again = start("--json")
    again.ready()
    assert alive(pids) == set()
    assert alive(again.children()) - {"migrate"} == CHILDREN
    assert again.secrets() == secrets


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


def test_services_get_their_settings_and_none_of_the_shells(running: Running) -> None:
    settings = whoami(running.answer["base_url"])["settings"]
    assert isinstance(settings, list)
    assert "PMO_FOREIGN" not in settings
    assert {"PMO_DATABASE_URL", "PMO_NATS_URL", "PMO_OIDC_JWKS", "PMO_KPI_URL", "PMO_CURSOR_SECRET_FILE"} <= set(
        settings
    )
    assert not {"PMO_NATS_ADMIN_URL", "PMO_MIGRATION_DATABASE_URL"} & set(settings)


def test_a_folder_of_somebody_else_is_left_alone(start: Starter) -> None:
    data = start.data
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    up = start("--json", "--reset")
    _, err = up.process.communicate(timeout=20)
    assert up.process.returncode == 1
    assert "nothing was touched" in err
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_the_secrets_are_readable_by_their_owner_only(running: Running) -> None:
    files = [Path(name) for name in running.up.secrets()] + [running.up.data / "nats/nats.conf"]
    assert {file.name: file.stat().st_mode & 0o077 for file in files} == {file.name: 0 for file in files}
