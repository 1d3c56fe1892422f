"""Tasks and links of Microsoft Project XML."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from services.projects.domain.fields import (
    MAX_LINKS,
    MAX_MINUTES,
    MAX_TASKS,
    MAX_WORK_MINUTES,
    FieldError,
    Report,
    Row,
    flag,
    guid,
    identifier,
    integer,
    label,
    percent,
    prose,
)
from services.projects.domain.links import settle_links
from services.projects.domain.mspdi.attributes import AttributeReader
from services.projects.domain.mspdi.values import minutes, moment, money
from services.projects.domain.outline import check_depth
from services.projects.domain.plan import Baseline, ConstraintType, LagUnit, Link, LinkType, Task
from services.projects.domain.xml_guard import PlanFileError

_LINK_TYPES: Final = (
    LinkType.FINISH_TO_FINISH,
    LinkType.FINISH_TO_START,
    LinkType.START_TO_FINISH,
    LinkType.START_TO_START,
)
_FINISH_TO_START: Final = 1
_CONSTRAINTS: Final = (
    ConstraintType.AS_SOON_AS_POSSIBLE,
    ConstraintType.AS_LATE_AS_POSSIBLE,
    ConstraintType.MUST_START_ON,
    ConstraintType.MUST_FINISH_ON,
    ConstraintType.START_NO_EARLIER_THAN,
    ConstraintType.START_NO_LATER_THAN,
    ConstraintType.FINISH_NO_EARLIER_THAN,
    ConstraintType.FINISH_NO_LATER_THAN,
)
_FIXED_DURATION: Final = 1
_FIXED_WORK: Final = 2
_DATED_CONSTRAINT: Final = 2
_BASELINES: Final = range(11)
# Formats of durations and lags: minutes 3 and 4, hours 5 and 6 … months 11 and 12, percent 19 and 20, the even ones
# elapsed; the same and 32 more mean an estimate.
_ESTIMATED: Final = 32
_DAYS: Final = 7
_PERCENT: Final = 19
_ELAPSED_PERCENT: Final = 20
_ELAPSED: Final = frozenset({4, 6, 8, 10, 12, _ELAPSED_PERCENT})


@dataclass(frozen=True, slots=True)
class _OutlineNode:
    level: int
    uid: str


class TaskReader:
    """Reads task rows one by one in the file's order; `finish` settles what needs all of them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.attributes = AttributeReader(report)
        self._tasks: dict[str, Task] = {}
        self._external: set[str] = set()
        self._subprojects: set[str] = set()
        self._links: list[Link] = []
        self._above: list[_OutlineNode] = []  # the taken tasks over the next row

    def read(self, row: Row, *, physical_percent: bool) -> None:
        """Take a task and the links to its predecessors, or report why not; a blank line of the plan is nothing."""
        uid = ""
        try:
            uid = identifier(row) or ""  # before all else: what is told to be left out is not gone
            if flag(row, "IsNull"):
                return
            level = _outline_level(row)
            # A row that is left out gives its children to what stands above it, not to its elder sibling.
            while self._above and self._above[-1].level >= level:
                self._above.pop()
            check_depth(len(self._above) + 1, row.line)
            if not uid:
                self._report.skip("task", "", "missing_uid", "a task has no UID")
                return
            if uid in self._tasks:
                self._report.skip("task", uid, "duplicate_uid", "another task before it has the same UID")
                return
            if flag(row, "ExternalTask"):
                self._external.add(uid)
                self._report.skip("task", uid, "external_task", "it belongs to another project")
                return
            if flag(row, "IsSubproject"):
                self._subprojects.add(uid)
            task = self._task(uid, level, row, physical_percent=physical_percent)
        except FieldError as error:
            self._report.skip("task", uid, "invalid_field", str(error))
            return
        if len(self._tasks) >= MAX_TASKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_TASKS} tasks")
        self._tasks[uid] = task
        self._above.append(_OutlineNode(level, uid))
        for link in row.rows.get("PredecessorLink", ()):
            self._read_link(uid, link)

    def finish(self, calendars: Mapping[str, object]) -> tuple[dict[str, Task], tuple[Link, ...]]:
        """All tasks by their ids, in the file's order, and the links among them."""
        parents = {task.parent_source_id for task in self._tasks.values()}
        tasks = {uid: self._settled(task, uid in parents, calendars) for uid, task in self._tasks.items()}
        return tasks, tuple(settle_links(self._links, tasks, self._report, self._external))

    def _task(self, uid: str, level: int, row: Row, *, physical_percent: bool) -> Task:
        kind = integer(row, "Type", 0)
        duration_format = integer(row, "DurationFormat", _DAYS)
        constraint = integer(row, "ConstraintType", 0, 0, len(_CONSTRAINTS) - 1)
        constraint_date = moment(row, "ConstraintDate")
        if constraint >= _DATED_CONSTRAINT and constraint_date is None:
            self._report.skip("task", uid, "constraint_without_date", "its constraint names no date and is left out")
            constraint = 0
        wbs = label(row, "WBS") or label(row, "OutlineNumber")
        baselines = _baselines(row)
        task = Task(
            source_id=uid,
            position=len(self._tasks),
            name=label(row, "Name", "" if level == 0 else f"Task {uid}"),
            parent_source_id=self._above[-1].uid if self._above else None,
            outline_level=level,
            wbs=wbs,
            is_summary=flag(row, "Summary"),
            is_milestone=flag(row, "Milestone"),
            is_active=flag(row, "Active", default=True),
            is_manual=flag(row, "Manual"),
            priority=integer(row, "Priority", 500, 0, 1000),
            duration_minutes=minutes(row, "Duration") or 0,
            is_elapsed_duration=_unit(duration_format) in _ELAPSED,
            is_fixed_duration=kind == _FIXED_DURATION,
            is_fixed_work=kind == _FIXED_WORK,
            calendar_source_id=identifier(row, "CalendarUID"),
            ignores_resource_calendar=flag(row, "IgnoreResourceCalendar"),
            constraint_type=_CONSTRAINTS[constraint],
            constraint_date=constraint_date if constraint >= _DATED_CONSTRAINT else None,
            deadline=moment(row, "Deadline"),
            start=moment(row, "Start") or moment(row, "ManualStart"),
            finish=moment(row, "Finish") or moment(row, "ManualFinish"),
            percent_complete=percent(row, "PercentComplete"),
            percent_work_complete=percent(row, "PercentWorkComplete"),
            physical_percent_complete=percent(row, "PhysicalPercentComplete"),
            uses_physical_percent=flag(row, "EarnedValueMethod", default=physical_percent),
            actual_start=moment(row, "ActualStart"),
            actual_finish=moment(row, "ActualFinish"),
            actual_duration_minutes=minutes(row, "ActualDuration") or 0,
            remaining_duration_minutes=minutes(row, "RemainingDuration"),
            stop=moment(row, "Stop"),
            resume=moment(row, "Resume"),
            leveling_delay_minutes=_tenths(integer(row, "LevelingDelay", 0, -10 * MAX_MINUTES, 10 * MAX_MINUTES)),
            work_minutes=minutes(row, "Work", MAX_WORK_MINUTES) or 0,
            actual_work_minutes=minutes(row, "ActualWork", MAX_WORK_MINUTES) or 0,
            remaining_work_minutes=minutes(row, "RemainingWork", MAX_WORK_MINUTES) or 0,
            fixed_cost=money(row, "FixedCost"),
            cost=money(row, "Cost"),
            actual_cost=money(row, "ActualCost"),
            baseline=baselines.pop(0, None),
            baselines=baselines,
            description=prose(row, "Notes"),
            guid=guid(row, "GUID"),
        )
        return self.attributes.completed(task, row.rows.get("ExtendedAttribute", ()))

    def _settled(self, task: Task, has_children: bool, calendars: Mapping[str, object]) -> Task:
        is_summary = has_children or (task.outline_level == 0 and task.is_summary)
        # An inserted project's own tasks are not in the file: its row keeps the dates that they gave it.
        is_manual = task.is_manual or (task.source_id in self._subprojects and not is_summary)
        calendar = task.calendar_source_id
        if calendar is not None and calendar not in calendars:
            if int(calendar) > 0:
                detail = "its calendar is unknown; the project's takes its place"
                self._report.skip("task", task.source_id, "unknown_calendar", detail)
            calendar = None
        if (is_summary, is_manual, calendar) == (task.is_summary, task.is_manual, task.calendar_source_id):
            return task
        return replace(task, is_summary=is_summary, is_manual=is_manual, calendar_source_id=calendar)

    def _read_link(self, successor: str, row: Row) -> None:
        try:
            predecessor = identifier(row, "PredecessorUID")
            if flag(row, "CrossProject"):
                detail = "the predecessor belongs to another project"
                self._report.skip("link", f"{predecessor or ''}>{successor}", "cross_project_link", detail)
                return
            if predecessor is None:
                self._report.skip("link", f">{successor}", "missing_uid", "a link names no predecessor")
                return
            kind = _LINK_TYPES[integer(row, "Type", _FINISH_TO_START, 0, len(_LINK_TYPES) - 1)]
            lag = integer(row, "LinkLag", 0, -10 * MAX_MINUTES, 10 * MAX_MINUTES)
            unit = _unit(integer(row, "LagFormat", _DAYS))
        except FieldError as error:
            self._report.skip("link", f">{successor}", "invalid_field", str(error))
            return
        if len(self._links) >= MAX_LINKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_LINKS} links")
        if unit in (_PERCENT, _ELAPSED_PERCENT):
            lag_unit = LagUnit.PERCENT if unit == _PERCENT else LagUnit.ELAPSED_PERCENT
        else:
            lag_unit = LagUnit.ELAPSED if unit in _ELAPSED else LagUnit.WORKING
            lag = _tenths(lag)
        self._links.append(Link(predecessor, successor, kind, lag, lag_unit))


