"""Calling an operation's function with what a request gives, as FastAPI has read its signature, but in one step.

FastAPI's own way looks at every parameter that there could be and makes a response, exit stacks and error contexts for
what may come; that costs more than many an operation. Here only what came is looked at, by the same fields, and the
same mistakes are told in the same order. What no operation of ours uses is refused when the operation is declared.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast, get_args, get_origin
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel

if TYPE_CHECKING:
    from fastapi._compat import ModelField

Values = dict[str, object]
Errors = list[dict[str, object]]

_CONSTANTS: Final = (str, int, float, Decimal, UUID, type(None))
"""What a default may be: nothing that one request could change for the next."""
_UNUSED: Final = (
    "header_params",
    "cookie_params",
    "websocket_param_name",
    "http_connection_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
)


class NotBindable(TypeError):
    """An operation's function asks for what operations do not have."""


@dataclass(frozen=True, slots=True)
class Query:
    """The names of all query parameters of an operation, and which of them may be repeated."""

    known: frozenset[str]
    repeatable: frozenset[str]
    prefix: str | None = None
    """What begins with this is known too, and may be repeated: the function itself says which there are."""

    @classmethod
    def of(cls, dependant: Dependant, prefix: str | None = None) -> "Query":
        """Return those of a function and of all that it depends on."""
        fields = list(_query_fields(dependant))
        return cls(frozenset(f.alias for f in fields), frozenset(f.alias for f in fields if _is_list(f)), prefix)

    def is_open(self, name: str) -> bool:
        """Tell whether a name is one of those that only the function knows."""
        return self.prefix is not None and name.startswith(self.prefix)


def _query_fields(dependant: Dependant) -> "Iterator[ModelField]":
    yield from dependant.query_params
    for need in dependant.dependencies:
        yield from _query_fields(need)


def _is_list(field: "ModelField") -> bool:
    annotation: object = field.field_info.annotation
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter in a path or a query."""

    place: str
    field: "ModelField"
    name: str
    alias: str
    is_list: bool
    required: bool
    default: object

    @classmethod
    def of(cls, place: str, field: "ModelField") -> "_Parameter":
        info = field.field_info
        required = info.is_required()
        default: object = None if required else field.get_default()
        if info.validate_default or not isinstance(default, _CONSTANTS):
            raise NotBindable(f"{field.name}: a default must be a constant")
        if info.validation_alias not in (None, field.alias) or _is_model(info.annotation):
            raise NotBindable(f"{field.name}: a parameter has one name and one value")
        return cls(place, field, field.name, field.alias, _is_list(field), required, default)

    def take(self, given: object, values: Values, errors: Errors) -> None:
        """Put what was given among the values, or its mistakes among the errors."""
        value, mistakes = self.field.validate(given, loc=(self.place, self.alias))
        if mistakes:
            errors += mistakes
        else:
            values[self.name] = value


def _is_model(annotation: object) -> bool:
    return any(isinstance(each, type) and issubclass(each, BaseModel) for each in (annotation, *get_args(annotation)))


class Binding:
    """A function of an operation, or one that it depends on."""

    def __init__(self, dependant: Dependant) -> None:
        function = dependant.call
        if not inspect.iscoroutinefunction(function):
            raise NotBindable(f"{function}: must be async and not yield")
        if unused := [name for name in _UNUSED if getattr(dependant, name)]:
            raise NotBindable(f"{function.__name__}: {', '.join(unused)}")
        body = dependant.body_params
        if len(body) > 1 or any(isinstance(f.field_info, Form) or getattr(f.field_info, "embed", None) for f in body):
            raise NotBindable(f"{function.__name__}: a body is one JSON value")
        self._function = cast(Callable[..., Coroutine[object, object, object]], function)
        self._needs = [(each.name, Binding(each)) for each in dependant.dependencies]
        self._path = [_Parameter.of("path", field) for field in dependant.path_params]
        self._query = [_Parameter.of("query", field) for field in dependant.query_params]
        self._defaults: Values = {each.name: each.default for each in self._query if not each.required}
        self._body = body[0] if body else None
        self._request = dependant.request_param_name

    async def answer(self, request: Request, body: object) -> Response:
        """Call the function; raises RequestValidationError with every mistake of the request."""
        errors: Errors = []
        values = await self._gathered(request, body, errors)
        if errors:
            raise RequestValidationError(errors, body=body)
        return cast(Response, await self._function(**values))

    async def _gathered(self, request: Request, body: object, errors: Errors) -> Values:
        values = self._defaults.copy()
        for name, need in self._needs:
            before = len(errors)
            given = await need._gathered(request, body, errors)
            if len(errors) == before:
                result = await need._function(**given)
                if name is not None:
                    values[name] = result
        path: dict[str, str] = request.scope["path_params"]
        for each in self._path:
            each.take(path[each.alias], values, errors)
        if self._query:
            self._take_query(request, values, errors)
        if self._body is not None:
            value, mistakes = self._body.validate(body, loc=("body",))
            errors += mistakes
            values[self._body.name] = value
        if self._request is not None:
            values[self._request] = request
        return values

    def _take_query(self, request: Request, values: Values, errors: Errors) -> None:
        given = request.query_params if request.scope["query_string"] else None
        for each in self._query:
            if given is not None and each.alias in given:
                each.take(given.getlist(each.alias) if each.is_list else given[each.alias], values, errors)
            elif each.required:
                errors.append({"type": "missing", "loc": ("query", each.alias), "msg": "Field required", "input": None})


def bind(route: APIRoute) -> Binding:
    """Return how a route's function is called; raises NotBindable."""
    if inspect.signature(route.endpoint).return_annotation is not Response:
        raise NotBindable(f"{route.name}: must return a Response")
    return Binding(route.dependant)
