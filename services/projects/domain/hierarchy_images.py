"""The images of customers, portfolios, programmes, and of the fields that an organization adds."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.hierarchy import FieldOwner, FieldStatus, FieldType, PortfolioStatus
from services.projects.domain.images import GovernedRead
from services.projects.domain.project import ProjectStatus
from shared.types import Count, Schema, Text


class CustomerRead(Schema):
    """Whom projects are done for."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    key: Text
    """Human key; accepted in place of the id."""
    name: Text
    """What people call it."""
    description: Text
    """What is to be known of it."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class PortfolioRead(GovernedRead):
    """Projects and programmes that are decided on together."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    key: Text
    """Human key; accepted in place of the id."""
    name: Text
    """What people call it."""
    description: Text
    """What it is for."""
    status: PortfolioStatus
    """Where it stands."""
    parent_id: UUID | None
    """The portfolio that it is part of."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class ProgrammeRead(GovernedRead):
    """Projects that are managed together."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    key: Text
    """Human key; accepted in place of the id."""
    name: Text
    """What people call it."""
    description: Text
    """What it is for."""
    status: ProjectStatus
    """State of the life cycle, which is that of projects."""
    portfolio_id: UUID | None
    """The portfolio that it is part of; null: it stands alone."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class PortfolioItemRead(Schema):
    """A project's place in a portfolio; a project can be in several."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    portfolio_id: UUID
    """The portfolio."""
    project_id: UUID
    """The project."""
    weight: float
    """How much it counts in this portfolio beside the others."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class CustomFieldRead(Schema):
    """A field that the organization has added to one kind of thing."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    entity: FieldOwner
    """What has the field."""
    key: Text
    """Its name in `custom_fields` and in filters (`custom.<key>`)."""
    name: Text
    """What people call it."""
    description: Text
    """What it is for."""
    type: FieldType
    """What its values are."""
    status: FieldStatus
    """A retired field keeps the values that are there, and takes no new ones."""
    is_required: bool
    """A value must be given at creation, and cannot be cleared."""
    choices: list[Text]
    """What can be chosen, for choice and multi_choice."""
    minimum: float | None
    """The least value, for number and integer."""
    maximum: float | None
    """The greatest value, for number and integer."""
    default: object | None
    """What is set at creation when nothing is given."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class CoverageRead(Schema):
    """How much of a whole a figure covers."""

    value: Text | None
    """Decimal from 0 to 1; null where there is nothing to cover."""
    unit: Literal["ratio"]
    """What it is measured in."""
    reason: Text | None
    """Why it is null: `no_open_projects`, `no_committed_projects`."""


class HealthCounts(Schema):
    """How many stand how, as declared."""

    green: Count
    """On track."""
    amber: Count
    """In trouble."""
    red: Count
    """Out of control."""
    undeclared: Count
    """Nobody has said."""


class StatusCounts(Schema):
    """How many there are in each state of the life cycle."""

    idea: Count
    """Not yet proposed."""
    proposed: Count
    """Waiting for approval."""
    approved: Count
    """Not yet begun."""
    active: Count
    """Running."""
    on_hold: Count
    """Held up."""
    closing: Count
    """Being closed."""
    closed: Count
    """Done."""
    cancelled: Count
    """Given up."""


class ProgressRollUp(Schema):
    """How far projects are."""

    value: Text | None
    """Decimal from 0 to 100: Σ weight · percent complete / Σ weight."""
    unit: Literal["percent"]
    """What it is measured in."""
    reason: Text | None
    """Why it is null: `no_progress`."""


class RollUpRead(Schema):
    """The projects below a portfolio or programme, each counted once however often it is in it; templates are not."""

    projects: Count
    """How many there are, directly, by programmes, and in the portfolios below."""
    programmes: Count
    """How many programmes there are below."""
    portfolios: Count
    """How many portfolios there are below."""
    open_projects: Count
    """Those that are neither closed nor cancelled."""
    by_status: StatusCounts
    """Projects by their state."""
    by_health: HealthCounts
    """Open projects by their declared health."""
    health_coverage: CoverageRead
    """Share of the open projects whose health is declared."""
    progress: ProgressRollUp
    """Of those approved and not cancelled: each weighs what the portfolio says, else the most that one below it does,
    else 1; a project's own percent complete is weighted by duration."""
    progress_coverage: CoverageRead
    """Share of their weight whose progress is known."""
