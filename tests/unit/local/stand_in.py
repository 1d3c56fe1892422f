"""A stand-in for the `pmo` program: services that only say that they are ready, under the real `pmo up`."""

import asyncio
import json
import os
import sys
from pathlib import Path

import uvicorn

from services.local.errors import LocalRuntimeError
from services.local.up import Options, up

PROJECT = "0198c0de-0000-7000-8000-000000000001"


async def _answer(path: str, method: str) -> tuple[int, dict[str, str], object]:
    match method, path:
        case "POST", "/v1/imports":
            return 202, {"location": "/v1/operations/projects-1"}, {}
        case "GET", "/v1/operations/projects-1":
            return 200, {}, {"status": "succeeded", "result": {"project_id": PROJECT}}
        case "GET", "/whoami":
            return 200, {}, {"pid": os.getpid(), "settings": sorted(name for name in os.environ if "PMO" in name)}
    return 200, {}, {}


async def _app(scope: dict[str, str], receive: object, send: object) -> None:
    assert callable(send)
    assert callable(receive)
    if scope["type"] == "lifespan":
        return
    status, headers, body = await _answer(scope["path"], scope["method"])
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def _serve(service: str) -> int:
    sys.stderr.write(f"the {service} stand-in was asked to serve\n")
    if os.environ.get("STAND_IN_BROKEN") == service:
        sys.stderr.write("this stand-in is broken\n")
        return 2
    uvicorn.run(_app, host="127.0.0.1", port=int(os.environ["PMO_PORT"]), log_config=None, lifespan="off")
    return 0


def _migrate() -> int:
    return 1 if os.environ.get("STAND_IN_BROKEN") == "migrate" else 0


def _up(data: str, port: str, *flags: str) -> int:
    options = Options(
        data=Path(data),
        port=int(port),
        demo="--demo" in flags,
        reset="--reset" in flags,
        json="--json" in flags,
        plan=Path(__file__),
        program=(sys.executable, __file__),
    )
    try:
        asyncio.run(up(options))
    except LocalRuntimeError as error:
        sys.stderr.write(f"pmo: {error}\n")
        return 1
    return 0


def main(command: str, *arguments: str) -> int:
    """Do what the `pmo` command of this name does, as far as the supervisor can tell."""
    match command:
        case "serve":
            return _serve(arguments[0])
        case "migrate":
            return _migrate()
    return _up(*arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
