"""Rows 25 to 31 and 65: bodies of another kind, packed, or larger than an operation takes."""

import gzip
import json
import socket
import time
import zlib

import pytest

from tests.system.instance import Caller, System, read_reply, refused
from tests.system.writes import CREATE_API_CLIENT, INGEST, WRITES, Plan, Write

pytestmark = pytest.mark.usefixtures("unfailing")

MEBIBYTE = 1024 * 1024

OTHER_TYPES = {
    "row_25_text": "text/plain",
    "row_25_no_type": "",
    "row_25_xml": "application/xml",
    "row_25_json_of_another_kind": "application/vnd.attacker+json",
    "row_25_not_a_type": "kanarienvogel",
    "row_25_utf_16": "application/json; charset=utf-16",
    "row_28_multipart": "multipart/form-data; boundary=x",
    "row_28_urlencoded": "application/x-www-form-urlencoded",
}


@pytest.mark.parametrize("write", WRITES, ids=str)
@pytest.mark.parametrize("media_type", OTHER_TYPES.values(), ids=OTHER_TYPES.keys())
def test_a_body_of_another_media_type_is_refused(director: Caller, plan: Plan, write: Write, media_type: str) -> None:
    response = write.send(director, plan, write.valid, {"content-type": media_type})
    refused(response, 415, "unsupported_media_type", "kanarienvogel", "attacker")


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x", "text/html", ""])
def test_row_25_an_import_takes_no_other_media_type(director: Caller, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = director("POST", "/v1/imports?format=mspdi", content=b"<Project/>", headers=headers)
    refused(response, 415, "unsupported_media_type")


PACKED = {
    "row_26_gzip": ("gzip", gzip.compress),
    "row_26_deflate": ("deflate", zlib.compress),
    "row_26_brotli": ("br", bytes),
    "row_26_two_codings": ("gzip, identity", gzip.compress),
    "row_26_unknown": ("kanarienvogel", bytes),
}


@pytest.mark.parametrize("write", WRITES, ids=str)
@pytest.mark.parametrize("coding", PACKED.values(), ids=PACKED.keys())
def test_a_packed_body_is_refused(
    director: Caller, plan: Plan, write: Write, coding: tuple[str, "type[bytes]"]
) -> None:
    name, pack = coding
    response = write.send(director, plan, pack(write.valid), {"content-encoding": name})
    refused(response, 415, "unsupported_encoding", "kanarienvogel")


def test_row_27_a_bomb_is_refused_without_being_inflated(director: Caller) -> None:
    bomb = gzip.compress(bytes(64 * MEBIBYTE), 9)
    began = time.monotonic()
    for path, media_type in (("/v1/projects", "application/json"), ("/v1/imports?format=mspdi", "application/xml")):
        headers = {"content-type": media_type, "content-encoding": "gzip"}
        refused(director("POST", path, content=bomb, headers=headers), 415, "unsupported_encoding")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_row_29_a_form_of_a_million_fields_is_refused(director: Caller, plan: Plan, write: Write) -> None:
    content = b"&".join([b"a=b"] * 1_000_000)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = write.send(director, plan, content, headers)
    refused(response, (413, 415), ("payload_too_large", "unsupported_media_type"))


@pytest.mark.parametrize(
    ("method", "path", "megabytes"),
    [
        ("POST", "/v1/projects", 50),
        ("PATCH", "/v1/projects/PRJ-1", 50),
        ("POST", "/v1/api-clients", 50),
        ("POST", "/v1/ingest/events", 50),
        ("POST", "/v1/imports?format=mspdi", 51),
    ],
)
def test_row_30_a_declared_length_beyond_the_limit_is_refused_before_the_body_comes(
    system: System, director: Caller, method: str, path: str, megabytes: int
) -> None:
    headers = {"content_type": "application/json", "content_length": str(megabytes * MEBIBYTE)}
    refused(system.send(system.head_of(method, path, director.token, **headers)), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/api-clients", "/v1/ingest/events"])
def test_row_31_an_endless_body_is_refused_at_the_limit(system: System, director: Caller, path: str) -> None:
    head = system.head_of("POST", path, director.token, content_type="application/json", transfer_encoding="chunked")
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    sent = 0
    with socket.create_connection(system.address, timeout=10) as connection:
        connection.sendall(head)
        connection.settimeout(0.01)
        while sent < 64 * MEBIBYTE:
            try:
                connection.sendall(piece)
                sent += 65536
                if connection.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        connection.settimeout(10)
        refused(read_reply(connection), 413, "payload_too_large")
    assert sent < 16 * MEBIBYTE


def test_row_65_a_batch_of_ten_thousand_is_refused(director: Caller, plan: Plan) -> None:
    events = [{"specversion": "1.0", "id": str(n), "source": "x"} for n in range(10_001)]
    headers = {"content-type": "application/cloudevents-batch+json"}
    response = INGEST.send(director, plan, json.dumps(events).encode(), headers)
    refused(response, 413, "too_many_items")


def test_row_65_a_list_of_ten_thousand_is_refused(director: Caller, plan: Plan) -> None:
    content = CREATE_API_CLIENT.with_(("scopes",), json.dumps(["read"] * 10_000))
    refused(CREATE_API_CLIENT.send(director, plan, content), (413, 422), ("too_many_items", "validation"))
