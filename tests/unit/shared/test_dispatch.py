"""The short way leads to the same operations as the framework's own, and leaves the rest to it."""

import importlib
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import Message, Receive, Scope, Send

from services.topology import SERVICES
from shared.dispatch import Dispatch
from shared.paths import PARAMETER
from shared.route import Operation


class Reached(Exception):
    """Which way a request has gone, and to what."""


class Framework(FastAPI):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise Reached("framework", None)


class Tell:
    """Operations of a router, of which each only tells that it was reached."""

    def __init__(self, routers: tuple[APIRouter, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations = [r for router in routers for r in router.routes if isinstance(r, Operation)]
        for operation in self.operations:
            monkeypatch.setattr(operation, "get_route_handler", lambda: self.handle)
        self.dispatch = Dispatch(Framework(), routers)

    async def handle(self, request: Request) -> Response:
        raise Reached("dispatch", request.scope["route"], request.path_params)

    async def way(self, method: str, path: str) -> tuple[object, ...]:
        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(_message: Message) -> None: ...

        scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
        with pytest.raises(Reached) as reached:
            await self.dispatch(scope, receive, send)
        return reached.value.args


@pytest.mark.parametrize("service", SERVICES)
async def test_each_operation_is_found_as_the_framework_finds_it(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Tell(importlib.import_module(f"services.{service}.main").ROUTERS, monkeypatch)
    assert tell.operations
    for operation in tell.operations:
        identifier = str(uuid4())
        path = PARAMETER.sub(identifier, operation.path)
        (method,) = operation.methods or {""}
        (first, *_) = [o for o in tell.operations if o.path_regex.match(path) and method in (o.methods or ())]
        assert first is operation, "another operation, declared before it, takes its requests"
        if operation.answers_failures:
            parameters = dict.fromkeys(PARAMETER.findall(operation.path), identifier)
            assert await tell.way(method, path) == ("dispatch", operation, parameters)
        else:
            assert await tell.way(method, path) == ("framework", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/"),
        ("GET", "/livez"),
        ("PUT", "/v1/projects"),
        ("HEAD", "/v1/projects"),
        ("GET", "/v1/projects/"),
        ("GET", "/v1/projects//tasks"),
        ("GET", "/v1/projects/a/tasks/b/c/d/e"),
        ("GET", "v1/projects"),
    ],
)
async def test_what_is_no_operation_is_left_to_the_framework(
    method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Tell(importlib.import_module("services.projects.main").ROUTERS, monkeypatch)
    assert await tell.way(method, path) == ("framework", None)
