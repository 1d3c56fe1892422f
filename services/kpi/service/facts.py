"""What kpi reads of projects' events, just the fields it needs, and how it keeps them."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import orjson
from pydantic import AfterValidator, Discriminator, Field, Tag

from services.kpi.domain.plan import baseline_of, minor_units
from services.kpi.repository.facts import CalendarFact, ProgressFact, ProjectFact, TaskFact
from services.kpi.service.techniques import Technique, default, measured
from shared.messaging import Reader
from shared.types import minor_digits
from shared.working_time import minute_of


def _wall(value: datetime) -> datetime:
    return value.replace(tzinfo=None)


Wall = Annotated[datetime, AfterValidator(_wall)]
"""A local date-time of the project: what the clock on the wall says, without the offset it came with."""
Percent = Annotated[Decimal, Field(ge=0, le=100)]


class Cost(Reader):
    """An amount of money."""

    amount: Annotated[Decimal, Field(ge=0)]
    currency: str

    @property
    def minor(self) -> int:
        """The amount in minor units."""
        return minor_units(self.amount, minor_digits(self.currency))


class ProjectImage(Reader):
    """A project."""

    id: UUID
    version: int
    key: str
    owner: str
    currency: str
    time_zone: str
    status_date: Wall | None
    calendar_id: UUID | None
    default_ev_technique: str = "percent_complete"

    def fact(self, since: datetime) -> ProjectFact:
        """As it is kept."""
        technique, share = default(self.default_ev_technique)
        given = self.model_dump(exclude={"default_ev_technique"})
        return ProjectFact(**given, since=since, technique=technique, start_share=share)


class CalendarImage(Reader):
    """A working calendar."""

    project_id: UUID
    definition: dict[str, object]


class TaskImage(Reader):
    """A task with its baseline and what an import said of its progress."""

    project_id: UUID
    is_summary: bool
    is_active: bool
    is_elapsed_duration: bool
    calendar_id: UUID | None
    percent_complete: Percent
    physical_percent_complete: Percent
    uses_physical_percent: bool
    percent_work_complete: Percent | None = None
    percent_complete_type: str | None = None
    units_done: Decimal | None = None
    ev_technique: Technique | None = None
    actual_start: Wall | None = None
    actual_finish: Wall | None
    actual_cost: Cost
    baseline_start: Wall | None
    baseline_finish: Wall | None
    baseline_cost: Cost | None
    progress_at: datetime | None

    def fact(self, identifier: UUID, version: int, since: datetime) -> TaskFact:
        """As it is kept. A summary row sums up others, an inactive task is not done: neither counts."""
        cost = self.baseline_cost
        kind = self.percent_complete_type or ("physical" if self.uses_physical_percent else "duration")
        earns = measured(self.ev_technique, kind)
        return TaskFact(
            self.project_id,
            identifier,
            version,
            since,
            is_leaf=self.is_active and not self.is_summary,
            is_elapsed=self.is_elapsed_duration,
            calendar_id=self.calendar_id,
            baseline=baseline_of(
                self.baseline_start,
                self.baseline_finish,
                None if cost is None else cost.amount,
                2 if cost is None else minor_digits(cost.currency),
            ),
            actual_finish=None if self.actual_finish is None else minute_of(self.actual_finish),
            technique=earns.technique,
            basis=earns.basis,
            start_share=earns.start_share,
            planned_units=earns.planned_units,
            base_task_id=earns.base_task_id,
            milestones=earns.milestones,
            achieved_at=earns.achieved_at,
        )

    def progress(self, identifier: UUID, at: datetime, stated: int) -> ProgressFact | None:
        """What an import states of it as of an instant; None where it states nothing, or what is newer stands."""
        if self.progress_at is None or self.progress_at > at:
            return None
        if self.percent_work_complete is None:  # told before there were other percents
            percent = self.physical_percent_complete if self.uses_physical_percent else self.percent_complete
            return _stated(self.project_id, identifier, at, percent, self.actual_cost, stated)
        fact = _stated(self.project_id, identifier, at, self.percent_complete, self.actual_cost, stated)
        return replace(
            fact,
            work=minor_units(self.percent_work_complete, 2),
            physical=minor_units(self.physical_percent_complete, 2),
            units=self.units_done,
            state=_state(self.percent_complete, self.actual_start),
            finish=None if self.actual_finish is None else minute_of(self.actual_finish),
        )


class ProgressImage(Reader):
    """What someone stated of a task's progress, and as of when."""

    project_id: UUID
    task_id: UUID
    at: datetime
    percent_complete: Percent
    actual_cost: Cost | None
    percent_work_complete: Percent | None = None
    physical_percent_complete: Percent | None = None
    units_done: Decimal | None = None
    actual_start: Wall | None = None
    actual_finish: Wall | None = None

    def fact(self, stated: int) -> ProgressFact:
        """As it is kept; what was told before there were other percents counts by whatever a task earns by."""
        fact = _stated(self.project_id, self.task_id, self.at, self.percent_complete, self.actual_cost, stated)
        if "actual_start" not in self.model_fields_set:
            return fact
        work, physical = (
            None if each is None else minor_units(each, 2)
            for each in (self.percent_work_complete, self.physical_percent_complete)
        )
        state = _state(self.percent_complete, self.actual_start)
        finish = None if self.actual_finish is None else minute_of(self.actual_finish)
        return replace(fact, work=work, physical=physical, units=self.units_done, state=state, finish=finish)


