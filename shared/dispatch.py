"""The short way to an operation: what the framework does around a handler costs more than many a handler."""

import inspect
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from starlette.types import Receive, Scope, Send

from shared.route import Operation

STACK: Final = AsyncExitStack()
"""Where the framework would keep what dependencies leave open; ours leave nothing open, which is checked."""
PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")

Pattern = tuple[tuple[str, bool], ...]
"""A path's segments: a text, and whether it names a parameter."""


class Dispatch:
    """ASGI application: finds an operation by method and path and runs it; all else goes to the framework.

    An operation answers its own failures, so nothing of the framework's handling of errors is missed.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._operations: dict[tuple[str, int], list[tuple[Pattern, Operation]]] = {}
        for route in app.router.routes:
            if isinstance(route, Operation):
                pattern = _pattern(route.path)
                _check(route.dependant)
                for method in route.methods or ():
                    self._operations.setdefault((method, len(pattern)), []).append((pattern, route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            parts: list[str] = scope["path"].split("/")
            for pattern, operation in self._operations.get((scope["method"], len(parts)), ()):
                parameters = _matched(pattern, parts)
                if parameters is not None:
                    scope["app"] = self._app
                    scope["route"] = operation
                    scope["path_params"] = parameters
                    for stack in ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack"):
                        scope[stack] = STACK
                    response = await operation.answer(Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _pattern(path: str) -> Pattern:
    pattern = []
    for part in path.split("/"):
        parameter = PARAMETER.fullmatch(part)
        if parameter is None and "{" in part:
            raise ValueError(f"{path}: a parameter must be a whole segment")
        pattern.append((part, False) if parameter is None else (parameter[1], True))
    return tuple(pattern)


def _matched(pattern: Pattern, parts: Sequence[str]) -> dict[str, str] | None:
    parameters = {}
    for (text, is_parameter), part in zip(pattern, parts, strict=True):
        if not is_parameter:
            if part != text:
                return None
        elif part:
            parameters[text] = part
        else:
            return None
    return parameters


def _check(dependant: Dependant) -> None:
    for each in dependant.dependencies:
        if inspect.isgeneratorfunction(each.call) or inspect.isasyncgenfunction(each.call):
            raise TypeError(f"{each.call}: a dependency of an operation must not yield")
        _check(each)
