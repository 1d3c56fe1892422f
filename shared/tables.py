"""The tables that every service has beside its own: versions, history, events, pending sets, idempotency."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic_core import PydanticUndefined
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    DefaultClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlmodel import Field, SQLModel

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

RELAY_TABLES: Final = ("event_log", "outbox_pending", "work_pending")
"""What the relay role may read of all organizations; it may clear the two pending sets, nothing else."""


def _organization() -> Column[object]:
    return Column("organization_id", Uuid, primary_key=True)


def _instant(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


def instant(*, now: bool = False, default: object = PydanticUndefined) -> Any:
    """Return a column for an instant."""
    arguments = {"server_default": text("now()")} if now else {}
    return Field(default, sa_type=DateTime(timezone=True), sa_column_kwargs=arguments)


def wall(*, default: object = PydanticUndefined) -> Any:
    """Return a column for local wall time, without a zone."""
    return Field(default, sa_type=DateTime(timezone=False))


def infrastructure(metadata: MetaData) -> None:
    """Add the common tables to a service's metadata."""
    Table(
        "aggregate",
        metadata,
        _organization(),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        comment="One row per root aggregate: the number of its last event. Its row lock orders the writers.",
    )
    Table(
        "history",
        metadata,
        _organization(),
        Column("entity", Text, primary_key=True),
        Column("entity_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("root_id", Uuid, nullable=False),
        _instant("at", now=True),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("reason", Text),
        Column("correlation_id", Text, nullable=False, server_default=""),
        Column("data", JSON),
        comment="One after-image per entity version; data is null once the entity is deleted.",
    )
    Table(
        "event_log",
        metadata,
        _organization(),
        Column("aggregate_id", Uuid, primary_key=True),
        Column("version", BigInteger, primary_key=True),
        Column("id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("entity_id", Uuid, nullable=False),
        _instant("time", now=True),
        Column("actor", Text, nullable=False),
        Column("correlation_id", Text, nullable=False, server_default=""),
        Column("causation_id", Text, nullable=False, server_default=""),
        Column("traceparent", Text, nullable=False, server_default=""),
        Column("data", JSON, nullable=False),
        comment="Every domain event of this service: the truth that the broker's stream is filled from.",
    )
    Table(
        "outbox_pending",
        metadata,
        _organization(),
        Column("aggregate_id", Uuid, primary_key=True),
        Column("version", BigInteger, primary_key=True),
        Column("queued_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("parked_until", DateTime(timezone=True)),
        Index("ix_outbox_pending_queued_at", "queued_at"),
        comment="Events not yet acknowledged by the broker.",
        postgresql_with={"fillfactor": 70},
    )
    Table(
        "work_pending",
        metadata,
        _organization(),
        Column("kind", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("ticket", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
        _instant("requested_at", now=True),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("not_before", DateTime(timezone=True)),
        Column("error", Text),
        Column("traceparents", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Index("ix_work_pending_kind_requested_at", "kind", "requested_at"),
        comment="Work that a commit asked for; the ticket changes with each new request.",
        postgresql_with={"fillfactor": 70},
    )
    Table(
        "idempotency",
        metadata,
        _organization(),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", JSON, nullable=False),
        Column("body", LargeBinary, nullable=False),
        _instant("created_at", now=True),
        Index("ix_idempotency_created_at", "created_at"),
        comment="Answers already given to requests with an Idempotency-Key, kept for a day.",
    )
    Table(
        "operation",
        metadata,
        _organization(),
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("actor", Text, nullable=False),
        _instant("created_at", now=True),
        _instant("updated_at", now=True),
        Column("finished_at", DateTime(timezone=True)),
        Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
        Column("arguments", JSON, nullable=False),
        Column("result", JSON),
        Column("problem", JSON),
        comment="Long work as a resource: what was asked, how it stands, what came of it.",
    )
    Table(
        "consumer_position",
        metadata,
        _organization(),
        Column("producer", Text, primary_key=True),
        Column("aggregate_id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("waiting", Boolean, nullable=False, server_default=text("false")),
        _instant("updated_at", now=True),
        comment="How far this service has applied each aggregate of another service.",
    )
    Table(
        "inbox_parked",
        metadata,
        _organization(),
        Column("producer", Text, primary_key=True),
        Column("aggregate_id", Uuid, primary_key=True),
        Column("version", BigInteger, primary_key=True),
        Column("attempts", Integer, nullable=False, server_default="0"),
        _instant("retry_at", nullable=True),
        _instant("parked_at", now=True),
        Column("reason", Text, nullable=False, server_default=""),
        Column("consumer", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("stream_sequence", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("headers", JSON, nullable=False),
        Column("body", LargeBinary, nullable=False),
        comment="Events that wait for their predecessor or their next try; their aggregate waits with them.",
        postgresql_with={"fillfactor": 70},
    )
    Table(
        "inbox_gap",
        metadata,
        _organization(),
        Column("producer", Text, primary_key=True),
        Column("aggregate_id", Uuid, primary_key=True),
        Column("from_version", BigInteger, primary_key=True),
        Column("to_version", BigInteger, nullable=False),
        _instant("accepted_at", now=True),
        comment="Versions that never came and were passed over; they are still applied should they come later.",
    )
    Table(
        "dead_letter",
        metadata,
        _organization(),
        Column("id", Uuid, primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("stream_sequence", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("type", Text),
        Column("event_id", Text),
        Column("aggregate_id", Uuid),
        Column("reason", Text, nullable=False),
        Column("deliveries", Integer, nullable=False),
        Column("headers", JSON, nullable=False),
        Column("body", LargeBinary, nullable=False),
        _instant("at", now=True),
        Column("replayed_at", DateTime(timezone=True)),
        comment="Messages that could not be handled, with the reason; they can be replayed.",
    )


class EntityRow(SQLModel):
    """The columns that every entity has. A service derives its own base from it, with its own metadata."""

    organization_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    version: int
    created_at: datetime = instant(now=True)
    updated_at: datetime = instant(now=True)


def server_defaults(*rows: type[EntityRow]) -> None:
    """Give PostgreSQL the plain defaults of the fields too, so that statements may leave columns out."""
    for row in rows:
        table = row.metadata.tables[str(row.__tablename__)]
        for name, field in row.model_fields.items():
            if isinstance(field.default, bool | int | str | Decimal) and table.c[name].server_default is None:
                plain = field.default if isinstance(field.default, str) else str(field.default).lower()
                literal = plain if not isinstance(field.default, str) else "'" + plain.replace("'", "''") + "'"
                table.c[name].server_default = DefaultClause(text(literal))
