"""The parts that images are made of, as SQL."""

from typing import Final

from sqlalchemy import Table

from services.projects.models import METADATA, Row


def table(row: type[Row]) -> Table:
    """Return the table of a row class."""
    table: Table = METADATA.tables[str(row.__tablename__)]
    return table


STAMPS: Final = {"created_at": "pmo_instant(t.created_at)", "updated_at": "pmo_instant(t.updated_at)"}
JOIN_PROJECT: Final = "join project p on p.organization_id = t.organization_id and p.id = t.project_id"


def plain(*names: str) -> dict[str, str]:
    """Return fields that the image has as the column is."""
    return {name: f"t.{name}" for name in names}


def wall(*names: str) -> dict[str, str]:
    """Return local times, which the image has with the offset of the project's zone."""
    return {name: f"pmo_local(t.{name}, p.time_zone)" for name in names}


def money(*names: str) -> dict[str, str]:
    """Return amounts in the currency of the project."""
    return {name: f"pmo_money(t.{name}, p.currency)" for name in names}


def governed() -> dict[str, str]:
    """Return what portfolios, programmes and projects have in common."""
    return {
        **plain("owner", "sponsor", "customer_id"),
        "health": "case when t.health_status is null then null else json_build_object('status', t.health_status,"
        " 'note', t.health_note, 'at', pmo_instant(t.health_at), 'by', t.health_by) end",
        **plain("categories", "custom_fields"),
    }


def transition() -> dict[str, str]:
    """Return what the moves of programmes and projects through their life cycle have in common."""
    return {
        **plain("from_status", "to_status", "reason", "moved_by"),
        "moved_at": "pmo_instant(t.created_at)",
        **plain("is_override", "still_open"),
    }
