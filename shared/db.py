"""PostgreSQL access: a pool of connections and one transaction per piece of work, always of one organization."""

import asyncio
import re
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, Self
from uuid import UUID

import asyncpg
from prometheus_client import Counter

from shared.errors import Overloaded
from shared.faults import fault
from shared.memory import Memory
from shared.telemetry import REGISTRY

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Lent = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

ACQUIRE_SECONDS: Final = 2.0
"""How long a request waits for a connection before it is turned away: a longer wait only hides overload."""
ROWS_AT_ONCE: Final = 2_000
"""Of a table with wide rows they take some milliseconds to read."""
AT_ONCE: Final = 4
"""Connections opened with the pool, so that the first requests wait for none: on a busy machine one takes seconds."""

NONE_FREE: Final = Counter(
    "pmo_database_none_free", "Times that no database connection was free in time.", registry=REGISTRY
)


class SessionNotClean(Exception):
    """A connection came from the pool with an organization of somebody else."""


class Connection(asyncpg.Connection):  # not generic at run time
    """A pooled connection without a reset query: nothing is ever set per session, only per transaction."""

    def get_reset_query(self) -> str:
        """Return no statement; the pool still rolls back what was left open."""
        return ""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 – the pool calls it so
        """Roll back without a word what a cancelled task could not: asyncpg would report that as an error."""
        if self.is_in_transaction():
            await self.execute("rollback", timeout=timeout)
        await super().reset(timeout=timeout)


@dataclass(frozen=True, slots=True)
class Context:
    """On whose behalf a transaction runs, and what it belongs to."""

    organization_id: UUID
    actor: str
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""
    reason: str | None = None


class Closing(Protocol):
    """A write that ends a transaction."""

    def statement(self) -> tuple[str, Sequence[object]]:
        """Return an insert, update or delete with its parameters; independent of the others' effects."""


@dataclass(slots=True)
class _Begun:
    """Whether the transaction has begun: shared by all that are derived from one."""

    yes: bool = True


