"""Who the caller is."""

import orjson
from fastapi import APIRouter, Response

from services.gateway.api.route import Caller, DirectOperation
from services.gateway.api.schemas import MeRead
from shared.permissions import Permission
from shared.route import operation

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=DirectOperation)


@router.get("", response_model=MeRead, **operation(Permission.SELF_READ))
async def get_me(asked: Caller) -> Response:
    """Tell who the caller is, and what the caller may do."""
    principal = asked.principal
    granted = ((permission, principal.reach(permission)) for permission in Permission)
    body = {
        "organization_id": principal.organization_id,
        "subject": principal.subject,
        "name": principal.name,
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
        "permissions": [{"permission": permission, "reach": reach} for permission, reach in granted if reach],
    }
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})
