"""A project's rows as the plan that scheduling works on, with our ids as source ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import orjson
from pydantic import TypeAdapter

from services.projects import repository
from services.projects.domain.conventions import MICROSOFT_PROJECT, Conventions, LagCalendar
from services.projects.domain.plan import (
    ActivityType,
    Assignment,
    Baseline,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Resource,
    ResourceType,
    Task,
)
from services.projects.entities import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, TASK
from services.projects.service.breathing import aside
from shared.db import Transaction
from shared.working_calendar import WorkingCalendar, from_json
from shared.working_time import WorkingTime, compile_calendars

WEEKDAY: Final = ((480, 720), (780, 1020))
USUAL_CALENDAR: Final = WorkingCalendar(
    "usual",
    "Monday to Friday, 8 to 12 and 13 to 17",
    (WEEKDAY, WEEKDAY, WEEKDAY, WEEKDAY, WEEKDAY, (), ()),
)

# A dictionary finds a member ten times faster than its class does, and a plan has very many.
_ACTIVITIES: Final = {each.value: each for each in ActivityType}
_CONSTRAINTS: Final = {each.value: each for each in ConstraintType}
_LINKS: Final = {each.value: each for each in LinkType}
_LAG_UNITS: Final = {each.value: each for each in LagUnit}


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)


def _calendar(row: asyncpg.Record) -> WorkingCalendar:
    return from_json(orjson.loads(row["definition"]))


def task_of(row: asyncpg.Record, calendars: Mapping[UUID, str]) -> Task:
    """Return a task from its row; calendars are called as these names say."""
    baseline = None
    if row["baseline_finish"] is not None or row["baseline_cost"] is not None:
        baseline = Baseline(
            row["baseline_start"],
            row["baseline_finish"],
            row["baseline_duration_minutes"],
            row["baseline_work_minutes"],
            row["baseline_cost"],
        )
    return Task(
        source_id=str(row["id"]),
        position=row["position"],
        name=row["name"],
        parent_source_id=_text(row["parent_id"]),
        outline_level=row["outline_level"],
        activity_type=_ACTIVITIES[row["activity_type"]],
        is_summary=row["is_summary"],
        is_milestone=row["is_milestone"],
        is_active=row["is_active"],
        is_manual=row["is_manual"],
        priority=row["priority"],
        duration_minutes=row["duration_minutes"],
        is_elapsed_duration=row["is_elapsed_duration"],
        is_fixed_duration=row["is_fixed_duration"],
        is_fixed_work=row["is_fixed_work"],
        calendar_source_id=calendars.get(row["calendar_id"]),
        ignores_resource_calendar=row["ignores_resource_calendar"],
        constraint_type=_CONSTRAINTS[row["constraint_type"]],
        constraint_date=row["constraint_date"],
        secondary_constraint_type=_CONSTRAINTS[row["secondary_constraint_type"]],
        secondary_constraint_date=row["secondary_constraint_date"],
        expected_finish=row["expected_finish"],
        external_early_start=row["external_early_start"],
        external_late_finish=row["external_late_finish"],
        deadline=row["deadline"],
        start=row["planned_start"],
        finish=row["planned_finish"],
        percent_complete=row["percent_complete"],
        actual_start=row["actual_start"],
        actual_finish=row["actual_finish"],
        actual_duration_minutes=row["actual_duration_minutes"],
        remaining_duration_minutes=row["remaining_duration_minutes"],
        stop=row["stop"],
        resume=row["resume"],
        leveling_delay_minutes=row["leveling_delay_minutes"],
        work_minutes=row["work_minutes"],
        actual_work_minutes=row["actual_work_minutes"],
        remaining_work_minutes=row["remaining_work_minutes"],
        fixed_cost=row["fixed_cost"],
        cost=row["cost"],
        actual_cost=row["actual_cost"],
        baseline=baseline,
    )


async def project_calendar(tx: Transaction, project: asyncpg.Record) -> WorkingTime:
    """Return the calendar that a project's own dates are counted on."""
    return (await working_times(tx, project))[1]


async def working_times(tx: Transaction, project: asyncpg.Record) -> tuple[Mapping[UUID, WorkingTime], WorkingTime]:
    """Return the calendars of a project by id, and the one that its own dates are counted on."""
    rows = await repository.rows(tx, CALENDAR, project["id"])
    calendars = [_calendar(row) for row in rows]
    own = next((row["source_id"] for row in rows if row["id"] == project["calendar_id"]), None)
    compiled = compile_calendars([*calendars, USUAL_CALENDAR])
    times = {row["id"]: compiled[row["source_id"]] for row in rows}
    return times, compiled[USUAL_CALENDAR.source_id if own is None else own]


