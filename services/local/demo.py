"""Loads the product's own small plan through the public API, as any client would."""

import asyncio
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from services.local.errors import LocalRuntimeError

EXAMPLE_PLAN: Final = Path(__file__).parents[2] / "examples" / "harbour-terminal.mspdi.xml"
IMPORT_PATH: Final = "/v1/imports?format=mspdi"
_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def import_plan(base_url: str, token: str, plan: Path) -> str:
    """Import the example plan and return its project's id; importing it again changes nothing and returns the same."""
    accepted = await asyncio.to_thread(_call, base_url, token, "POST", IMPORT_PATH, plan)
    location = accepted.headers.get("location")
    if accepted.status != 202 or location is None:
        raise _failure(accepted)
    deadline = time.monotonic() + _SECONDS
    pause = _FIRST_PAUSE
    while time.monotonic() < deadline:
        answer = await asyncio.to_thread(_call, base_url, token, "GET", location)
        if answer.status != 200:
            raise _failure(answer)
        operation = json.loads(answer.body)
        if operation["status"] == "succeeded":
            return str(operation["result"]["project_id"])
        if operation["status"] in {"failed", "cancelled"}:
            raise _failure(answer)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    raise LocalRuntimeError(f"The example plan is still being imported after {_SECONDS:g} s: {location}")


def _call(base_url: str, token: str, method: str, path: str, body: Path | None = None) -> _Answer:
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/xml"} if body else {})
    try:
        # The Location of an answer may be a path or a whole URL; only its path matters to us.
        target = urlsplit(path)
        connection.request(
            method,
            target.path + (f"?{target.query}" if target.query else ""),
            body.read_bytes() if body else None,
            headers,
        )
        answer = connection.getresponse()
        return _Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except OSError as error:
        raise LocalRuntimeError(f"The example plan could not be imported: {error}") from None
    finally:
        connection.close()


def _failure(answer: _Answer) -> LocalRuntimeError:
    return LocalRuntimeError(
        f"The example plan could not be imported: {answer.status} {answer.body[:2000].decode(errors='replace')}"
    )
