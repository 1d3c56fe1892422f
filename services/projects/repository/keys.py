"""The human keys that we give: numbered by kind, passing over those that were given by hand."""

from collections.abc import Mapping
from typing import Final
from uuid import uuid5

from services.projects.entities import CUSTOMER, INTAKE_REQUEST, PORTFOLIO, PROGRAMME, PROJECT
from shared.db import Transaction
from shared.entity import Entity

PREFIXES: Final[Mapping[str, str]] = {
    CUSTOMER.name: "CU",
    PORTFOLIO.name: "PF",
    PROGRAMME.name: "PG",
    PROJECT.name: "PRJ",
    INTAKE_REQUEST.name: "RQ",
}
"""What the keys of a kind begin with."""


async def next_key(tx: Transaction, kind: Entity) -> str:
    """Return the next key of a kind that nothing has; others who need one wait until the transaction ends.

    Numbers are given once; those of failed requests are lost.
    """
    prefix = PREFIXES[kind.name]
    counter = tx.organization_id if kind is PROJECT else uuid5(tx.organization_id, prefix)
    while True:
        number = await tx.fetchint(
            """
insert into key_counter as c (organization_id, id, version) values ($1, $2, 1)
on conflict (organization_id, id) do update set version = c.version + 1 returning version
""",
            tx.organization_id,
            counter,
        )
        key = f"{prefix}-{number}"
        taken = await tx.fetchrow(
            f"select from {kind.table.name} where organization_id = $1 and key = $2", tx.organization_id, key
        )
        if taken is None:
            return key
