"""Primavera's tables, row by row in any order, put together as a plan for each project."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.projects.domain.calendars import usual_calendar
from services.projects.domain.fields import CURRENCY_CODE, MAX_TASKS, FieldError, Report, Row, identifier, label
from services.projects.domain.links import settle_links
from services.projects.domain.plan import CrossLink, Plan, PlanFile, Task
from services.projects.domain.primavera.breakdown import BreakdownReader
from services.projects.domain.primavera.calendars import CalendarReader, Hours
from services.projects.domain.primavera.options import conventions_of
from services.projects.domain.primavera.resources import ResourceReader
from services.projects.domain.primavera.tasks import TaskReader
from services.projects.domain.primavera.values import guid, hours, moment
from services.projects.domain.xml_guard import PlanFileError
from shared.working_time import WorkingCalendar, WorkingTime, compile_calendars, minute_of

MAX_PROJECTS: Final = 500
_UNSTATED: Final = Hours(0, 0, 0)


class PlanReader:
    """Takes rows of all tables; `finish` gives the plans."""

    def __init__(self) -> None:
        self._report = Report()
        self._currency: str | None = None
        self._projects: dict[str, Row] = {}
        self._options: dict[str, Row] = {}
        self._calendars = CalendarReader(self._report)
        self._breakdown = BreakdownReader(self._report)
        self._tasks = TaskReader(self._report)
        self._resources = ResourceReader(self._report)

    def take(self, table: str, row: Row) -> None:
        """Take a row, or report why not."""
        match table:
            case "TASK":
                self._tasks.read(row)
            case "TASKPRED":
                self._tasks.read_link(row)
            case "TASKRSRC":
                self._resources.read_assignment(row)
            case "PROJWBS":
                self._breakdown.read(row)
            case "RSRC":
                self._resources.read(row)
            case "RSRCRATE":
                self._resources.read_rate(row)
            case "PROJCOST":
                self._resources.read_expense(row)
            case "CALENDAR":
                self._calendars.read(row)
            case _:
                self._take_project(table, row)
        if self._tasks.count + self._breakdown.count > MAX_TASKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_TASKS} activities and WBS nodes")

    def _take_project(self, table: str, row: Row) -> None:
        if table == "ERMHDR":
            currency = row.texts.get("currency", "").upper()
            self._currency = currency if CURRENCY_CODE.fullmatch(currency) else None
            return
        try:
            project = identifier(row, "proj_id")
        except FieldError as error:
            self._report.skip("project", "", "invalid_field", str(error))
            return
        if project is None:
            self._report.skip("project", "", "missing_uid", "a project or its options have no id")
        elif table == "SCHEDOPTIONS":
            self._options.setdefault(project, row)
        elif row.texts.get("export_flag", "Y") == "Y":
            self._projects.setdefault(project, row)
        if len(self._projects) > MAX_PROJECTS or len(self._options) > MAX_PROJECTS:
            raise PlanFileError("plan_too_large", f"more than {MAX_PROJECTS} projects")

    def finish(self) -> PlanFile:
        """A plan for each project; PlanFileError if there is none."""
        if not self._projects:
            raise PlanFileError("plan_without_project", "the file holds no project")
        between: list[CrossLink] = []
        for cross in self._tasks.cross_links:
            if {cross.predecessor_project, cross.successor_project} <= self._projects.keys():
                between.append(cross)
                continue
            detail = f"the predecessor belongs to project {cross.predecessor_project}, which is not in the file"
            ends = f"{cross.link.predecessor}>{cross.link.successor}"
            self._report.skip("link", ends, "cross_project_link", detail)
        plans = {project: self._plan(project, row) for project, row in self._projects.items()}
        skipped = self._report.finish()
        return PlanFile({uid: replace(plan, skipped=skipped) for uid, plan in plans.items()}, tuple(between))

    def _plan(self, project: str, row: Row) -> Plan:
        calendars = self._calendars.of_project(project) or {each.source_id: each for each in (usual_calendar(),)}
        tasks = self._breakdown.tasks(project, self._tasks.activities.get(project, {}), self._resources.money)
        status = self._moment(row, "last_recalc_date", project)
        default = self._default_calendar(row, calendars, project)
        tasks = self._settled(tasks, calendars, default, status)
        start = self._moment(row, "plan_start_date", project) or status
        start = start or min((task.start for task in tasks.values() if task.start is not None), default=None)
        if start is None:
            raise PlanFileError("plan_without_start", "neither the project nor an activity names a start")
        links = tuple(settle_links(self._tasks.links.get(project, ()), tasks, self._report))
        alone = len(self._projects) == 1
        resources, assignments = self._resources.of_project(project, tasks, calendars, status or start, alone=alone)
        if self._currency is None:
            self._report.skip("project", project, "currency_missing", "the file names no currency; USD is assumed")
        counted = self._calendars.hours.get(default, _UNSTATED)
        per_day = counted.day or 480
        code = label(row, "proj_short_name")
        return Plan(
            source_guid=guid(row, "guid"),
            name=label(row, "proj_name") or self._breakdown.root_name(project) or code or f"Project {project}",
            currency=self._currency or "USD",
            start=start,
            status_date=status,
            calendar_source_id=default,
            calendars=tuple(calendars.values()),
            tasks=tuple(tasks.values()),
            links=links,
            resources=resources,
            assignments=assignments,
            finish=self._moment(row, "scd_end_date", project),
            minutes_per_day=min(per_day, 1440),
            minutes_per_week=min(counted.week or 5 * per_day, 10_080),
            days_per_month=max(1, min(round(counted.month / per_day) or 20, 31)),
            must_finish=self._moment(row, "plan_end_date", project),
            conventions=conventions_of(self._options.get(project), row, self._critical_float(row, project)),
        )

    def _critical_float(self, row: Row, project: str) -> int:
        try:
            return max(0, hours(row, "critical_drtn_hr_cnt", least=-100_000_000))
        except FieldError as error:
            self._report.skip("project", project, "invalid_field", str(error))
            return 0

    def _moment(self, row: Row, field: str, project: str) -> datetime | None:
        try:
            return moment(row, field)
        except FieldError as error:
            self._report.skip("project", project, "invalid_field", str(error))
            return None

    def _default_calendar(self, row: Row, calendars: Mapping[str, WorkingCalendar], project: str) -> str:
        stated = row.texts.get("clndr_id")
        if stated is not None and stated in calendars:
            return stated
        usual = self._calendars.default
        chosen = usual if usual is not None and usual in calendars else next(iter(calendars))
        self._report.skip("project", project, "unknown_calendar", f"its calendar is unknown; {chosen} is used")
        return chosen

    def _settled(
        self, tasks: dict[str, Task], calendars: Mapping[str, WorkingCalendar], default: str, status: datetime | None
    ) -> dict[str, Task]:
        """The tasks with calendars that are known and the working time that they have taken so far."""
        compiled = compile_calendars(calendars.values())
        settled = {}
        for uid, task in tasks.items():
            calendar = task.calendar_source_id
            if calendar is not None and calendar not in calendars:
                detail = "its calendar is unknown; the project's takes its place"
                self._report.skip("task", uid, "unknown_calendar", detail)
                calendar = None
            worked = _worked(task, compiled[calendar or default], status)
            settled[uid] = replace(task, calendar_source_id=calendar, actual_duration_minutes=worked)
        return settled


def _worked(task: Task, time: WorkingTime, status: datetime | None) -> int:
    """Working minutes from a task's actual start to its actual finish, else to the data date."""
    end = task.actual_finish or status
    if task.actual_start is None or end is None or end <= task.actual_start:
        return 0
    return time.working_minutes(minute_of(task.actual_start), minute_of(end))
