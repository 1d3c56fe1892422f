"""The images of baselines, and how a plan stands to one."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from services.projects.domain.baselines import BaselineStatus
from shared.types import Count, MoneySum, Schema, Text

SignedAmount = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,30}(\.\d{1,4})?$", "examples": ["-1250.00"]})
]


Total = Annotated[int, Field(ge=0)]
"""A sum of whole numbers."""


class SignedMoney(Schema):
    """A difference of money; negative is less."""

    amount: SignedAmount
    """Decimal, with the decimals of the currency."""
    currency: Text
    """ISO 4217 code."""


class VarianceRead(Schema):
    """Present less baseline: positive is later, longer, more."""

    start_minutes: int | None
    """Of the start, in working minutes of the project's calendar; null where one side has none."""
    finish_minutes: int | None
    """Of the finish, in working minutes of the project's calendar; null where one side has none."""
    duration_minutes: int
    """Of the duration, in working minutes."""
    work_minutes: int
    """Of the work, in working minutes."""
    cost: SignedMoney
    """Of the cost."""


class FiguresRead(Schema):
    """Dates, duration, work and cost of a task or of a whole plan."""

    start: datetime | None
    """When it starts, in the project's time zone."""
    finish: datetime | None
    """When it finishes, in the project's time zone."""
    duration_minutes: Total
    """Working minutes."""
    work_minutes: Total
    """Working minutes."""
    cost: MoneySum
    """All of it."""


class BaselineRead(Schema):
    """A baseline of a project."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    project_id: UUID
    """Whose plan it is of."""
    name: Text
    """What people call it."""
    status: BaselineStatus
    """Of those that were approved, one is in force; the others are superseded, and stay."""
    reason: Text
    """Why it was asked for."""
    requested_by: Text
    """Who asked for it; somebody else decides."""
    decided_by: Text | None
    """Who decided."""
    decided_at: datetime | None
    """When, UTC."""
    decision_reason: Text | None
    """Why it was decided so."""
    schedule_revision: Count
    """The revision of the schedule that it holds."""
    start: datetime | None
    """When its first task starts, in the project's time zone."""
    finish: datetime | None
    """When its last task finishes, in the project's time zone."""
    tasks: Count
    """How many tasks it holds, summaries included."""
    work_minutes: Total
    """All work in it, in working minutes."""
    cost: MoneySum
    """All cost in it."""
    file_number: Count | None
    """Which of the baselines 1 to 10 of its file it was; null: it was asked for here."""
    replaces_id: UUID | None
    """The baseline that was in force until this one was approved."""
    replaced_variance: VarianceRead | None
    """How this baseline stood to the one it replaced: what re-baselining took out of sight is kept here."""
    created_at: datetime
    """When it was asked for, UTC."""
    updated_at: datetime
    """When it was changed last, UTC."""


class BaselineTaskRead(Schema):
    """A task as a baseline has it."""

    task_id: UUID
    """The task, which may be gone by now."""
    parent_id: UUID | None
    """The summary it was below."""
    position: Count
    """Order in the plan then."""
    name: Text
    """What it was called."""
    work_breakdown_structure: Text
    """Its WBS code then."""
    is_summary: bool
    """Whether it summed up others."""
    is_milestone: bool
    """Whether it was a point in time."""
    start: datetime | None
    """When it was to start, in the project's time zone."""
    finish: datetime | None
    """When it was to finish, in the project's time zone."""
    duration_minutes: Total
    """Working minutes."""
    work_minutes: Total
    """Working minutes; of a summary the sum."""
    cost: MoneySum
    """Of a summary the sum."""


class TaskVariance(Schema):
    """How a task stands to a baseline."""

    task_id: UUID
    """The task."""
    name: Text
    """What it is called, or was."""
    work_breakdown_structure: Text
    """Its WBS code."""
    is_summary: bool
    """Whether it sums up others."""
    presence: Annotated[Literal["both", "added", "removed"], Field()]
    """In both; or added to the plan since, or removed from it: then one side is null, and the variance is all of it."""
    baseline: FiguresRead | None
    """As the baseline has it."""
    present: FiguresRead | None
    """As the plan has it now."""
    variance: VarianceRead
    """Present less baseline."""


class BaselineRef(Schema):
    """Which baseline is compared with."""

    id: UUID
    """Its id."""
    name: Text
    """What people call it."""
    status: BaselineStatus
    """Where it stands."""


class VariancePage(Schema):
    """How a plan stands to a baseline, rolled up and task by task."""

    baseline: BaselineRef
    """What it is compared with."""
    schedule_revision: Count
    """The revision of the schedule that the present dates are of."""
    time_zone: Text
    """IANA time zone of the date-times."""
    total: "TotalVariance"
    """The plan as a whole."""
    items: list[TaskVariance]
    """Tasks in the order asked for; in that of the plan, those removed stand where they were."""
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last one."""


class TotalVariance(Schema):
    """A whole plan beside its baseline."""

    baseline: FiguresRead
    """As the baseline has it; the duration is from start to finish on the project's calendar."""
    present: FiguresRead
    """As the plan has it now."""
    variance: VarianceRead
    """Present less baseline."""
