"""The statements of assessments."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from services.projects.entities import ASSESSMENT_OFFENDER, SCHEDULE_ASSESSMENT
from shared.db import Transaction
from shared.pagination import Listing, Sort

ASSESSMENTS: Final = Listing(
    SCHEDULE_ASSESSMENT,
    conditions={"project_id": "t.project_id = {}", "ruleset": "t.ruleset = {}"},
    sorts={
        "id": Sort("t.id", "uuid"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "failed": Sort("t.failed", "int"),
    },
    default_sort="-id",
)
OFFENDERS: Final = Listing(
    ASSESSMENT_OFFENDER,
    conditions={"assessment_id": "t.assessment_id = {}", "check": "t.check_code = {}"},
    sorts={"id": Sort("t.id", "uuid"), "check": Sort("t.check_code", "text")},
    default_sort="id",
)


async def keep_offenders(
    tx: Transaction, assessment_id: UUID, offenders: Sequence[tuple[str, UUID, UUID | None]]
) -> None:
    """Store (check, task, successor) of an assessment."""
    await tx.execute(
        "insert into assessment_offender"
        " (organization_id, id, version, assessment_id, check_code, task_id, successor_id)"
        " select $1, v.id, 1, $2, v.code, v.task, v.successor"
        " from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[]) as v(id, code, task, successor)",
        tx.organization_id,
        assessment_id,
        [uuid7() for _ in offenders],
        [code for code, _, _ in offenders],
        [task for _, task, _ in offenders],
        [successor for _, _, successor in offenders],
    )
