"""Processes that are told to stop while people work: a new one stands beside the old, and no request fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID, uuid4

import pytest

from services.topology import SERVICES
from shared.auth import InternalTokenMinter, Principal
from tests.chaos.ledger import Writers, writing
from tests.chaos.stage import Databases, imported
from tests.chaos.verdict import judge
from tests.system.fleet import Fleet
from tests.system.instance import DIRECTOR

pytestmark = pytest.mark.timeout(240)

READS: Final = ("/v1/projects", "/v1/resources?limit=20", "/v1/projects/{}/kpis", "/v1/projects/{}/overview", "/v1/me")
BODY: Final = b'{"name": "Quay"}'


@pytest.fixture(scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    """One replica of each service."""
    async with Fleet.standing() as fleet:
        await fleet.up()
        yield fleet


async def test_a_rolling_restart_of_every_service_fails_no_request(fleet: Fleet) -> None:
    organization = uuid4()
    caller = fleet.system.as_(organization, DIRECTOR)
    plan = await imported(caller)
    leaves = ["16", "25", "26", "31"]
    await asyncio.sleep(1)
    async with writing(fleet.system, organization, plan["project_id"], leaves, seed=1, pause=0.05) as writers:
        readers = [asyncio.create_task(read(writers, path.format(plan["project_id"]))) for path in READS]
        await fleet.join()
        for service in SERVICES:
            old = fleet.replicas[service][0]
            began = time.monotonic()
            assert await fleet.retire(old), f"{service} does not end"
            print(f"{service} ended after {time.monotonic() - began:.1f} s")
        await asyncio.sleep(1)
        writers.is_over = True
        await asyncio.gather(*readers)
    answers = [(kind, status) for _, kind, status in writers.ledger.answers]
    assert [answer for answer in answers if not 200 <= answer[1] < 300] == []
    async with Databases.of(fleet.system, organization, fleet.variables) as databases:
        verdict = await judge(databases, writers.ledger)
    assert verdict.is_clean, verdict
    assert verdict.acknowledged > 100
    print(f"{len(answers)} requests, {verdict.acknowledged} writes acknowledged, none failed")


@pytest.mark.parametrize("service", ["projects", "gateway"])
async def test_row_147_what_is_begun_is_finished_and_what_never_will_be_holds_nothing_up(
    fleet: Fleet, service: str
) -> None:
    organization = uuid4()
    replica = await fleet.start(service, "--grace", "6", "--linger", "1")
    head = (
        f"POST /v1/projects HTTP/1.1\r\nhost: 127.0.0.1:{replica.port}\r\n"
        f"authorization: Bearer {token(fleet, service, organization)}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    ).encode()
    begun, silent = [await asyncio.open_connection("127.0.0.1", replica.port) for _ in range(2)]
    for _, writer in (begun, silent):
        writer.write(head + BODY[:5])
    await asyncio.sleep(0.2)
    began = time.monotonic()
    ending = asyncio.create_task(fleet.retire(replica))
    await asyncio.sleep(2)  # it takes no new request any more
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", replica.port)
    begun[1].write(BODY[5:])
    answer = await begun[0].read()
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    assert b"\r\nconnection: close\r\n" in answer
    assert await ending
    print(f"{service} ended after {time.monotonic() - began:.1f} s")
    for _, writer in (begun, silent):
        writer.close()
    async with Databases.of(fleet.system, organization, fleet.variables) as databases:
        assert await databases.ask("projects", "select name from project") == [("Quay",)]


def token(fleet: Fleet, service: str, organization: UUID) -> str:
    """What a director shows the gateway, or the gateway a service."""
    keys = fleet.system.keys
    if service == "gateway":
        return keys.token([DIRECTOR], organization=organization)
    minter = InternalTokenMinter.from_pem(keys.internal_private.read_bytes())
    return minter.mint(Principal(organization, "director", frozenset({DIRECTOR}), frozenset()), service)


async def read(writers: Writers, path: str) -> None:
    """Read again and again for as long as others write."""
    while not writers.is_over:
        answer = await writers.send("GET", path, {}, None)
        if answer is not None and path.endswith("/overview"):
            assert answer.json().get("degraded") == [], answer.text
        await asyncio.sleep(writers.pause)
