"""The small rules of the edge: targets, hosts, correlation, CORS, API keys."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.proxy.api_keys import ApiKey, hash_secret, verify_api_key
from services.gateway.proxy.cors import Cors
from shared.correlation import REQUEST_ID, identify
from shared.errors import BadRequest, Misdirected, NotFound, Unauthenticated
from shared.guard import Checker, Rules, check_target, combine, content_length
from shared.tracing import TRACEPARENT
from tests.service.gateway.harness import new_api_key

ORGANIZATION = UUID("0190c0de-0000-7000-8000-0000000000aa")


def scope(host: bytes) -> dict[str, object]:
    """A request's scope."""
    headers = [(b"host", host)]
    return {
        "raw_path": b"/",
        "path": "/",
        "query_string": b"",
        "http_version": "1.1",
        "method": "GET",
        "headers": headers,
    }


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and not set(text) & set("/\\;") and text.strip(".")))
def test_any_printable_segment_can_be_sent_escaped(text: str) -> None:
    raw = f"/v1/projects/{quote(text, safe='')}".encode()
    check_target(raw, b"", unquote(raw.decode()))


@given(st.binary(max_size=40))
def test_a_target_passes_only_if_it_is_read_alike_by_every_parser(data: bytes) -> None:
    raw = b"/" + data
    try:
        check_target(raw, b"", unquote(raw.decode("latin-1")))
    except (BadRequest, NotFound):
        return
    text = unquote(raw.decode("ascii"), errors="strict")
    assert text.count("/") == raw.count(b"/")
    assert not set(text.split("/")) & {".", ".."}
    assert "//" not in text
    assert not any(character in text for character in "\0\r\n\\;")


def test_hosts_are_compared_without_case_and_port() -> None:
    checker = Checker(Rules(hosts=frozenset({"pmo.example", "127.0.0.1:8080", "[::1]"})))
    for host in (b"pmo.example", b"PMO.example", b"pmo.example:99", b"127.0.0.1:8080", b"[::1]:80"):
        checker.check(scope(host), {b"host": host})
    for host in (b"127.0.0.1", b"127.0.0.1:80", b"pmo.example.evil", b"xpmo.example"):
        with pytest.raises(Misdirected):
            checker.check(scope(host), {b"host": host})
    for host in (b"", b"a b", b"a@b", b"pmo.example/", b"pmo.example:", b"pmo.example:x", b"[::1"):
        with pytest.raises(BadRequest):
            checker.check(scope(host), {b"host": host})


def test_repeated_headers_are_joined_or_refused() -> None:
    assert combine([(b"accept", b"a"), (b"accept", b"b"), (b"x", b"y")]) == {b"accept": b"a, b", b"x": b"y"}
    for name in (b"host", b"authorization", b"content-length", b"idempotency-key"):
        with pytest.raises(BadRequest):
            combine([(name, b"a"), (name, b"a")])


@pytest.mark.parametrize("value", [b"-1", b"+1", b"1 ", b"", b"0x1", b"9" * 19])
def test_odd_lengths_are_refused(value: bytes) -> None:
    with pytest.raises(BadRequest):
        content_length({b"content-length": value})


@given(st.dictionaries(st.sampled_from([b"x-request-id", b"traceparent"]), st.binary(max_size=100)))
def test_every_request_gets_a_sane_id_and_trace(fields: dict[bytes, bytes]) -> None:
    correlation = identify(fields)
    assert REQUEST_ID.fullmatch(correlation.request_id)
    assert TRACEPARENT.fullmatch(correlation.traceparent)
    assert correlation.traceparent[3:35] == correlation.trace_id


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"https://app.example", True),
        (b"http://localhost:5173", True),
        (b"http://localhost", True),
        (b"https://localhost:5173", False),
        (b"http://localhost:5173.evil", False),
        (b"http://localhost:", False),
        (b"https://app.example:8443", False),
        (b"https://app.example.evil", False),
        (b"null", False),
        (b"*", False),
    ],
)
def test_origins_are_compared_exactly(origin: bytes, allowed: bool) -> None:
    cors = Cors(("https://app.example", "http://localhost:*"))
    assert cors.allows(origin) is allowed


async def test_a_new_key_is_verified_and_its_secret_is_not_stored() -> None:
    made = new_api_key()
    stored = ApiKey(made.key_id, made.secret_hash, ORGANIZATION, "jira", frozenset({"ingest"}))
    asked: list[str] = []

    async def lookup(key_id: str) -> ApiKey | None:
        asked.append(key_id)
        return stored if key_id == stored.key_id else None

    principal = await verify_api_key(made.text, lookup)
    assert principal.subject == f"api-client:{made.key_id}"
    assert not principal.roles
    assert principal.scopes == {"ingest"}
    assert made.text.split("_")[2] not in repr(stored)
    assert stored.secret_hash == hash_secret(made.text.split("_")[2])
    asked.clear()
    for text in (made.text + "x", made.text.swapcase(), "pmo_a_b_c", "pmo_" + "_" * 3, made.text.replace("pmo", "omp")):
        with pytest.raises(Unauthenticated):
            await verify_api_key(text, lookup)
    assert asked == []


async def test_an_expired_key_is_refused_from_that_instant() -> None:
    made, now = new_api_key(), datetime(2026, 1, 1, tzinfo=UTC)
    stored = ApiKey(made.key_id, made.secret_hash, ORGANIZATION, "x", frozenset(), expires_at=now)

    async def lookup(_key_id: str) -> ApiKey | None:
        return stored

    await verify_api_key(made.text, lookup, now - timedelta(microseconds=1))
    with pytest.raises(Unauthenticated):
        await verify_api_key(made.text, lookup, now)
