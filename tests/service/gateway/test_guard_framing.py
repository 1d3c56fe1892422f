"""Broken HTTP framing is refused, and never reaches a service, on a real server over raw sockets."""

import asyncio

import pytest

from shared.guard import Guard, Rules
from tests.service.gateway.harness import FakeService, Gateway, nothing, read_reply, serving

PROJECTS = b"POST /v1/projects HTTP/1.1\r\nhost: gateway.test\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nhost: gateway.test\r\n"

FRAMING = {
    "row_37 CL and TE": PROJECTS + b"content-length: 5\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/admin HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_38 two CL": PROJECTS + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "row_39 two equal CL": PROJECTS + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "row_40 CL +5": PROJECTS + b"content-length: +5\r\n\r\nhello",
    "row_40 CL -1": PROJECTS + b"content-length: -1\r\n\r\nhello",
    "row_40 CL 10^20": PROJECTS + b"content-length: 100000000000000000000\r\n\r\nhello",
    "row_41 TE xchunked": PROJECTS + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "row_41 TE gzip, chunked": PROJECTS + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "row_41 TE chunked, identity": PROJECTS + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "row_41 space before colon": PROJECTS + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "row_43 bare LF": b"GET /livez HTTP/1.1\nhost: gateway.test\n\n",
    "row_44 obs-fold": LIVEZ + b"x-a: 1\r\n folded\r\n\r\n",
    "row_44 obs-fold to host": LIVEZ + b" .evil\r\n\r\n",
    "row_45 NUL in header": LIVEZ + b"x-a: a\0b\r\n\r\n",
    "row_49 HTTP/0.9": b"GET /livez\r\n\r\n",
    "row_49 HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "row_49 HTTP/3.7": b"GET /livez HTTP/3.7\r\nhost: gateway.test\r\n\r\n",
    "row_46 no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "row_46 no host, HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
    "row_46 two hosts": LIVEZ + b"host: gateway.test\r\n\r\n",
    "row_47 host with path": b"GET /livez HTTP/1.1\r\nhost: evil/?\r\n\r\n",
    "row_47 host with user": b"GET /livez HTTP/1.1\r\nhost: gateway.test@evil\r\n\r\n",
    "row_46 empty host": b"GET /livez HTTP/1.1\r\nhost:\r\n\r\n",
    "row_48 absolute form": b"GET http://evil.example/livez HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "row_99 connection names a header": LIVEZ + b"connection: X-Internal-Token, close\r\n\r\n",
    "row_53 NUL in path": b"GET /v1/projects/%00 HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_53 CRLF in path": b"GET /v1/projects/a%0d%0aX-A:1 HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_53 invalid UTF-8 in path": b"GET /v1/projects/%ff HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_53 raw byte in path": b"GET /v1/projects/\xff HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_53 half an escape": b"GET /v1/projects/%4 HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_53 control in path": b"GET /v1/projects/%1b[31m HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
    "row_42 bad chunk size": b"POST /v1/ingest HTTP/1.1\r\nhost: gateway.test\r\n"
    b"transfer-encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
async def test_broken_framing_is_a_bad_request(edge: Gateway, service: FakeService, data: bytes) -> None:
    before = len(service.received)
    reply = await edge.send(data)
    assert reply.status == 400
    assert reply.problem() == "bad_request"
    assert len(service.received) == before


@pytest.mark.parametrize(
    "chunks",
    [b"5\r\nhelloXX0\r\n\r\n", b"5\r\nhello\r\n0\r\nGET /v1/admin HTTP/1.1\r\n\r\n", b"fffffffffffffffff\r\nx"],
    ids=["row_42 chunk terminator", "row_42 trailer smuggling", "row_42 chunk size overflow"],
)
async def test_a_broken_chunk_ends_the_connection(edge: Gateway, service: FakeService, chunks: bytes) -> None:
    before = len(service.received)
    reader, writer = await edge.connect()
    head = edge.bytes("POST", "/v1/imports", [("transfer-encoding", "chunked"), ("content-type", "application/xml")])
    writer.write(head + chunks)
    rest = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert rest.startswith(b"HTTP/1.1 400 ")
    assert rest.count(b"HTTP/1.1 ") == 1
    assert not any("/v1/admin" in received.line for received in service.received[before:])


async def test_a_request_behind_the_last_of_an_unread_body_is_read_as_any_other() -> None:
    """What was thrown away ends in the same packet in which the next request begins: its body is no head."""
    guarded = Guard(_length, Rules(max_body=1_000), lambda _method, path: 500_000 if path == "/large" else 1_000)
    async with serving(guarded) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST {} HTTP/1.1\r\nhost: service\r\ncontent-length: {}\r\n\r\n"
        writer.write(head.format("/small", 3_000).encode() + b"a" * 2_990)
        assert (await read_reply(reader)).problem() == "payload_too_large"
        writer.write(b"a" * 10 + head.format("/large", 300_000).encode() + b"b" * 10)
        await asyncio.sleep(0.1)
        writer.write(b"b" * 299_990)
        answer = await read_reply(reader)
        assert (answer.status, answer.body) == (200, b"300000")
        writer.close()


async def _length(scope: object, receive: object, send: object) -> None:
    """Answer how long the body was."""
    assert isinstance(scope, dict)
    assert callable(send)
    assert callable(receive)
    if scope["type"] == "lifespan":
        await nothing(scope, receive, send)
        return
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    text = str(size).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
