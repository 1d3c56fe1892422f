"""From an event on the broker to an answer: the running service with its consumer, worker and relay."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import orjson

from services.local.nats import NatsServer
from shared.bus import Bus
from shared.events import envelope, subject_of
from shared.testing.capture import stored
from shared.testing.eventually import eventually
from shared.testing.http import Api
from tests.service.resources.story import Project, Told, assignment, moment, person, plan, task

PLAN = plan(
    [task("1", "2026-03-02 08:00", "2026-03-03 17:00")],
    [person("1")],
    [assignment("1", "1", "1", 1440)],
)


async def publish(bus: Bus, organization: UUID, project: Project, told: list[Told], version: int = 1) -> str:
    """Publish events of a project as the relay of projects does; returns the position of the last."""
    for version_, (kind, data) in enumerate(told, version):
        identifier = uuid4()
        body = envelope(
            id=identifier,
            type=kind,
            organization_id=organization,
            aggregate_id=project.id,
            version=version_,
            entity_id=project.id,
            time=datetime.now(UTC),
            actor="user",
            correlation_id="c",
            causation_id="",
            traceparent="",
            data=orjson.dumps(data).decode(),
        )
        headers = {"Nats-Msg-Id": str(identifier), "Pmo-Type": kind, "Pmo-Version": str(version_)}
        await bus.publish("PROJECTS", subject_of(kind, organization, project.id), body, headers)
    return f"projects:{project.id}@{version + len(told) - 1}"


async def test_a_read_that_waits_for_a_position_shows_the_load_of_that_position(
    service: Api, director: httpx2.AsyncClient, projects_bus: Bus, organization: UUID
) -> None:
    project = Project()
    position = await publish(projects_bus, organization, project, project.imported(PLAN, chunk=1))
    path = f"/v1/resources/{project.part('resource', '1')}/load"
    body = (await director.get(path, headers={"PMO-Wait-For": position})).json()
    assert body["totals"] == {"capacity_minutes": 960, "booked_minutes": 1440, "over_allocated_minutes": 480}
    dates = {"1": (moment("2026-04-01 08:00"), moment("2026-04-03 17:00"))}
    after = int(position.rpartition("@")[2]) + 1
    position = await publish(projects_bus, organization, project, project.dated(dates), after)
    answer = await director.get(f"/v1/load-summary?project_id={project.id}", headers={"PMO-Wait-For": position})
    assert answer.json() | {"project_id": ""} == {
        "project_id": "",
        "resources": 1,
        "work_resources": 1,
        "over_allocated_resources": 0,
        "over_allocated_minutes": 0,
        "booked_minutes": 1440,
        "unbooked_minutes": 0,
        "from": "2026-04-01",
        "to": "2026-04-03",
    }


async def test_a_change_of_load_reaches_the_stream(
    service: Api, projects_bus: Bus, organization: UUID, nats_server: NatsServer
) -> None:
    project = Project()
    await publish(projects_bus, organization, project, project.imported(PLAN))
    subject = f"pmo.resources.{organization}.{project.id}.load.changed"
    async with Bus(nats_server.url(), name="test").open() as admin:

        async def seen() -> list[dict[str, object]]:
            letters = await stored(admin, "RESOURCES")
            return [orjson.loads(letter.body)["data"] for letter in letters if letter.subject == subject]

        (data,) = await eventually(seen)
    assert (data["booked_minutes"], data["over_allocated_minutes"]) == (1440, 480)


async def test_a_position_that_does_not_come_is_a_conflict(director: httpx2.AsyncClient) -> None:
    position = f"projects:{uuid4()}@1"
    response = await director.get("/v1/resources", headers={"PMO-Wait-For": position}, timeout=20)
    assert response.status_code == 409
    assert response.json()["code"] == "projection_behind"
