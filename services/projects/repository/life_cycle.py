"""The statements of the life cycle: past moves, who made the last one, and what is still open."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.projects.entities import PROGRAMME, PROGRAMME_TRANSITION, PROJECT, PROJECT_TRANSITION
from shared.db import Transaction
from shared.entity import Entity
from shared.pagination import Listing, Sort


def _moves(kind: Entity, of: str) -> Listing:
    return Listing(
        kind,
        conditions={
            of: f"t.{of} = {{}}",
            "to_status": "t.to_status = any({}::text[])",
            "moved_by": "t.moved_by = {}",
            "is_override": "t.is_override = {}",
        },
        sorts={"id": Sort("t.id", "uuid"), "moved_at": Sort("t.created_at", "timestamptz")},
        default_sort="-moved_at",
    )


TRANSITIONS: Final = _moves(PROJECT_TRANSITION, "project_id")
PROGRAMME_TRANSITIONS: Final = _moves(PROGRAMME_TRANSITION, "programme_id")

_WORK: Final = (
    "from task where organization_id = $1 and project_id = $2 and is_active and not is_summary and outline_level > 0"
)
_OPEN: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        PROJECT.name: {
            "open_tasks": f"select id, position as place {_WORK} and percent_complete < 100",
            "missing_actual_finish": f"select id, position as place {_WORK}"
            " and percent_complete = 100 and actual_finish is null",
            "pending_baselines": "select id, 0 as place from baseline"
            " where organization_id = $1 and project_id = $2 and status = 'requested'",
            "pending_links": "select id, 0 as place from project_link where organization_id = $1"
            " and $2 in (project_id, predecessor_project_id) and state = 'offered'",
            "running_imports": "select id, 0 as place from plan_import where organization_id = $1"
            " and target_project_id = $2 and not dry_run and status in ('pending', 'running')",
        },
        PROGRAMME.name: {
            "open_projects": "select id, 0 as place from project where organization_id = $1 and programme_id = $2"
            " and not is_template and status not in ('closed', 'cancelled')",
        },
    }
)
"""By what closes: the kinds of things that must be done before, and the statement that finds those that are not."""


def _open_sql(kinds: Mapping[str, str]) -> str:
    return " union all ".join(
        f"select '{kind}' as kind, count(*)::int as count, (array_agg(id order by place, id))[1:5] as first"
        f" from ({found}) f having count(*) > 0"
        for kind, found in kinds.items()
    )


_OPEN_SQL: Final = {name: _open_sql(kinds) for name, kinds in _OPEN.items()}


async def still_open(tx: Transaction, kind: Entity, identifier: UUID) -> list[dict[str, object]]:
    """Return by kind how much is still open of a project or programme, with the first few ids."""
    rows = await tx.read(_OPEN_SQL[kind.name], tx.organization_id, identifier)
    return [{name: row[name] for name in ("kind", "count", "first")} for row in rows]


async def brought_by(tx: Transaction, kind: Entity, identifier: UUID, status: str) -> str | None:
    """Return who brought something into the state that it is in: made it so, or moved it there last."""
    rows = await tx.read(_BROUGHT, tx.organization_id, kind.name, identifier, status)
    return str(rows[0]["actor"]) if rows else None


_BROUGHT: Final = """
select actor from history
where organization_id = $1 and entity = $2 and entity_id = $3 and version > coalesce((
  select max(version) from history
  where organization_id = $1 and entity = $2 and entity_id = $3 and data ->> 'status' <> $4), 0)
order by version limit 1
"""
