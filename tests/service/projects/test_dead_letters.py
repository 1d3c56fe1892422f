"""What projects could not handle, over HTTP."""

from uuid import UUID, uuid4

import httpx2

from services.local.nats import NatsServer
from services.projects.settings import Settings
from shared.bus import Bus
from shared.db import Context, Database
from shared.dead_letters import Letter, bury
from shared.testing.eventually import eventually
from shared.testing.http import Api


async def test_an_unreadable_event_is_listed_with_its_reason_and_a_failed_replay_keeps_it(
    director: httpx2.AsyncClient, service: Api, organization: UUID, nats_server: NatsServer
) -> None:
    subject = f"pmo.gateway.{organization}.{uuid4()}.inbound.accepted"
    async with Bus(nats_server.url("gateway"), name="gateway").open() as bus:
        await bus.publish("GATEWAY", subject, b"this is no event", {"Nats-Msg-Id": str(uuid4())})

    async def listed() -> list[dict[str, str]]:
        items: list[dict[str, str]] = (await director.get("/v1/services/projects/dead-letters")).json()["items"]
        return items

    letters = await eventually(listed)
    assert len(letters) == 1
    assert letters[0]["consumer"] == "projects-on-gateway"
    assert letters[0]["reason"].startswith("unreadable")
    replayed = await director.post(f"/v1/services/projects/dead-letters/{letters[0]['id']}/replay")
    assert replayed.status_code == 409
    assert replayed.json()["code"] == "replay_failed"
    assert len(await listed()) == 1
    stranger = service.as_(uuid4(), "pmo_director")
    assert (await stranger.get("/v1/services/projects/dead-letters")).json()["items"] == []
    path = f"/v1/services/projects/dead-letters/{letters[0]['id']}/replay"
    assert (await stranger.post(path)).status_code == 404
    assert (await service.as_(organization, "pmo_analyst").get("/v1/services/projects/dead-letters")).status_code == 403


async def test_letters_of_other_consumers_are_not_replayed_here(
    director: httpx2.AsyncClient, settings: Settings, organization: UUID
) -> None:
    database = await Database.connect(settings.database_url, size=1)
    async with database.transaction(Context(organization, "test")) as tx:
        letter = Letter("ELSEWHERE", 1, "elsewhere", {}, b"{}")
        await bury(tx, "nobody-on-elsewhere", letter, reason="x", deliveries=1)
    await database.close()
    (item,) = (await director.get("/v1/services/projects/dead-letters?replayed=false")).json()["items"]
    assert (await director.post(f"/v1/services/projects/dead-letters/{item['id']}/replay")).status_code == 404
