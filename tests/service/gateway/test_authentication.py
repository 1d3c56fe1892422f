"""Only a good access token or API key gets past the gateway."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.proxy.api_keys import ApiKey, checksum
from services.gateway.proxy.routes import Route
from tests.service.gateway.harness import (
    ORGANIZATION,
    FakeService,
    Gateway,
    NewApiKey,
    Parts,
    answer,
    gateway,
    new_api_key,
)

ROUTES = (
    Route(method="GET", template="/v1/projects", service="projects", key_scopes=frozenset({"read"})),
    Route(method="POST", template="/v1/projects", service="projects"),
    Route(method="POST", template="/v1/ingest/events", service="gateway", key_scopes=frozenset({"ingest"})),
    Route(method="GET", template="/livez", service="gateway", public=True),
)

GOOD, REVOKED, EXPIRED = new_api_key(), new_api_key(), new_api_key()
STORED = {
    key.key_id: ApiKey(key.key_id, key.secret_hash, ORGANIZATION, "jira", frozenset({"ingest"}))
    for key in (GOOD, REVOKED, EXPIRED)
}
STORED[REVOKED.key_id] = replace(STORED[REVOKED.key_id], revoked_at=datetime.now(UTC))
STORED[EXPIRED.key_id] = replace(STORED[EXPIRED.key_id], expires_at=datetime.now(UTC) - timedelta(seconds=1))


@pytest.fixture
async def edge(service: FakeService, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that knows three API keys."""
    service.behaviour = answer()
    parts = Parts(ROUTES, {"projects": f"http://127.0.0.1:{service.port}"}, api_keys=STORED)
    async with gateway(tmp_path_factory.mktemp("edge"), parts) as running:
        yield running


def bearer(credential: str) -> list[tuple[str, str]]:
    """An Authorization header."""
    return [("authorization", f"Bearer {credential}")]


async def test_without_a_credential_the_answer_is_401_and_says_how(edge: Gateway, service: FakeService) -> None:
    before = len(service.received)
    for headers in ([("authorization", "")], [("authorization", "Basic eDp5")], [("authorization", "Bearer")]):
        reply = await edge.request("GET", "/v1/projects", headers)
        assert (reply.status, reply.header("www-authenticate")) == (401, "Bearer")
        assert reply.problem() in {"unauthenticated", "token_invalid"}
    assert len(service.received) == before


async def test_a_token_in_the_query_is_no_credential(edge: Gateway) -> None:
    token = edge.issuer.token()
    reply = await edge.request("GET", f"/v1/projects?access_token={token}", [("authorization", "")])
    assert (reply.status, reply.problem()) == (401, "unauthenticated")
    assert token.encode() not in reply.body


async def test_a_public_page_needs_no_credential(edge: Gateway) -> None:
    assert (await edge.request("GET", "/livez", [("authorization", "")])).status == 200


async def test_two_authorization_headers_are_a_bad_request(edge: Gateway) -> None:
    data = edge.bytes("GET", "/v1/projects").replace(b"host:", b"authorization: Bearer x\r\nhost:")
    assert (await edge.send(data)).problem() == "bad_request"


async def test_row_86_a_key_and_a_token_together_are_a_bad_request(edge: Gateway) -> None:
    reply = await edge.request("GET", "/v1/projects", [("x-api-key", GOOD.text)])
    assert (reply.status, reply.problem()) == (400, "bad_request")


@pytest.mark.parametrize(
    "claims",
    [{"exp": int(time.time()) - 60}, {"aud": "other"}, {"iss": "https://evil"}, {"organization": "x"}],
    ids=["expired", "audience", "issuer", "organization"],
)
async def test_a_bad_token_is_a_401_that_tells_why_but_not_what(edge: Gateway, claims: dict[str, object]) -> None:
    token = edge.issuer.token(**claims)
    reply = await edge.request("GET", "/v1/projects", bearer(token))
    assert (reply.status, reply.problem()) == (401, "token_invalid")
    assert b"evil" not in reply.body


async def test_a_megabyte_of_token_is_refused_quickly(edge: Gateway) -> None:
    began = time.monotonic()
    for size, status in ((1_000_000, 431), (20_000, 401)):
        assert (await edge.request("GET", "/v1/projects", bearer("a." * size))).status in (status, 431)
    assert time.monotonic() - began < 1


async def test_another_organizations_header_is_forbidden(edge: Gateway) -> None:
    other = "0190c0de-0000-7000-8000-0000000000bb"
    reply = await edge.request("GET", "/v1/projects", [("pmo-organization", other)])
    assert (reply.status, reply.problem()) == (403, "forbidden")
    assert (await edge.request("GET", "/v1/projects", [("pmo-organization", str(ORGANIZATION))])).status == 200


async def test_an_api_key_calls_what_its_scopes_name(edge: Gateway) -> None:
    allowed = await edge.request("POST", "/v1/ingest/events", bearer(GOOD.text), b"{}")
    assert (allowed.status, allowed.body) == (200, b"inner")
    for method in ("GET", "POST"):
        reply = await edge.request(method, "/v1/projects", bearer(GOOD.text))
        assert (reply.status, reply.problem()) == (403, "forbidden")


def wrong(key: NewApiKey) -> dict[str, str]:
    """Keys that are nearly right."""
    stem, check = key.text.rsplit("_", 1)
    other = new_api_key().text.split("_")[2]
    crossed = f"pmo_{key.key_id}_{other}"
    return {
        "checksum": f"{stem}_{'0' * len(check)}",
        "unknown": new_api_key().text,
        "revoked": REVOKED.text,
        "expired": EXPIRED.text,
        "cut": key.text[:-1],
        "prefix only": "pmo_",
        "other secret": f"{crossed}_{checksum(crossed)}",
    }


@pytest.mark.parametrize("kind", sorted(wrong(GOOD)))
async def test_row_87_a_wrong_api_key_is_a_401(edge: Gateway, kind: str) -> None:
    reply = await edge.request("POST", "/v1/ingest/events", bearer(wrong(GOOD)[kind]), b"{}")
    assert (reply.status, reply.problem()) == (401, "unauthenticated")


async def test_row_88_guessing_keys_is_slowed_down_but_good_keys_still_pass(edge: Gateway) -> None:
    good = edge.bytes("POST", "/v1/ingest/events", bearer(GOOD.text), b"{}")
    assert (await edge.send(good)).status == 200
    replies = [await edge.request("POST", "/v1/ingest/events", bearer(new_api_key().text), b"{}") for _ in range(35)]
    assert replies[0].status == 401
    assert (replies[-1].status, replies[-1].problem()) == (429, "rate_limited")
    assert int(replies[-1].header("retry-after") or "0") >= 1
    assert len(edge.looked_up) < 35
    assert (await edge.send(good)).status == 200
    assert (await edge.request("GET", "/v1/projects")).status == 200


async def test_a_key_is_looked_up_once_while_it_is_remembered(edge: Gateway) -> None:
    for _ in range(5):
        await edge.request("POST", "/v1/ingest/events", bearer(GOOD.text), b"{}")
    assert edge.looked_up == [GOOD.key_id]