@dataclass(slots=True)
class Transaction:
    """An open transaction of one organization; row-level security shows it nothing else."""

    connection: "Lent"
    context: Context
    memory: Memory = field(default_factory=Memory)
    """What this process keeps of what transactions before have read."""
    kept: dict[Hashable, tuple[object, int]] = field(default_factory=dict)
    """What it is to keep once this transaction has committed, with the number of rows."""
    wakes: dict[str, float] = field(default_factory=dict)
    closing: dict[str, Closing] = field(default_factory=dict)
    """Writes that nobody waits for, by name: they go together in one round trip before the commit."""
    begun: _Begun = field(default_factory=_Begun)
    locked: bool = False
    """Whether the transaction got the lock that it was opened with."""

    @property
    def organization_id(self) -> UUID:
        """The organization whose rows this transaction sees."""
        return self.context.organization_id

    async def read(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Return the rows of a plain select; while only such have run, each is a transaction of its own.

        That saves two round trips of three. Nothing is lost by it: in READ COMMITTED each statement sees what is
        committed when it begins, in one transaction or in several.
        """
        if self.begun.yes:
            return list(await self.connection.fetch(sql, *values))
        return list(await self.connection.fetch(alone(sql, len(values)), *values, str(self.organization_id)))

    async def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Return all rows."""
        if not self.begun.yes:
            await self._begin()
        return list(await self.connection.fetch(sql, *values))

    async def fetch_all(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Return very many rows: they are read in turns with others, not 2 MiB of them at once."""
        if not self.begun.yes:
            await self._begin()
        cursor = await self.connection.cursor(sql, *values)
        rows = list[asyncpg.Record]()
        while len(rows) % ROWS_AT_ONCE == 0 and (more := await cursor.fetch(ROWS_AT_ONCE)):
            rows += more
        return rows

    async def fetchrow(self, sql: str, *values: object) -> asyncpg.Record | None:
        """Return the first row, or None."""
        if not self.begun.yes:
            await self._begin()
        row: asyncpg.Record | None = await self.connection.fetchrow(sql, *values)
        return row

    async def fetchtext(self, sql: str, *values: object) -> str | None:
        """Return the first column of the first row as the text PostgreSQL wrote, or None."""
        row = await self.fetchrow(sql, *values)
        return None if row is None or row[0] is None else str(row[0])

    async def fetchint(self, sql: str, *values: object) -> int:
        """Return the first column of the first row as a whole number, 0 where there is none."""
        row = await self.fetchrow(sql, *values)
        return row[0] if row is not None and isinstance(row[0], int) else 0

    async def execute(self, sql: str, *values: object) -> str:
        """Run a statement and return its command tag."""
        if not self.begun.yes:
            await self._begin()
        return str(await self.connection.execute(sql, *values))

    async def join_by_hash(self) -> None:
        """Let no further statement of this transaction join row by row: for those that go over whole plans.

        PostgreSQL may know nothing yet of a table that has just grown, take it for empty, and then read all of one plan
        for each row of another: minutes instead of milliseconds.
        """
        await self.execute("select set_config('enable_nestloop', 'off', true)")

    async def _begin(self) -> None:
        _clean(self.connection, await self.connection.execute(_beginning(self.context)))
        self.begun.yes = True

    def under(self, context: Context) -> "Transaction":
        """Return the same transaction on behalf of another context."""
        return replace(self, context=context)

    def because(self, reason: str | None) -> "Transaction":
        """Return the same transaction, whose writes history keeps with a reason that the body of a request gave.

        Without one, that of its header `PMO-Reason` stands.
        """
        return self.under(replace(self.context, reason=reason or self.context.reason))

    async def close(self) -> None:
        """Run the closing writes, in one statement."""
        if not self.closing:
            return
        statements = [closing.statement() for closing in self.closing.values()]
        self.closing.clear()
        sql = joined(tuple((sql, len(values)) for sql, values in statements))
        await self.execute(sql, *(value for _, values in statements for value in values))

    def wake(self, name: str, *, after: float = 0.0) -> None:
        """Wake a background loop (`outbox`, `work`) of this process so many seconds after the commit."""
        self.wakes[name] = min(after, self.wakes.get(name, after))


@lru_cache(maxsize=1024)
def alone(sql: str, parameters: int) -> str:
    """Return a select that sets its organization, the parameter after its own, itself: for a transaction of its own.

    The select depends on what sets the organization, and `offset 0` keeps the planner from taking the two apart, so
    it runs after it; were it not to, row-level security would show it nothing. Its order stays, since the outer side
    of the only possible join, a nested loop, is one row.
    """
    return (
        f"select answer.* from (select set_config('app.organization', ${parameters + 1}, true) as organization) caller"
        f" cross join lateral (select * from ({sql}) statement where caller.organization is not null offset 0) answer"
    )


@lru_cache(maxsize=256)
def joined(statements: tuple[tuple[str, int], ...]) -> str:
    """Return one statement for several, given with the number of their parameters, which follow each other."""
    if len(statements) == 1:
        return statements[0][0]
    parts, before = [], 0
    for number, (sql, count) in enumerate(statements):
        parts.append(f"closing_{number} as ({_moved(sql, before)})")
        before += count
    return f"with {', '.join(parts)} select"


def _moved(sql: str, places: int) -> str:
    return re.sub(r"\$(\d+)", lambda match: f"${int(match[1]) + places}", sql)


def _beginning(context: Context, mode: str = "", lock: int | None = None, *, by_key: bool = False) -> str:
    # One round trip: the organization's id is a UUID object, so nothing can be injected into the literal.
    organization = UUID(int=context.organization_id.int)
    settings = f"set_config('app.organization', '{organization}', true)"
    if by_key:
        settings += ", set_config('plan_cache_mode', 'force_generic_plan', true)"
    # The tag of a script's last statement is all that comes back of it: SELECT 1 with the lock, SELECT 0 without.
    if lock is not None:
        return f"begin{mode}; select {settings}; select where pg_try_advisory_xact_lock({lock:d})"
    # Here it tells whether the session was clean: SELECT 0, with nothing set, if it names an organization already.
    return f"begin{mode}; select {settings} where coalesce(current_setting('app.organization', true), '') = ''"


def _clean(connection: "Lent", tag: str) -> None:
    """Drop a connection, and raise, if a bug set an organization for its whole session."""
    if tag == "SELECT 0":
        connection.terminate()
        raise SessionNotClean("an organization was set for a pooled connection's session, not for a transaction")


@dataclass(slots=True)
class Database:
    """A pool to one database under one role, and the signals that commits raise in this process."""

    pool: "asyncpg.Pool[asyncpg.Record]"
    signals: dict[str, asyncio.Event] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    _alarms: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    @classmethod
    async def connect(cls, url: str, *, size: int = 10, application: str = "pmo") -> Self:
        """Open a pool; the first connections are made now, so a wrong URL fails here."""
        pool = await asyncpg.create_pool(
            url,
            min_size=min(AT_ONCE, size),
            max_size=size,
            connection_class=Connection,
            max_inactive_connection_lifetime=1800,
            server_settings={"timezone": "UTC", "application_name": application, "jit": "off"},
        )
        return cls(pool)

    async def close(self) -> None:
        """Close every connection, waiting shortly for those in use."""
        for alarm in self._alarms.values():
            alarm.cancel()
        try:
            async with asyncio.timeout(5):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    def signal(self, name: str) -> asyncio.Event:
        """Return the event that commits which called `wake(name)` set."""
        return self.signals.setdefault(name, asyncio.Event())

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[Lent]":
        """Lend a connection without a transaction; raises Overloaded when none is free in time."""
        try:
            connection = await self.pool.acquire(timeout=ACQUIRE_SECONDS)
        except TimeoutError as error:
            NONE_FREE.inc()
            raise Overloaded("No database connection was free in time.") from error
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    @asynccontextmanager
    async def transaction(
        self,
        context: Context,
        *,
        read_only: bool = False,
        snapshot: bool = False,
        lock: int | None = None,
        by_key: bool = False,
    ) -> AsyncIterator[Transaction]:
        """Open a transaction of the context's organization; commit at the end, roll back on any exception.

        With `snapshot` all its statements see the database as it was at the first (repeatable read).
        With `lock` it tries for that advisory lock first and tells in `locked` whether it has it until its end.
        What works `by_key`, on few rows, plans each statement once: to plan a write takes longer than to do it.
        """
        async with self.connection() as connection:
            await fault("transaction.before_begin")
            mode = (" isolation level repeatable read" if snapshot else "") + (" read only" if read_only else "")
            tag = await connection.execute(_beginning(context, mode, lock, by_key=by_key))
            if lock is None:
                _clean(connection, tag)
            locked = lock is not None and tag == "SELECT 1"
            async with self._ending(Transaction(connection, context, self.memory, locked=locked)) as transaction:
                yield transaction

    @asynccontextmanager
    async def reading(self, context: Context) -> AsyncIterator[Transaction]:
        """Lend a transaction that begins only when more than `read` is asked of it; else as `transaction`."""
        async with (
            self.connection() as connection,
            self._ending(Transaction(connection, context, self.memory, begun=_Begun(yes=False))) as transaction,
        ):
            yield transaction

    @asynccontextmanager
    async def _ending(self, transaction: Transaction) -> AsyncIterator[Transaction]:
        connection = transaction.connection
        try:
            yield transaction
            await transaction.close()
            await fault("transaction.before_commit")
        except BaseException:
            if transaction.begun.yes and not is_lost(connection):
                await connection.execute("rollback")
            raise
        if transaction.begun.yes and await connection.execute("commit") != "COMMIT":
            # An error that was swallowed inside had failed the transaction: PostgreSQL rolls back without a word.
            raise asyncpg.InFailedSQLTransactionError("nothing was committed: a statement before had failed")
        for key, (value, rows) in transaction.kept.items():
            self.memory.keep(key, value, rows)
        await fault("transaction.after_commit")
        for name, seconds in transaction.wakes.items():
            self._wake(name, seconds)

    def _wake(self, name: str, seconds: float) -> None:
        signal = self.signal(name)
        if not seconds:
            signal.set()
        elif name not in self._alarms:  # what is asked for until then is found then too

            def ring() -> None:
                del self._alarms[name]
                signal.set()

            self._alarms[name] = asyncio.get_running_loop().call_later(seconds, ring)


def is_lost(connection: "Lent") -> bool:
    """Tell whether a lent connection has ended; the pool takes such a one back by itself, and then it says so."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


async def check_role(connection: "Lent", *, durable: bool = True) -> list[str]:
    """Return what makes this role or server unfit: it could bypass row-level security, or (if durable) lose writes."""
    row = await connection.fetchrow(
        """
        select r.rolsuper or r.rolbypassrls as bypasses,
               exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       where n.nspname = 'public' and c.relkind = 'r'
                         and pg_has_role(current_user, c.relowner, 'usage')) as owns,
               (select string_agg(t.relname, ', ') from pg_class t join pg_namespace n on n.oid = t.relnamespace
                where n.nspname = 'public' and t.relkind in ('r', 'p') and t.relname <> 'alembic_version'
                  and not (t.relrowsecurity and t.relforcerowsecurity)) as open_tables,
               (select string_agg(name, ', ') from pg_settings
                where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off') as weak
        from pg_roles r where r.rolname = current_user
        """
    )
    assert row is not None
    mistakes = []
    if row["bypasses"] or row["owns"]:
        mistakes.append("the database role could bypass row-level security (superuser, BYPASSRLS or table owner)")
    if row["open_tables"]:
        mistakes.append(f"tables without forced row-level security: {row['open_tables']}")
    if durable and row["weak"]:
        mistakes.append(f"the database may lose what it acknowledged; switch on: {row['weak']}")
    return mistakes
