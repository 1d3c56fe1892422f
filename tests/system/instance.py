"""A `pmo up` as a process of its own, and ways to call it: as any caller, or with bytes that no client would send."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
import psutil

from services.local.keys import Keys

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
PROBLEM: Final = "application/problem+json"
DIRECTOR: Final = "pmo_director"
PR_SET_PDEATHSIG: Final = 1

_LIBC: Final = ctypes.CDLL(None)


class NotStarted(Exception):
    """`pmo up` ended before it was ready; the message is what it said."""


def _end_with_parent() -> None:
    """Have the kernel end this process when the tests' own is gone, however that ends."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def started(
    data: Path, *flags: str, variables: Mapping[str, str] | None = None
) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """Start a `pmo up`, with these variables besides, and wait until it is ready; returns it and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "services", "up", "--json", "--port", "0", "--data", str(data), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(variables or {})},
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - takes no lock
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise NotStarted(process.communicate()[1])
    answer: dict[str, str] = json.loads(line)
    return process, answer


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """End a `pmo up` by SIGTERM; its exit code and the rest of what it said."""
    process.terminate()
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone with a credential, or with none."""

    client: httpx2.Client
    token: str | None

    def __call__(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send a request; `json` with a media type that fits the method unless headers say another."""
        sent = self.authorization
        if json is not None:
            content = dumps(json)
            sent["content-type"] = MERGE_PATCH if method == "PATCH" else JSON
        return self.client.request(method, path, content=content, headers={**sent, **(headers or {})})

    @property
    def authorization(self) -> dict[str, str]:
        """The header that carries the credential."""
        return {} if self.token is None else {"authorization": f"Bearer {self.token}"}

    def head(self, method: str, path: str, **headers: str) -> tuple[int, Mapping[str, str]]:
        """Send a request and read no further than the head of the answer, as for a stream without end."""
        with self.client.stream(method, path, headers={**self.authorization, **headers}) as response:
            return response.status_code, response.headers


@dataclass(frozen=True, slots=True)
class System:
    """A running instance."""

    base_url: str
    data: Path
    client: httpx2.Client

    @property
    def keys(self) -> Keys:
        """Its keys: with them tokens of anybody can be made."""
        return Keys(self.data / "keys")

    @property
    def address(self) -> tuple[str, int]:
        """Where the gateway listens."""
        parts = urllib.parse.urlsplit(self.base_url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def as_(self, organization: UUID, *roles: str, subject: str = "someone") -> Caller:
        """Somebody of an organization."""
        return Caller(self.client, self.keys.token(roles, organization=organization, subject=subject))

    def with_(self, token: str | None) -> Caller:
        """Whoever has this credential."""
        return Caller(self.client, token)

    def send(self, data: bytes, *, seconds: float = 10.0, half_close: bool = False) -> "Reply":
        """Send bytes over a connection of its own and read one answer, or what comes until the connection ends."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before all was sent
                connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return read_reply(connection)

    def head_of(self, method: str, target: str, token: str | None, **headers: str) -> bytes:
        """The bytes of a request's head, the target as it is."""
        host, port = self.address
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}:{port}"]
        if token is not None:
            lines.append(f"authorization: Bearer {token}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def port_of(self, service: str) -> int:
        """Where a service listens, past the gateway."""
        children = json.loads((self.data / "run/children.json").read_text())
        connections = psutil.Process(children[service]["pid"]).net_connections("tcp")
        return next(c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came over a socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def entries(log: Path, begin: int = 0) -> Iterator[dict[str, Any]]:
    """The entries of a service's log from a place on: each line is one JSON object, whatever the input was."""
    with log.open("rb") as stream:
        stream.seek(begin)
        whole, _, _ = stream.read().rpartition(b"\n")  # the last line may be being written
    for line in whole.splitlines():
        entry: dict[str, Any] = json.loads(line)
        yield entry


def read_reply(connection: socket.socket) -> Reply:
    """Read one answer; status 0 if the connection ended without one."""
    received = b""
    while b"\r\n\r\n" not in received:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return Reply(0, {}, received)
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return Reply(int(first.split(" ")[1]), headers, body)


def dumps(value: object) -> bytes:
    """JSON as a client sends it."""
    return json.dumps(value, ensure_ascii=False).encode()


def refused(
    response: httpx2.Response | Reply, status: int | tuple[int, ...], code: str | tuple[str, ...], *secrets: str
) -> dict[str, object]:
    """Check that an answer is a problem of this status and code in full form, without these parts of the input."""
    if isinstance(response, Reply):
        given, headers, text = response.status, response.headers, response.text
    else:
        given, headers, text = response.status_code, response.headers, response.text
    shown = text[:2000]
    assert given in ((status,) if isinstance(status, int) else status), shown
    assert headers["content-type"] == PROBLEM, shown
    problem: dict[str, object] = json.loads(text)
    assert problem["code"] in ((code,) if isinstance(code, str) else code), shown
    assert problem["status"] == given
    assert problem["type"] == f"/problems/{str(problem['code']).replace('_', '-')}"
    assert problem["request_id"] == headers["x-request-id"]
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "code", "errors", "request_id", "trace_id"}
    assert isinstance(problem["errors"], list)
    for error in problem["errors"]:
        assert set(error) == {"pointer", "code", "detail"}, shown
    ours = {key: value for key, value in problem.items() if key not in {"instance", "request_id", "trace_id"}}
    told = json.dumps(ours, ensure_ascii=False)
    for secret in secrets:
        assert secret not in told, shown
    return problem