def _stated(
    project_id: UUID, task_id: UUID, at: datetime, percent: Decimal, cost: Cost | None, by: int
) -> ProgressFact:
    fact = ProgressFact(project_id, task_id, at, minor_units(percent, 2), by)
    return fact if cost is None else replace(fact, actual_cost=cost.minor, cost_stated=by)


def _state(percent: Decimal, begun: datetime | None) -> int:
    """0 not begun, 1 begun, 2 finished: complete and finished are the same."""
    return 2 if percent == 100 else int(percent > 0 or begun is not None)


class ProjectChanged(Reader):
    """A project was created or updated."""

    after: ProjectImage


class TaskChanged(Reader):
    """A task was created or updated."""

    id: UUID
    version: int
    after: TaskImage


class Deleted(Reader):
    """A project or a task was deleted."""

    id: UUID
    version: int


class TaskProgressed(Reader):
    """Someone stated a task's progress."""

    after: ProgressImage


class CalendarItem(Reader):
    """A calendar of an imported plan."""

    kind: Literal["calendar"]
    id: UUID
    version: int
    action: str
    after: CalendarImage | None

    def fact(self, project_id: UUID, since: datetime) -> CalendarFact:
        """As it is kept."""
        definition = None if self.after is None else orjson.dumps(self.after.definition).decode()
        return CalendarFact(project_id, self.id, self.version, since, definition)


class TaskItem(Reader):
    """A task of an imported plan."""

    kind: Literal["task"]
    id: UUID
    version: int
    action: str
    after: TaskImage | None

    def fact(self, project_id: UUID, since: datetime) -> TaskFact:
        """As it is kept."""
        if self.after is None:
            return TaskFact(project_id, self.id, self.version, since, is_deleted=True)
        return self.after.fact(self.id, self.version, since)


class ProgressItem(Reader):
    """What was stated of a task, among much that was stated at once."""

    kind: Literal["progress"]
    after: ProgressImage


class OtherItem(Reader):
    """Something of an imported plan that metrics do not depend on."""


def _kind(item: object) -> str:
    kind = item.get("kind") if isinstance(item, dict) else None
    return kind if kind in {"calendar", "task", "progress"} else "other"


Item = Annotated[
    Annotated[CalendarItem, Tag("calendar")]
    | Annotated[TaskItem, Tag("task")]
    | Annotated[ProgressItem, Tag("progress")]
    | Annotated[OtherItem, Tag("other")],
    Discriminator(_kind),
]


class PlanChanged(Reader):
    """A piece of what changed in a plan at once."""

    project: ProjectImage
    chunk: int
    chunks: int
    items: list[Item]

    def since(self, told_at: datetime) -> datetime:
        """The instant since which the changes count: when they were told."""
        return told_at


class PlanImported(PlanChanged):
    """A piece of an imported plan, which states progress too."""

    progress_at: datetime

    def since(self, told_at: datetime) -> datetime:
        """The instant since which the plan counts: that of its progress, which a file that comes late tells of."""
        return min(told_at, self.progress_at)
