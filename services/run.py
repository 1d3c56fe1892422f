"""How a service runs and how its database and stream are prepared, or filled again: what production starts."""

import gc
import importlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final

from services import topology
from shared import faults, http_server, telemetry
from shared.settings import SettingsError, required

if TYPE_CHECKING:
    from shared.audit.rebuild import Progress, Wanted
    from shared.republish import Place, Selection

KEEP_ALIVE_SECONDS: Final = {"gateway": 15}
"""Public connections are let go early; between our own processes they stay, longer than any caller keeps them."""
_INTERNAL_KEEP_ALIVE_SECONDS: Final = 75
_REBUILD_VARIABLES: Final = ("PMO_DATABASE_URL", "PMO_RELAY_DATABASE_URL", "PMO_NATS_URL")
_PROGRESS_SECONDS: Final = 2.0
_REPUBLISH_URLS: Final = ("DATABASE_URL", "RELAY_DATABASE_URL")


def serve(service: str, *, grace: int, linger: int) -> int:
    """Run a service until it is told to stop; returns its exit code. Raises SettingsError before anything starts.

    Of the `grace` seconds from then on it takes new requests during the first `linger`, saying that it is not ready.
    """
    settings = importlib.import_module(f"services.{service}.settings").load()
    telemetry.configure_logging(service, settings.log_level)
    try:
        faults.arm_from_environment(os.environ)
    except ValueError as error:
        raise SettingsError([f"{faults.VARIABLE}: {error}"]) from None
    app = importlib.import_module(f"services.{service}.main").create_app(settings)
    calm_collector()
    server = http_server.server(
        app,
        settings.host,
        settings.port,
        keep_alive=KEEP_ALIVE_SECONDS.get(service, _INTERNAL_KEEP_ALIVE_SECONDS),
        graceful_seconds=max(0, grace - linger),
        linger_seconds=min(linger, grace),
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


class Interrupted(Exception):
    """A command broke off; the message says why and how it goes on."""


async def republish(
    services: Sequence[str], environ: Mapping[str, str], selection: "Selection", *, after: "Place | None" = None
) -> None:
    """Queue events of services' logs once more, then make the streams and consumers that are missing.

    In this order, so that after a loss of the broker's store the events of each aggregate are published from the
    first on, before anything newer. Raises SettingsError, or Interrupted.
    """
    alone = len(services) == 1
    databases = {
        service: [f"PMO_{'' if alone else service.upper() + '_'}{name}" for name in _REPUBLISH_URLS]
        for service in services
    }
    names = [name for pair in databases.values() for name in pair]
    found = required(environ, (*names, "PMO_NATS_ADMIN_URL"))
    import nats.errors

    from shared import bus

    telemetry.configure_logging("republish", "error")
    for service, (app, relay) in databases.items():
        await _requeue(service, found[app], found[relay], selection, after)
    for service in services:
        try:
            await bus.provision(found["PMO_NATS_ADMIN_URL"], service, topology.readers(service))
        except (TimeoutError, OSError, bus.BusDown, nats.errors.Error) as error:
            reason = str(error) or "NATS does not answer"
            again = f"Once it does, run: pmo migrate {service}"
            raise Interrupted(f"{service}: all is queued, but no stream made: {reason}\n{again}") from error
        sys.stderr.write(f"{service}: the stream and its consumers are there\n")


async def _requeue(service: str, app_url: str, relay_url: str, selection: "Selection", after: "Place | None") -> None:
    import asyncpg

    from shared.republish import requeue

    place, queued = after, 0
    try:
        async with aclosing(requeue(app_url, relay_url, selection, after=after)) as progress:
            async for step in progress:
                place, queued = step.place, step.queued
                sys.stderr.write(f"{service}: {step.queued} of {step.seen} events queued, up to {place}\n")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        again = f"pmo republish {service}" + (f" --after {place}" if place is not None else "")
        raise Interrupted(f"{service}: broke off: {error or type(error).__name__}\nGo on with: {again}") from error
    sys.stderr.write(f"{service}: {queued} events are queued; the service publishes them\n")


async def rebuild(service: str, environ: Mapping[str, str], wanted: "Wanted", *, repair: bool) -> bool:
    """Build a service's projection anew from its owner's log, or only compare; tells whether all is as it should be.

    Without `repair` nothing may differ; with it nothing may be left that could not be rebuilt. The service may go on
    working, the owner must. Raises SettingsError, or Interrupted.
    """
    found = required(environ, _REBUILD_VARIABLES)
    import asyncpg

    from shared.audit.examination import Examiner
    from shared.audit.owner import NotAnswered, Owner
    from shared.audit.rebuild import rebuild
    from shared.bus import Bus, BusDown
    from shared.consumer import Consumer
    from shared.db import Database

    telemetry.configure_logging("rebuild", "error")
    consumers = importlib.import_module(f"services.{service}.consumers")
    projection = consumers.PROJECTION
    try:
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(Bus(found["PMO_NATS_URL"], name="rebuild").open())
            database = await Database.connect(found["PMO_DATABASE_URL"], size=2, application="pmo rebuild")
            stack.push_async_callback(database.close)
            consumer = Consumer(
                database,
                bus,
                service=service,
                producer=projection.producer,
                subscriptions=consumers.SUBSCRIPTIONS[projection.producer],
            )
            examiner = Examiner(database, consumer, projection, Owner(bus, projection.producer))
            steps = await stack.enter_async_context(
                aclosing(rebuild(examiner, found["PMO_RELAY_DATABASE_URL"], wanted, repair=repair))
            )
            return await _told(service, steps, repair=repair)
    except (OSError, BusDown, NotAnswered, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or type(error).__name__
        again = "What was rebuilt stays; run the command again."
        raise Interrupted(f"{service}: broke off: {reason}\n{again}") from error


async def _told(service: str, steps: "AsyncIterator[Progress]", *, repair: bool) -> bool:
    """Say how far it is, now and then, and at the end what was found; tells whether all is as it should be."""
    began = said = time.monotonic()
    progress = None
    async for progress in steps:
        if time.monotonic() - said > _PROGRESS_SECONDS:
            said = time.monotonic()
            sys.stderr.write(f"{service}: {progress.aggregates} aggregates, {progress.rows} rows\n")
    if progress is None:
        sys.stderr.write(f"{service}: there is nothing of that kind\n")
        return True
    for root, reason in progress.failed.items():
        sys.stderr.write(f"{service}: {root.organization_id}/{root.aggregate_id} was left as it is: {reason}\n")
    seconds = max(time.monotonic() - began, 0.001)
    differences = ", ".join(f"{table} {rows}" for table, rows in sorted(progress.differences.items())) or "none"
    sys.stderr.write(
        f"{service}: {'rebuilt' if repair else 'compared'} {progress.aggregates} aggregates, {progress.events} events,"
        f" {progress.rows} rows in {seconds:.1f} s ({progress.rows / seconds:.0f} rows/s);"
        f" {progress.differing} differed, rows that differed: {differences}\n"
    )
    return not progress.failed and (repair or not progress.differing)
