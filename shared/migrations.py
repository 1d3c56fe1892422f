"""Schema as a step of its own: Alembic per service, and the statements that keep organizations apart."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import structlog
from alembic import command, context, op
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.sql import text

from shared.tables import RELAY_TABLES

log = structlog.get_logger(__name__)

ROOT: Final = Path(__file__).parent.parent
LOCK_TIMEOUT: Final = "500ms"
"""Who wants a table behind a migration that waits for it waits too: for less than a request's own `lock_timeout`."""
HELD_UP: Final = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that cannot be had in time, and of a deadlock."""
PATIENCE_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 1.0
"""Between the tries, so that whoever had to wait gets on."""
OWN_ROWS: Final = "organization_id = nullif(current_setting('app.organization', true), '')::uuid"

FUNCTIONS: Final = (
    # Instants as RFC 3339 in UTC.
    """
    create or replace function pmo_instant(moment timestamptz) returns text language sql stable parallel safe
    return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    """,
    # Local wall time of a zone, with the offset that the zone has then, in whole minutes.
    """
    create or replace function pmo_local(wall timestamp, zone text) returns text language sql stable parallel safe
    return replace(date_trunc('second', wall)::text, ' ', 'T')
           || case when wall < wall at time zone zone at time zone 'UTC'
                   then '-' || left((wall at time zone zone at time zone 'UTC' - wall + interval '30 seconds')::text, 5)
                   else '+' || left((wall - wall at time zone zone at time zone 'UTC' + interval '30 seconds')::text, 5)
              end
    """,
    """
    create or replace function pmo_money(amount numeric, currency text) returns json
    language sql stable parallel safe
    return case when amount is null then null
                else ('{"amount":"' || amount || '","currency":"' || currency || '"}')::json end
    """,
)
"""One SQL helper per value type: a list's bytes equal the single resource's.

PostgreSQL puts a function's body in place of its call, which makes a list of 100 tasks ten times as fast, only if the
function is one expression without subqueries and is declared no stricter (stable) than what it calls.
"""


def secure(tables: Iterable[str], *, service: str) -> list[str]:
    """Return the statements that force row-level security on tables and grant the service's roles their rights."""
    app, relay = f"{service}_app", f"{service}_relay"
    statements = []
    for table in tables:
        statements += [
            f"alter table {table} enable row level security",
            f"alter table {table} force row level security",
            f"create policy own_rows on {table} using ({OWN_ROWS}) with check ({OWN_ROWS})",
            f"grant select, insert, update, delete on {table} to {app}",
        ]
        if table in {"history", "event_log"}:
            # What happened stays: the application can add to it, not change it.
            statements.append(f"revoke update, delete on {table} from {app}")
        if table in RELAY_TABLES:
            statements += [
                f"create policy relay_reads on {table} for select to {relay} using (true)",
                f"grant select on {table} to {relay}",
            ]
        if table.endswith("_pending"):
            statements += [
                f"create policy relay_clears on {table} for delete to {relay} using (true)",
                f"create policy relay_marks on {table} for update to {relay} using (true) with check (true)",
                f"grant update, delete on {table} to {relay}",
            ]
    return statements


def seeing_all(tables: Iterable[str], statements: Iterable[str]) -> list[str]:
    """Return statements that reach the rows of all organizations: forced row-level security binds the owner too."""
    names = list(tables)
    lifted = [f"alter table {name} no force row level security" for name in names]
    return [*lifted, *statements, *(f"alter table {name} force row level security" for name in names)]


def configuration(service: str, url: str) -> Config:
    """Return the Alembic configuration of a service."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.attributes["url"] = url
    config.attributes["service"] = service
    return config


def async_url(url: str) -> str:
    """Return a PostgreSQL URL in the form that SQLAlchemy's asyncpg dialect takes."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


async def migrate(service: str, owner_url: str, revision: str = "head") -> None:
    """Bring a service's database to a revision (`head`, `base`, or one's id)."""
    config = configuration(service, owner_url)
    step = command.downgrade if revision == "base" else command.upgrade
    await asyncio.to_thread(step, config, revision)


def run_environment(metadata: MetaData) -> None:
    """Run inside a service's `migrations/env.py`: apply the steps in one transaction under a lock.

    While others hold what it needs it gives up soon and tries again, all of it, for two minutes; then it raises.
    """
    url: str = context.config.attributes["url"]

    def apply(connection: Connection) -> None:
        # Two migrators at once wait for one another here.
        connection.execute(text("select pg_advisory_lock(hashtext('pmo-migrate'))"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
            if connection.dialect.has_table(connection, "alembic_version"):
                # By it the service knows whether the schema is the one that it needs.
                service = context.config.attributes["service"]
                connection.execute(text(f"grant select on alembic_version to {service}_app"))

    async def connect() -> None:
        engine = create_async_engine(
            async_url(url), poolclass=pool.NullPool, connect_args={"server_settings": {"lock_timeout": LOCK_TIMEOUT}}
        )
        async with engine.connect() as connection:
            await connection.run_sync(apply)
            await connection.commit()
        await engine.dispose()

    async def insist() -> None:
        latest = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await connect()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in HELD_UP or monotonic() > latest:
                    raise
                log.warning("migration.waits", service=context.config.attributes["service"], reason=str(error.orig))
            await asyncio.sleep(PAUSE_SECONDS)

    asyncio.run(insist())


async def draft(metadata: MetaData, owner_url: str) -> str:
    """Return Alembic code for what a database lacks of a metadata: the body of the next migration, empty if nothing."""
    engine = create_async_engine(async_url(owner_url), poolclass=pool.NullPool)

    def compare(connection: Connection) -> str:
        found = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        difference = produce_migrations(found, metadata)
        assert difference.upgrade_ops is not None
        assert difference.downgrade_ops is not None
        if difference.upgrade_ops.is_empty():
            return ""
        steps = [render_python_code(ops) for ops in (difference.upgrade_ops, difference.downgrade_ops)]
        return "\n\n\ndef downgrade() -> None:\n    ".join(steps)

    async with engine.connect() as connection:
        code = await connection.run_sync(compare)
    await engine.dispose()
    return code


def run_all(statements: Iterable[str]) -> None:
    """Run statements inside a migration as they stand; a colon in them is no parameter."""
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


async def prepare(owner_url: str, metadata: MetaData, *, service: str, functions: Sequence[str] = FUNCTIONS) -> None:
    """Create all tables of a metadata at once, secured: for tests of the shared kernel that have no service."""
    engine = create_async_engine(async_url(owner_url), poolclass=pool.NullPool)
    async with engine.begin() as connection:
        for statement in functions:
            await connection.exec_driver_sql(statement)
        await connection.run_sync(metadata.create_all)
        for statement in secure(metadata.tables, service=service):
            await connection.exec_driver_sql(statement)
    await engine.dispose()
