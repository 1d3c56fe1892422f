"""API keys: given once, kept as a hash, good for their scopes, revoked for good."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from services.gateway.domain.api_client import Scope
from services.local.postgres import ServiceDatabase
from shared.permissions import SCOPES

from .conftest import Gateway

PATH = "/v1/api-clients"


async def create(client: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    return await client.post(PATH, json={"name": "Jira", "scopes": ["ingest"], **fields})


async def test_a_key_is_shown_once_and_works_for_its_scope(gateway: Gateway, director: httpx2.AsyncClient) -> None:
    created = await create(director)
    assert created.status_code == 201
    key = created.json()["key"]
    assert created.headers["location"] == f"{PATH}/{created.json()['id']}"
    assert created.headers["cache-control"] == "no-store"
    assert created.headers["pmo-position"].startswith("gateway:")
    me = await gateway.client(key).get("/v1/me")
    assert me.status_code == 200
    assert me.json()["scopes"] == ["ingest"]
    assert me.json()["roles"] == []
    assert (await gateway.client(key).get(PATH)).status_code == 403
    again = await director.get(created.headers["location"])
    assert "key" not in again.json()
    assert key.startswith(again.json()["key_prefix"])


async def test_the_database_never_holds_the_key(
    director: httpx2.AsyncClient, gateway_database: ServiceDatabase, organization: UUID
) -> None:
    created = await director.post(PATH, json={"name": "Jira", "scopes": ["ingest"]}, headers={"Idempotency-Key": "one"})
    secret = created.json()["key"].split("_")[2]
    connection = await asyncpg.connect(gateway_database.app)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('app.organization', $1, true)", str(organization))
            for table in ("api_client", "history", "event_log", "idempotency"):
                text = await connection.fetchval(f"select string_agg(t::text, ' ') from {table} t")
                assert text
                assert secret not in text
                assert secret.encode().hex() not in text
    finally:
        await connection.close()


async def test_the_same_idempotency_key_shows_the_same_key_again(director: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = await director.post(PATH, json={"name": "Jira", "scopes": ["ingest"]}, headers=headers)
    second = await director.post(PATH, json={"name": "Jira", "scopes": ["ingest"]}, headers=headers)
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["cache-control"] == "no-store"
    other = await director.post(PATH, json={"name": "Else", "scopes": ["ingest"]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_the_same_idempotency_key_in_two_organizations_gives_two_keys(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "shared"}
    keys = set()
    for _ in range(2):
        client = gateway.as_(uuid4(), "pmo_director")
        answer = await client.post(PATH, json={"name": "Jira", "scopes": ["ingest"]}, headers=headers)
        keys.add(answer.json()["key"])
    assert len(keys) == 2


async def test_a_revoked_key_is_refused(gateway: Gateway, director: httpx2.AsyncClient) -> None:
    created = await create(director)
    caller = gateway.client(created.json()["key"])
    assert (await caller.get("/v1/me")).status_code == 200
    path = created.headers["location"]
    assert (await director.delete(path)).status_code == 428
    assert (await director.delete(path, headers={"If-Match": '"7"'})).status_code == 412
    assert (await director.delete(path, headers={"If-Match": created.headers["etag"]})).status_code == 204
    refused = await caller.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert (await director.get(path)).status_code == 404
    assert (await director.delete(path, headers={"If-Match": created.headers["etag"]})).status_code == 404


async def test_an_expired_key_is_refused(
    gateway: Gateway, director: httpx2.AsyncClient, gateway_database: ServiceDatabase
) -> None:
    created = await create(director, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    connection = await asyncpg.connect(gateway_database.app)
    try:
        async with connection.transaction():
            identifier = UUID(created.json()["id"])
            organization = (await director.get("/v1/me")).json()["organization_id"]
            await connection.execute("select set_config('app.organization', $1, true)", organization)
            await connection.execute("update api_client set expires_at = now() where id = $1", identifier)
    finally:
        await connection.close()
    assert (await gateway.client(created.json()["key"]).get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "key",
    [
        "pmo_0123456789abcdef_0123456789012345678901234567890123456789012_000000",
        "pmo__x",
        "pmo_",
        "pmo_0123456789abcdef",
    ],
)
async def test_a_malformed_key_is_refused(gateway: Gateway, key: str) -> None:
    assert (await gateway.client(key).get("/v1/me")).status_code == 401


async def test_use_of_a_key_is_noted_but_is_no_new_version(gateway: Gateway, director: httpx2.AsyncClient) -> None:
    created = await create(director)
    assert created.json()["last_used_at"] is None
    await gateway.client(created.json()["key"]).get("/v1/me")
    read = await director.get(created.headers["location"])
    assert read.json()["last_used_at"] is not None
    assert read.headers["etag"] == created.headers["etag"]


async def test_who_has_a_keys_id_can_read_that_row_and_change_nothing(
    director: httpx2.AsyncClient, gateway_database: ServiceDatabase
) -> None:
    key_id = (await create(director)).json()["key_prefix"].removeprefix("pmo_")
    await create(director)
    connection = await asyncpg.connect(gateway_database.app)
    try:
        assert await connection.fetchval("select count(*) from api_client") == 0
        async with connection.transaction():
            await connection.execute("select set_config('app.api_key', $1, true)", key_id)
            assert [row["key_id"] for row in await connection.fetch("select key_id from api_client")] == [key_id]
            assert await connection.fetchval("select count(*) from inbound_event") == 0
            assert (await connection.execute("update api_client set name = 'x'")).endswith(" 0")
            assert (await connection.execute("delete from api_client")).endswith(" 0")
    finally:
        await connection.close()


async def test_another_organization_sees_nothing_of_a_client(gateway: Gateway, director: httpx2.AsyncClient) -> None:
    created = await create(director)
    stranger = gateway.as_(uuid4(), "pmo_director")
    assert (await stranger.get(created.headers["location"])).status_code == 404
    headers = {"If-Match": created.headers["etag"]}
    assert (await stranger.delete(created.headers["location"], headers=headers)).status_code == 404
    assert (await stranger.get(PATH)).json()["items"] == []


async def test_a_list_shows_what_single_reads_show(director: httpx2.AsyncClient) -> None:
    for name in ("Jira", "SAP", "GitHub"):
        await create(director, name=name, scopes=["read", "ingest"])
    page = (await director.get(PATH, params={"sort": "-name", "limit": 2})).json()
    assert [item["name"] for item in page["items"]] == ["SAP", "Jira"]
    single = await director.get(f"{PATH}/{page['items'][0]['id']}")
    assert single.json() == page["items"][0]
    rest = (await director.get(page["links"]["next"])).json()
    assert [item["name"] for item in rest["items"]] == ["GitHub"]
    assert rest["next_cursor"] is None
    assert (await director.get(PATH, params={"scope": "subscribe"})).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Jira", "scopes": []}, "/scopes"),
        ({"name": "Jira", "scopes": ["everything"]}, "/scopes/0"),
        ({"name": " ", "scopes": ["ingest"]}, "/name"),
        ({"name": "Jira", "scopes": ["ingest"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "Jira", "scopes": ["ingest"], "expires_at": "2999-01-01"}, "/expires_at"),
        ({"name": "Jira", "scopes": ["ingest"], "roles": ["pmo_director"]}, "/roles"),
    ],
)
async def test_what_cannot_be_a_client_is_refused(
    director: httpx2.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    answer = await director.post(PATH, json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("role", ["pmo_analyst", "project_manager", "executive", "team_member"])
async def test_only_the_pmos_heads_give_keys(gateway: Gateway, organization: UUID, role: str) -> None:
    assert (await create(gateway.as_(organization, role))).status_code == 403


def test_the_scopes_are_those_that_grant_permissions() -> None:
    assert {str(scope) for scope in Scope} == set(SCOPES)
