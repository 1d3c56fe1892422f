"""How the gateway's own operations are called: the edge has verified the caller already."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from shared.auth import Principal
from shared.binding import Query
from shared.body import check_query
from shared.errors import Forbidden, Unauthenticated
from shared.permissions import Permission, Reach
from shared.route import Operation


def caller_of(request: Request) -> Principal:
    """Return whom the edge has verified; raises Unauthenticated when it has not."""
    principal: object = request.scope.get("state", {}).get("principal")
    if not isinstance(principal, Principal):
        raise Unauthenticated
    return principal


class EdgeOperation(Operation):
    """An operation in one transaction, for the caller that the edge verified."""

    def caller(self, request: Request) -> Principal:
        """Return whom the edge has verified."""
        return caller_of(request)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and how far the permission goes."""

    principal: Principal
    reach: Reach


class DirectOperation(EdgeOperation):
    """An operation that needs a permission, but no transaction: it lasts, or asks the services."""

    answers_failures = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Return the handler behind its checks; raises at start if no permission is declared."""
        original = APIRoute.get_route_handler(self)
        permission = Permission(str((self.openapi_extra or {})["x-pmo-permission"]))
        query = Query.of(self.dependant)

        async def handle(request: Request) -> Response:
            principal = caller_of(request)
            reached = principal.reach(permission)
            if reached is None:
                raise Forbidden
            check_query(request, query)
            request.state.asked = Asked(principal, reached)
            return await original(request)

        return handle


async def _asked(request: Request) -> Asked:
    asked: Asked = request.state.asked
    return asked


Caller = Annotated[Asked, Depends(_asked)]
