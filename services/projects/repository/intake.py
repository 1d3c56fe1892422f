"""The statements of requests for projects, their assessments and criteria."""

from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import INTAKE_ASSESSMENT, INTAKE_CRITERION, INTAKE_REQUEST
from services.projects.repository.filters import CUSTOM
from shared.db import Transaction
from shared.errors import NotFound
from shared.pagination import Listing, Sort

REQUESTED: Final = "t.requester = {}"
"""What those see who see only their own."""
_STAMPS: Final = {
    "id": Sort("t.id", "uuid"),
    "created_at": Sort("t.created_at", "timestamptz"),
    "updated_at": Sort("t.updated_at", "timestamptz"),
}
REQUESTS: Final = Listing(
    INTAKE_REQUEST,
    conditions={
        "key": "t.key = {}",
        "title": "position(lower({}) in lower(t.title)) > 0",
        "status": "t.status = any({}::text[])",
        "requester": "t.requester = {}",
        "customer_id": "t.customer_id = {}",
        "project_id": "t.project_id = {}",
        "is_assessed": "(t.score is not null) = {}",
        "score_at_least": "t.score >= {}::numeric",
        "custom": CUSTOM,
    },
    sorts={
        **_STAMPS,
        "key": Sort("t.key", "text"),
        "title": Sort("t.title", "text"),
        "status": Sort("t.status", "text"),
        "score": Sort("t.score", "numeric", nullable=True),
        "desired_start": Sort("t.desired_start", "date", nullable=True),
        "desired_finish": Sort("t.desired_finish", "date", nullable=True),
        "submitted_at": Sort("t.submitted_at", "timestamptz", nullable=True),
    },
    default_sort="id",
)
ASSESSMENTS: Final = Listing(
    INTAKE_ASSESSMENT,
    conditions={"request_id": "t.request_id = {}", "assessor": "t.assessor = {}"},
    sorts={**_STAMPS, "assessor": Sort("t.assessor", "text")},
    default_sort="id",
)
CRITERIA: Final = Listing(
    INTAKE_CRITERION,
    conditions={
        "status": "t.status = any({}::text[])",
        "name": "position(lower({}) in lower(t.name)) > 0",
    },
    sorts={**_STAMPS, "name": Sort("t.name", "text"), "weight": Sort("t.weight", "numeric")},
    default_sort="name",
)


async def criteria(tx: Transaction) -> list[asyncpg.Record]:
    """Return what the organization assesses by at present."""
    return await tx.read(
        f"select {INTAKE_CRITERION.columns} from intake_criterion t"
        " where t.organization_id = $1 and t.status = 'active' order by t.id",
        tx.organization_id,
    )


async def assessments(tx: Transaction, request_id: UUID) -> list[asyncpg.Record]:
    """Return what was said of a request."""
    return await tx.read(
        f"select {INTAKE_ASSESSMENT.columns} from intake_assessment t"
        " where t.organization_id = $1 and t.request_id = $2 order by t.id",
        tx.organization_id,
        request_id,
    )


async def assessment_row(tx: Transaction, request_id: UUID, assessment_id: UUID) -> asyncpg.Record:
    """Return one assessment of a request; raises NotFound."""
    row = await tx.fetchrow(
        f"select {INTAKE_ASSESSMENT.columns} from intake_assessment t"
        " where t.organization_id = $1 and t.request_id = $2 and t.id = $3",
        tx.organization_id,
        request_id,
        assessment_id,
    )
    if row is None:
        raise NotFound
    return row


async def is_criterion_used(tx: Transaction, criterion_id: UUID) -> bool:
    """Tell whether any assessment has a score by a criterion."""
    return bool(
        await tx.fetchint(
            "select count(*) from (select 1 from intake_assessment where organization_id = $1"
            " and scores @> jsonb_build_array(jsonb_build_object('criterion_id', $2::uuid)) limit 1) u",
            tx.organization_id,
            criterion_id,
        )
    )


async def undecided(tx: Transaction) -> list[UUID]:
    """Return the requests whose score may still change."""
    rows = await tx.fetch(
        "select id from intake_request where organization_id = $1 and status in ('submitted', 'deferred') order by id",
        tx.organization_id,
    )
    return [row["id"] for row in rows]
