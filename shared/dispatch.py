"""The short way to an operation: found by method and path and run past the framework's layers, which cost more."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Request
from starlette.types import Receive, Scope, Send

from shared.paths import PARAMETER, Paths
from shared.route import Handle, Operation


@dataclass(frozen=True, slots=True)
class _Target:
    operation: Operation
    handle: Handle
    parameters: Sequence[tuple[str, int]]
    """The names of the path's parameters, and which segments they are."""


class Dispatch:
    """ASGI application: runs an operation, or leaves what is none to the framework.

    An operation answers its own failures and keeps nothing open, so nothing that the framework does is missed.
    """

    def __init__(self, app: FastAPI, routers: Sequence[APIRouter]) -> None:
        self.app = app
        self._targets: Paths[_Target] = Paths()
        for route in (route for router in routers for route in router.routes):
            if isinstance(route, Operation) and route.answers_failures:
                parts = [PARAMETER.fullmatch(part) for part in route.path.split("/")]
                places = [(part[1], place) for place, part in enumerate(parts) if part is not None]
                target = _Target(route, route.get_route_handler(), places)
                for method in route.methods or ():
                    self._targets.add(method, route.path, target)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            segments: list[str] = scope["path"].split("/")
            methods = self._targets.find(segments)
            target = None if methods is None else methods.get(scope["method"])
            if target is not None:
                scope["app"] = self.app
                scope["route"] = target.operation
                scope["path_params"] = {name: segments[place] for name, place in target.parameters}
                response = await target.handle(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)
