"""API clients over HTTP."""

import os
from collections.abc import Callable, Coroutine
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from uuid_utils.compat import uuid7

from services.gateway import repository
from services.gateway.api.route import EdgeOperation
from services.gateway.api.schemas import ApiClientCreate, ApiClientCreated, ApiClientPage
from services.gateway.domain.api_client import Scope
from services.gateway.domain.images import ApiClientRead
from services.gateway.models import API_CLIENT
from services.gateway.proxy.app import Edge
from services.gateway.service import api_clients as service
from shared import entity, pagination
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import Current, identifier_of, operation

_WITHOUT_KEY: Final = b',"key":null}'


class ClientOperation(EdgeOperation):
    """An operation on API clients, with what must happen once its transaction has committed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Return the handler that shows a new key, and forgets callers when one was revoked."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            response = await inner(request)
            if request.method == "DELETE":
                edge: Edge = request.app.state.edge
                edge.authenticator.forget()
            elif bytes(response.body).endswith(_WITHOUT_KEY):
                _reveal(request, response)
            return response

        return handle


def _reveal(request: Request, response: Response) -> None:
    """Put the key into the answer, which is stored without it."""
    body = bytes(response.body)
    nonce = _nonce(request, UUID(orjson.loads(body)["id"]))
    _, key = service.make_key(request.app.state.cursor_secret, nonce)
    response.body = body.removesuffix(_WITHOUT_KEY) + b',"key":"' + key.encode() + b'"}'
    response.headers["content-length"] = str(len(response.body))
    response.headers["cache-control"] = "no-store"


router = APIRouter(prefix="/v1/api-clients", tags=["api-clients"], route_class=ClientOperation)

ClientId = Annotated[str, Path(description="The API client's id.")]


def _nonce(request: Request, identifier: UUID) -> bytes:
    """Return what the key of this request is made of: the Idempotency-Key if there is one, else chance."""
    key = request.headers.get("idempotency-key")
    if key is None:
        state = request.scope["state"]
        chance: bytes = state.setdefault("chance", os.urandom(32))
        return chance
    return f"{identifier}\n{key}".encode("latin-1")


@router.post(
    "", status_code=201, response_model=ApiClientCreated, **operation(Permission.API_CLIENT_MANAGE, 409, 413, 415)
)
async def create_api_client(call: Current, request: Request, body: ApiClientCreate) -> Response:
    """Let another system in.

    The answer shows its API key, this once: only a hash of it is stored. The key is sent as `Authorization: Bearer`
    and is good for what its scopes grant: `ingest` to push events, `subscribe` to watch, `read` to read.
    """
    identifier = uuid7()
    key_id, key = service.make_key(request.app.state.cursor_secret, _nonce(request, identifier))
    written = await service.create_api_client(
        call.tx,
        identifier,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        key_id=key_id,
        key=key,
    )
    response = call.written(written, 201, f"/v1/api-clients/{written.id}")
    response.body = bytes(response.body).removesuffix(b"}") + _WITHOUT_KEY
    response.headers["content-length"] = str(len(response.body))
    return response


@router.get("", response_model=ApiClientPage, **operation(Permission.API_CLIENT_MANAGE))
async def list_api_clients(
    call: Current,
    page: Paging,
    scope: Annotated[Scope | None, Query(description="Whose keys are good for this.")] = None,
    name: Annotated[str | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List API clients.

    Sorts: id, name, created_at, last_used_at; default id (order of creation).
    """
    return await pagination.page(call.tx, repository.API_CLIENTS, page, {"scope": scope, "name": name})


@router.get("/{client_id}", response_model=ApiClientRead, **operation(Permission.API_CLIENT_MANAGE, 404))
async def get_api_client(call: Current, client_id: ClientId) -> Response:
    """Return one API client, without its key."""
    return call.one(*await entity.get(call.tx, API_CLIENT, "t.id = $2", identifier_of(client_id)))


@router.delete("/{client_id}", status_code=204, **operation(Permission.API_CLIENT_MANAGE, 404, 412, 428))
async def revoke_api_client(call: Current, client_id: ClientId) -> Response:
    """Revoke an API client's key.

    The key is refused at once, by other instances of the gateway within ten seconds.
    """
    return call.written(await service.revoke_api_client(call.tx, identifier_of(client_id), call.expected))