def _outline_level(row: Row) -> int:
    numbers = row.texts.get("OutlineNumber", "1")
    return integer(row, "OutlineLevel", 0 if numbers == "0" else numbers.count(".") + 1, 0, 1000)


def _unit(duration_format: int) -> int:
    return duration_format - _ESTIMATED if duration_format > _ESTIMATED else duration_format


def _tenths(tenths_of_minutes: int) -> int:
    """Whole minutes, halves away from zero."""
    whole = (abs(tenths_of_minutes) + 5) // 10
    return whole if tenths_of_minutes >= 0 else -whole


def _baselines(row: Row) -> dict[int, Baseline]:
    """The baselines by number, 0 to 10. What one leaves out of duration, work and cost is zero: writers omit zeros."""
    found: dict[int, Baseline] = {}
    for baseline in row.rows.get("Baseline", ()):
        number = integer(baseline, "Number", 0)
        if number in found or number not in _BASELINES or not baseline.texts.keys() - {"Number"}:
            continue
        found[number] = Baseline(
            start=moment(baseline, "Start"),
            finish=moment(baseline, "Finish"),
            duration_minutes=minutes(baseline, "Duration") or 0,
            work_minutes=minutes(baseline, "Work", MAX_WORK_MINUTES) or 0,
            cost=money(baseline, "Cost"),
        )
    return found
