"""Handlers that look only at what a request gives: the framework's own looks at every parameter that there could be."""

import inspect
from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import replace
from typing import Final

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo

Handle = Callable[[Request], Coroutine[object, object, Response]]

MOST_HANDLERS: Final = 64


class Solved:
    """The framework's handlers of a route, one per set of query parameters that requests come with.

    A list has more than a dozen parameters, a request for it two or three.
    """

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self._full = APIRoute.get_route_handler(route)
        self._handlers: dict[frozenset[str], Handle] = {}

    def by(self, request: Request) -> Handle:
        """Return the handler for what the request gives."""
        given = frozenset(request.query_params) if request.scope["query_string"] else frozenset[str]()
        handler = self._handlers.get(given)
        if handler is None:
            if len(self._handlers) >= MOST_HANDLERS:
                return self._full
            variant = copy(self._route)
            variant.dependant = _looking_at(self._route.dependant, given)
            handler = self._handlers[given] = APIRoute.get_route_handler(variant)
        return handler


def _looking_at(dependant: Dependant, given: frozenset[str]) -> Dependant:
    """Return what a function depends on without the absent query parameters whose own defaults will do."""
    assert dependant.call is not None
    parameters = inspect.signature(dependant.call).parameters
    kept = [
        field
        for field in dependant.query_params
        if field.alias in given or field.name not in parameters or not _has_default(parameters[field.name])
    ]
    return replace(
        dependant, query_params=kept, dependencies=[_looking_at(each, given) for each in dependant.dependencies]
    )


def _has_default(parameter: inspect.Parameter) -> bool:
    # What is declared as `= Query(…)` has its default in there.
    return parameter.default is not parameter.empty and not isinstance(parameter.default, FieldInfo)
