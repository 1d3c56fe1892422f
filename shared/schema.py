"""Which schema a service's code needs, and whether its database has it."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from shared.db import Lent

SERVICES = Path(__file__).parent.parent / "services"


@lru_cache
def revisions(service: str) -> tuple[str, ...]:
    """The revisions of a service's schema that this code knows, oldest first: what its migrations' files begin with."""
    folder = SERVICES / service / "migrations" / "versions"
    return tuple(sorted(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py")))


async def lack(connection: "Lent", service: str) -> str | None:
    """Tell what the database lacks for this code; a schema that is newer than the code serves it as well."""
    known = revisions(service)
    try:
        present: str | None = await connection.fetchval("select version_num from alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        present = None
    if present is None:
        return f"has no tables yet: run pmo migrate {service}"
    if present in known[:-1]:
        return f"is at schema {present}, {known[-1]} is needed: run pmo migrate {service}"
    return None
