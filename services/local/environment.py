"""What `pmo up` tells each service by environment: the same variables as in production."""

import os
from collections.abc import Mapping
from typing import Final

from services import run, topology
from services.local import keys
from services.local.nats import NatsServer
from services.local.postgres import ServiceDatabase

LOCAL_ORIGINS: Final = ("http://localhost:*", "http://127.0.0.1:*")
"""Front ends under development on this machine, whatever their port."""


TRACES: Final = "PMO_TRACES"
"""Where spans go is for whoever starts the system to say, as are OpenTelemetry's own variables."""


def for_services(
    databases: Mapping[str, ServiceDatabase], nats: NatsServer, secrets: keys.Keys, ports: Mapping[str, int]
) -> dict[str, dict[str, str]]:
    """Service -> its whole environment."""
    return {
        service: _inherited()
        | {
            "PMO_ENVIRONMENT": "local",
            "PMO_HOST": "127.0.0.1",
            "PMO_PORT": str(ports[service]),
            "PMO_DATABASE_URL": databases[service].app,
            "PMO_RELAY_DATABASE_URL": databases[service].relay,
            "PMO_NATS_URL": nats.url(service),
            "PMO_INTERNAL_PUBLIC_KEY_FILE": str(secrets.internal_public),
            "PMO_CURSOR_SECRET_FILE": str(secrets.cursor_secret),
        }
        | (_of_the_gateway(secrets, ports) if service == "gateway" else {})
        for service in topology.SERVICES
    }


def for_migrations(databases: Mapping[str, ServiceDatabase], nats: NatsServer) -> dict[str, str]:
    """The environment of `pmo migrate all`."""
    urls = {run.migration_variable(service): databases[service].owner for service in topology.SERVICES}
    return _inherited() | {"PMO_NATS_ADMIN_URL": nats.url()} | urls


def _of_the_gateway(secrets: keys.Keys, ports: Mapping[str, int]) -> dict[str, str]:
    upstreams = {
        f"PMO_{service.upper()}_URL": f"http://127.0.0.1:{ports[service]}"
        for service in topology.SERVICES
        if service != "gateway"
    }
    return upstreams | {
        "PMO_INTERNAL_PRIVATE_KEY_FILE": str(secrets.internal_private),
        "PMO_OIDC_ISSUER": keys.ISSUER,
        "PMO_OIDC_AUDIENCE": keys.AUDIENCE,
        "PMO_OIDC_JWKS": str(secrets.jwks),
        "PMO_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "PMO_CORS_ORIGINS": ",".join(LOCAL_ORIGINS),
    }


def _inherited() -> dict[str, str]:
    # Settings of another installation that happen to be in the shell must not reach this one.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PMO_") or name == TRACES}
    return own | {"PYTHONUNBUFFERED": "1"}
