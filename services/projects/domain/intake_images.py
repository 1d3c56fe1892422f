"""The images of requests for projects, their assessments and what they are assessed by."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.hierarchy import FieldStatus
from services.projects.domain.intake import Direction, IntakeStatus
from shared.types import Count, Money, Schema, Text


class ScoreRead(Schema):
    """The weighted score of a request."""

    value: Text | None
    """Decimal from 0 to 100: 100 · Σ w·x / Σ w over the criteria scored; x: the mean place on the scale, 0 to 1."""
    unit: Literal["points"]
    """What it is measured in."""
    reason: Literal["not_assessed", "outdated"] | None
    """Why it is null."""


class ScoreCoverageRead(Schema):
    """How much of the criteria's weight a score is of."""

    value: Text | None
    """Decimal from 0 to 1."""
    unit: Literal["ratio"]
    """What it is measured in."""
    reason: Literal["not_assessed", "outdated", "no_criteria"] | None
    """Why it is null."""


class IntakeRequestRead(Schema):
    """A request for a project."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    key: Text
    """Human key; accepted in place of the id."""
    title: Text
    """What is asked for."""
    description: Text
    """Why, and what it is to bring."""
    status: IntakeStatus
    """Where it stands."""
    requester: Text
    """Subject of who asks for it."""
    customer_id: UUID | None
    """Whom it would be done for."""
    desired_start: date | None
    """When it should begin."""
    desired_finish: date | None
    """When it should be finished."""
    estimated_cost: Money | None
    """What it may cost."""
    estimated_benefit: Money | None
    """What it may bring, in the same currency."""
    custom_fields: dict[str, object]
    """What the organization's own fields say, by their keys; see /v1/custom-fields."""
    assessments: Count
    """How many have assessed it."""
    outdated_assessments: Count
    """How many of these are of an earlier version than `content_version`; they count for nothing."""
    content_version: Count
    """Its version when what is asked for changed last after it had been assessed; 0: it has not."""
    score: ScoreRead
    """What those come to that are not outdated; kept as it was when the request is decided."""
    score_coverage: ScoreCoverageRead
    """How much of the criteria's weight was assessed."""
    submitted_by: Text | None
    """Who submitted it; neither they nor the requester decide."""
    submitted_at: datetime | None
    """When, UTC."""
    decided_by: Text | None
    """Who decided last."""
    decided_at: datetime | None
    """When, UTC."""
    decision_reason: Text | None
    """Why it was decided so."""
    project_id: UUID | None
    """The project that it has become."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """When it was changed last, UTC."""


class CriterionScore(Schema):
    """How an assessor scores a request by one criterion."""

    criterion_id: UUID
    """The criterion."""
    score: float
    """On the criterion's scale."""
    note: Text
    """Why."""


class IntakeAssessmentRead(Schema):
    """What one assessor says of a request."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    request_id: UUID
    """The request."""
    request_version: Count
    """The version of the request that it is of; before the request's `content_version`: it is outdated."""
    assessor: Text
    """Who assessed it; each does once, and may change it."""
    scores: list[CriterionScore]
    """By criterion; what is left out is not scored."""
    note: Text
    """What is to be said of the whole."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """When it was changed last, UTC."""


class IntakeCriterionRead(Schema):
    """What an organization assesses requests by."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    name: Text
    """What people call it."""
    description: Text
    """How to score by it."""
    weight: float
    """How much it counts beside the others."""
    minimum: float
    """The lower end of its scale."""
    maximum: float
    """The upper end of its scale."""
    direction: Direction
    """Which end speaks for a request."""
    status: FieldStatus
    """A retired criterion counts for nothing any more."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """When it was changed last, UTC."""
