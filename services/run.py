"""How a service runs and how its database and stream are prepared: what production starts, one by one."""

import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from services import topology
from shared import http_server, telemetry
from shared.settings import required

KEEP_ALIVE_SECONDS: Final = {"gateway": 15}
"""Public connections are let go early; between our own processes they stay, longer than any caller keeps them."""
_INTERNAL_KEEP_ALIVE_SECONDS: Final = 75


def serve(service: str, *, grace: int) -> int:
    """Run a service until it is told to stop; returns its exit code. Raises SettingsError before anything starts."""
    settings = importlib.import_module(f"services.{service}.settings").load()
    telemetry.configure_logging(service, settings.log_level)
    app = importlib.import_module(f"services.{service}.main").create_app(settings)
    calm_collector()
    server = http_server.server(
        app,
        settings.host,
        settings.port,
        keep_alive=KEEP_ALIVE_SECONDS.get(service, _INTERNAL_KEEP_ALIVE_SECONDS),
        graceful_seconds=grace,
    )
    server.run()
    return 0 if server.started else 3


def calm_collector() -> None:
    """Let the garbage collector leave out what was loaded at the start, and come less often.

    A batch of events makes tens of thousands of objects that are freed without it; looking at all of them again and
    again took a third of the time of ingest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def migrate(services: Sequence[str], environ: Mapping[str, str]) -> None:
    """Bring the databases of services up to date and make their streams and consumers; raises SettingsError."""
    alone = len(services) == 1
    variables = {
        service: "PMO_MIGRATION_DATABASE_URL" if alone else migration_variable(service) for service in services
    }
    found = required(environ, (*variables.values(), "PMO_NATS_ADMIN_URL"))
    from shared import bus, migrations

    telemetry.configure_logging("migrate", "warning")
    for service, variable in variables.items():
        await migrations.migrate(service, found[variable])
        await bus.provision(found["PMO_NATS_ADMIN_URL"], service, topology.readers(service))
        sys.stderr.write(f"{service}: database and stream are up to date\n")


def migration_variable(service: str) -> str:
    """The variable that holds a service's migration URL when several are migrated at once."""
    return f"PMO_{service.upper()}_MIGRATION_DATABASE_URL"
