"""An operation's function gets what FastAPI would give it, and refuses what FastAPI would refuse, in the same words."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
import pytest
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse
from starlette.types import Message

from shared import binding
from shared.types import Instant, Wanted


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    litres: int = 1


class Wish(BaseModel):
    limit: int
    cursor: str | None
    path: str


async def wish(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=5)] = None,
) -> Wish:
    return Wish(limit=limit, cursor=cursor, path=request.url.path)


async def paint(
    room_id: Annotated[UUID, Path()],
    wished: Annotated[Wish, Depends(wish)],
    body: Annotated[Paint, Body()],
    must: Annotated[int, Query()],
    colour: Annotated[list[Colour] | None, Query(max_length=2)] = None,
    name: Annotated[Wanted | None, Query(max_length=4)] = None,
    before: Annotated[Instant | None, Query()] = None,
    below: Annotated[Decimal | None, Query(ge=0, allow_inf_nan=False)] = None,
    dry: Annotated[bool, Query()] = False,
) -> Response:
    values = (room_id, wished, body, must, colour, name, before, below, dry)
    return Response(repr(values))


def _route(function: Callable[..., Any]) -> APIRoute:
    router = APIRouter()
    router.post("/rooms/{room_id}")(function)
    (route,) = router.routes
    assert isinstance(route, APIRoute)
    return route


ROUTE = _route(paint)
BOUND = binding.bind(ROUTE)


def _request(room: str, query: str, body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"host", b"here"), (b"content-type", b"application/json")]
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": f"/rooms/{room}",
            "raw_path": f"/rooms/{room}".encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("here", 80),
            "query_string": query.encode(),
            "headers": headers,
            "path_params": {"room_id": room},
        },
        receive,
    )


async def _by_the_framework(room: str, query: str, body: bytes) -> object:
    app = FastAPI()
    app.router.routes.append(ROUTE)
    refused: list[object] = []

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        refused.extend(_told(error))
        return JSONResponse({}, 422)

    app.add_exception_handler(RequestValidationError, refuse)
    request = _request(room, query, body)
    parts = []

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))

    await app(request.scope, request.receive, send)
    return refused or b"".join(parts)


async def _by_us(room: str, query: str, body: bytes) -> object:
    try:
        response = await BOUND.answer(_request(room, query, body), orjson.loads(body))
    except RequestValidationError as error:
        return _told(error)
    return bytes(response.body)


def _told(error: RequestValidationError) -> list[object]:
    return [{key: repr(each.get(key)) for key in ("type", "loc", "msg", "input")} for each in error.errors()]


_TEXT = st.sampled_from(
    ["", "1", "50", "0", "201", "x", "red", "blue", "green", "true", "no", "1.5", "-2", "nan", "inf", "abcdef", "%",
     "2026-03-01T10:00:00Z", "2026-03-01", "1e400", " 7 ", "null"]
)  # fmt: skip
_NAMES = st.sampled_from(["limit", "cursor", "must", "colour", "name", "before", "below", "dry", "unknown"])
_BODIES: st.SearchStrategy[object] = st.sampled_from(
    [{"name": "white"}, {"name": "white", "litres": "3"}, {"litres": "many"}, {"name": 1, "more": 2}, [], None, 7, "x"]
)


@given(
    room=st.sampled_from(["7", "0190c0de-0000-7000-8000-000000000001"]),
    query=st.lists(st.tuples(_NAMES, _TEXT), max_size=7),
    body=_BODIES,
)
async def test_a_function_is_called_as_the_framework_would_call_it(
    room: str, query: list[tuple[str, str]], body: object
) -> None:
    arguments = (room, urlencode(query), orjson.dumps(body))
    assert await _by_us(*arguments) == await _by_the_framework(*arguments)


async def test_what_is_not_given_is_the_default() -> None:
    answer = await _by_us("0190c0de-0000-7000-8000-000000000001", "must=3", b'{"name":"white"}')
    assert isinstance(answer, bytes)
    assert b"limit=50" in answer
    assert b"3, None, None, None, None, False" in answer


async def _header(x: Annotated[str, Header()]) -> Response:
    return Response(x)


async def _tasks(tasks: BackgroundTasks) -> Response:
    return Response(str(tasks))


async def _mutable(name: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006
    return Response(str(name))


async def _two_bodies(one: Paint, other: Paint) -> Response:
    return Response(f"{one}{other}")


async def _no_response(name: str) -> str:
    return name


def _not_async(name: str) -> Response:
    return Response(name)


async def _yielding() -> Any:
    yield 1


async def _with_yield(one: Annotated[int, Depends(_yielding)]) -> Response:
    return Response(str(one))


@pytest.mark.parametrize(
    "function",
    [_header, _tasks, _mutable, _two_bodies, _no_response, _not_async, _with_yield],
    ids=lambda f: f.__name__,
)
def test_what_operations_do_not_have_is_refused_when_it_is_declared(function: Callable[..., Any]) -> None:
    with pytest.raises(binding.NotBindable):
        binding.bind(_route(function))