@dataclass(frozen=True, slots=True)
class PlanRows:
    """All rows of a project's plan; `plan` of many takes long and awaits nothing, so it can be had in a thread."""

    project: asyncpg.Record
    calendar_rows: Sequence[asyncpg.Record]
    tasks: list[asyncpg.Record]
    links: list[asyncpg.Record]
    resources: Sequence[asyncpg.Record]
    assignments: list[asyncpg.Record]

    def __len__(self) -> int:
        return len(self.tasks) + len(self.links) + len(self.assignments)

    @property
    def many(self) -> tuple[list[asyncpg.Record], ...]:
        """The rows of which there may be very many."""
        return self.tasks, self.links, self.assignments

    @property
    def calendars(self) -> Mapping[UUID, str]:
        """What the plan calls its calendars."""
        return {row["id"]: row["source_id"] for row in self.calendar_rows}

    def read(self) -> tuple[Plan, Mapping[UUID, Link]]:
        """Return the plan with our ids as source ids, and its links by id."""
        links = {row["id"]: link_of(row) for row in self.links}
        return self._plan(tuple(links.values())), links

    def plan(self) -> Plan:
        """Return the plan with our ids as source ids."""
        return self.read()[0]

    def _plan(self, links: tuple[Link, ...]) -> Plan:
        project, names = self.project, self.calendars
        calendars = tuple(_calendar(row) for row in self.calendar_rows)
        default = names.get(project["calendar_id"])
        if default is None:
            calendars, default = (*calendars, USUAL_CALENDAR), USUAL_CALENDAR.source_id
        settings = _SETTINGS.validate_json(project["plan_settings"])
        return Plan(
            source_guid=None,
            name=project["name"],
            currency=project["currency"],
            start=project["start"],
            finish=project["planned_finish"],
            status_date=project["status_date"],
            calendar_source_id=default,
            calendars=calendars,
            tasks=tuple(task_of(row, names) for row in self.tasks),
            links=links,
            resources=tuple(
                Resource(
                    str(row["id"]),
                    row["name"],
                    ResourceType(row["type"]),
                    max_units=row["max_units"],
                    calendar_source_id=names.get(row["calendar_id"]),
                    is_equipment=row["is_equipment"],
                )
                for row in self.resources
            ),
            assignments=tuple(_assignment(row) for row in self.assignments),
            minutes_per_day=project["minutes_per_day"],
            minutes_per_week=settings.minutes_per_week,
            days_per_month=settings.days_per_month,
            must_finish=settings.must_finish,
            conventions=settings.conventions,
        )


def link_of(row: asyncpg.Record) -> Link:
    """Return a link from its row."""
    return Link(
        str(row["predecessor_id"]),
        str(row["successor_id"]),
        _LINKS[row["type"]],
        row["lag"],
        _LAG_UNITS[row["lag_unit"]],
        None if row["lag_calendar"] is None else LagCalendar(row["lag_calendar"]),
    )


def _assignment(row: asyncpg.Record) -> Assignment:
    return Assignment(
        str(row["id"]),
        str(row["task_id"]),
        _text(row["resource_id"]),
        row["units"],
        row["work_minutes"],
        row["actual_work_minutes"],
        row["remaining_work_minutes"],
        row["cost"],
        row["actual_cost"],
        start=row["planned_start"],
        finish=row["planned_finish"],
    )


async def plan_rows(tx: Transaction, project: asyncpg.Record) -> PlanRows:
    """Return the rows of a project's plan."""
    project_id: UUID = project["id"]
    return PlanRows(
        project,
        calendar_rows=await repository.rows(tx, CALENDAR, project_id),
        tasks=await repository.rows(tx, TASK, project_id, "position, id"),
        links=await repository.rows(tx, DEPENDENCY, project_id),
        resources=await repository.rows(tx, PLAN_RESOURCE, project_id),
        assignments=await repository.rows(tx, ASSIGNMENT, project_id),
    )


async def load_plan(tx: Transaction, project: asyncpg.Record) -> Plan:
    """Return a project's plan with our ids as source ids."""
    rows = await plan_rows(tx, project)
    return await aside(len(rows), rows.plan)


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What of a plan only scheduling and exporting read; kept as JSON."""

    minutes_per_week: int = 2400
    days_per_month: int = 20
    conventions: Conventions = MICROSOFT_PROJECT
    must_finish: datetime | None = None


_SETTINGS: Final = TypeAdapter(PlanSettings)


def plan_settings(plan: Plan) -> str:
    """Return the settings of a plan as JSON."""
    settings = PlanSettings(plan.minutes_per_week, plan.days_per_month, plan.conventions, plan.must_finish)
    return _SETTINGS.dump_json(settings).decode()


def conventions_of(settings: str) -> Conventions:
    """Return the conventions in the settings of a project's plan."""
    return _SETTINGS.validate_json(settings).conventions


def changed_settings(settings: str, changes: Mapping[str, object]) -> str:
    """Return the settings of a plan with another `must_finish`, or other `conventions` where those name any."""
    present, options = orjson.loads(settings), changes.get("conventions", {})
    assert isinstance(options, Mapping)
    merged = {**present, **changes, "conventions": {**present.get("conventions", {}), **options}}
    return _SETTINGS.dump_json(_SETTINGS.validate_json(orjson.dumps(merged))).decode()
