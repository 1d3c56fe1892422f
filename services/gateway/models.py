"""The tables of the gateway, and how PostgreSQL writes each entity's image."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, JSON, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field

from shared.entity import Entity
from shared.tables import NAMING, EntityRow, infrastructure, instant

METADATA: Final = MetaData(naming_convention=NAMING)
infrastructure(METADATA)


class Row(EntityRow, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class OrganizationRow(Row, table=True):
    """An organization that has called; `id` is the organization's."""

    __tablename__ = "organization"
    name: str | None = None


class ApiClientRow(Row, table=True):
    """Another system that may call, and the hash of its key's secret."""

    __tablename__ = "api_client"
    # The key's id must find its row before the organization is known; see the migration's policy.
    __table_args__ = (UniqueConstraint("key_id"),)
    name: str
    key_id: str
    secret_hash: bytes = Field(sa_type=LargeBinary)
    scopes: list[str] = Field(sa_type=ARRAY(Text))
    created_by: str
    expires_at: datetime | None = instant(default=None)
    last_used_at: datetime | None = instant(default=None)


class InboundEventRow(Row, table=True):
    """An event that another system sent, and what became of it."""

    __tablename__ = "inbound_event"
    __table_args__ = (
        UniqueConstraint("organization_id", "source", "event_id"),
        Index("ix_inbound_event_rejected", "organization_id", "id", postgresql_where=text("status = 'rejected'")),
    )
    source: str
    event_id: str
    type: str
    time: datetime | None = instant(default=None)
    subject: str | None = None
    data: str = Field(sa_type=JSON)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    aggregate_id: UUID
    actor: str
    status: str
    position: str | None = None
    reason_code: str | None = None
    reason_detail: str | None = None


TABLES: Final = tuple(METADATA.tables)


def _table(row: type[Row]) -> Table:
    table: Table = METADATA.tables[str(row.__tablename__)]
    return table


def _plain(*names: str) -> dict[str, str]:
    return {name: f"t.{name}" for name in names}


def _instants(*names: str) -> dict[str, str]:
    return {name: f"pmo_instant(t.{name})" for name in names}


API_CLIENT: Final = Entity(
    "gateway",
    "api_client",
    _table(ApiClientRow),
    {
        **_plain("id", "version", "name"),
        "key_prefix": "'pmo_' || t.key_id",
        "scopes": "to_json(t.scopes)",
        **_plain("created_by"),
        **_instants("expires_at", "last_used_at", "created_at", "updated_at"),
    },
    root="id",
)
INBOUND: Final = Entity(
    "gateway",
    "inbound",
    _table(InboundEventRow),
    {
        **_plain("id", "version", "source", "event_id", "type"),
        "time": "pmo_instant(t.time)",
        **_plain("subject", "status", "position"),
        "reason": "case when t.reason_code is not null"
        " then json_build_object('code', t.reason_code, 'detail', t.reason_detail) end",
        "data": "t.data",
        "sent_by": "t.actor",
        "received_at": "pmo_instant(t.created_at)",
        "updated_at": "pmo_instant(t.updated_at)",
    },
    root="aggregate_id",
)
