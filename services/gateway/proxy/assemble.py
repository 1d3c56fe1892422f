"""Puts the edge together from settings, the merged document and the gateway's own API."""

from collections.abc import Iterable, Mapping
from itertools import chain

from starlette.types import ASGIApp

from services.gateway.proxy.api_keys import Lookup
from services.gateway.proxy.app import AccessLog, Edge, ProxyApp
from services.gateway.proxy.authentication import Authenticator
from services.gateway.proxy.client import Upstream
from services.gateway.proxy.cors import Cors
from services.gateway.proxy.keys import key_source
from services.gateway.proxy.routes import GATEWAY, Route, RouteTable, from_openapi
from services.gateway.proxy.tokens import TokenVerifier
from services.gateway.settings import GatewaySettings
from shared.auth import InternalTokenMinter
from shared.guard import Rules


def public_page(template: str) -> Route:
    """A GET of the gateway's own that needs no credential and stands in no document, such as `/livez`."""
    return Route(method="GET", template=template, service=GATEWAY, public=True)


def assemble(
    settings: GatewaySettings,
    document: Mapping[str, object],
    inner: ASGIApp,
    lookup: Lookup,
    *,
    pages: Iterable[Route] = (),
    access_log: AccessLog | None = None,
) -> ProxyApp:
    """Return the gateway's outermost ASGI callable; the services need not be up."""
    upstreams = {name: Upstream(name, url) for name, url in settings.upstreams.items()}
    verifier = TokenVerifier(settings.oidc_issuer, settings.oidc_audience, key_source(settings.oidc_jwks))
    edge = Edge(
        routes=RouteTable(chain(from_openapi(document), pages), upstreams),
        upstreams=upstreams,
        authenticator=Authenticator(verifier, lookup),
        minter=InternalTokenMinter.from_pem(settings.internal_private_key),
        inner=inner,
        rules=Rules(hosts=settings.hosts),
        cors=Cors(settings.origins),
        secure=settings.environment != "local",
        access_log=access_log,
    )
    return ProxyApp(edge)
