"""Activities and relationships of Primavera, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from services.projects.domain.ev_techniques import LEVEL_OF_EFFORT
from services.projects.domain.fields import (
    MAX_LINKS,
    MAX_MINUTES,
    MAX_TASKS,
    MAX_WORK_MINUTES,
    FieldError,
    Report,
    Row,
    identifier,
    label,
    number,
)
from services.projects.domain.plan import MILESTONES, ActivityType, ConstraintType, CrossLink, Link, LinkType, Task
from services.projects.domain.primavera.values import guid, hours, moment
from services.projects.domain.xml_guard import PlanFileError

LINK_TYPES: Final[Mapping[str, LinkType]] = MappingProxyType(
    {
        "PR_FS": LinkType.FINISH_TO_START,
        "PR_SS": LinkType.START_TO_START,
        "PR_FF": LinkType.FINISH_TO_FINISH,
        "PR_SF": LinkType.START_TO_FINISH,
    }
)
CONSTRAINTS: Final[Mapping[str, ConstraintType]] = MappingProxyType(
    {
        "CS_ALAP": ConstraintType.AS_LATE_AS_POSSIBLE,
        "CS_MSO": ConstraintType.MUST_START_ON,
        "CS_MANDSTART": ConstraintType.MANDATORY_START,
        "CS_MEO": ConstraintType.MUST_FINISH_ON,
        "CS_MANDFIN": ConstraintType.MANDATORY_FINISH,
        "CS_MSOA": ConstraintType.START_NO_EARLIER_THAN,
        "CS_MSOB": ConstraintType.START_NO_LATER_THAN,
        "CS_MEOA": ConstraintType.FINISH_NO_EARLIER_THAN,
        "CS_MEOB": ConstraintType.FINISH_NO_LATER_THAN,
    }
)
PRIORITIES: Final = {"PT_Top": 900, "PT_High": 700, "PT_Normal": 500, "PT_Low": 300, "PT_Lowest": 100}
ACTIVITY_TYPES: Final[Mapping[str, ActivityType]] = MappingProxyType(
    {
        "TT_Task": ActivityType.TASK,
        "TT_Rsrc": ActivityType.RESOURCE_DEPENDENT,
        "TT_Mile": ActivityType.START_MILESTONE,
        "TT_FinMile": ActivityType.FINISH_MILESTONE,
        "TT_LOE": ActivityType.LEVEL_OF_EFFORT,
        "TT_WBS": ActivityType.WBS_SUMMARY,
    }
)
EFFORTS: Final = frozenset({ActivityType.LEVEL_OF_EFFORT, ActivityType.WBS_SUMMARY})
_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Activity:
    """A task before it has its place in the work breakdown structure."""

    task: Task
    wbs_id: str | None


class TaskReader:
    """Reads activities and relationships one by one."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.links: dict[str, list[Link]] = {}  # by project
        self.cross_links: list[CrossLink] = []  # between projects, by their ids in the file
        self.activities: dict[str, dict[str, Activity]] = {}  # by project, by id
        self.count = 0
        self._link_count = 0

    def read(self, row: Row) -> None:
        """Take an activity, or report why not."""
        uid = ""
        try:
            found, project = identifier(row, "task_id"), identifier(row, "proj_id")
            uid = found or ""
            if found is None or project is None:
                self._report.skip("task", uid, "missing_uid", "an activity has no id or no project")
                return
            activities = self.activities.setdefault(project, {})
            if uid in activities:
                self._report.skip("task", uid, "duplicate_uid", "another activity before it has the same id")
                return
            activity = Activity(self._task(uid, row), identifier(row, "wbs_id"))
        except FieldError as error:
            self._report.skip("task", uid, "invalid_field", str(error))
            return
        self.count += 1
        if self.count > MAX_TASKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_TASKS} activities")
        activities[uid] = activity

    def _task(self, uid: str, row: Row) -> Task:
        texts = row.texts
        kind = ACTIVITY_TYPES.get(texts.get("task_type", ""), ActivityType.TASK)
        percent_type = texts.get("complete_pct_type", "CP_Drtn")
        done = texts.get("status_code") == "TK_Complete"
        duration, remaining = hours(row, "target_drtn_hr_cnt"), hours(row, "remain_drtn_hr_cnt")
        work = {
            each: hours(row, f"{each}_work_qty", MAX_WORK_MINUTES) + hours(row, f"{each}_equip_qty", MAX_WORK_MINUTES)
            for each in ("act", "remain")
        }
        of_work = _HUNDRED if done else share(work["act"], work["act"] + work["remain"])
        of_duration = _HUNDRED if done else share(duration - remaining, duration)
        constraint, date = constraint_of(row, "", self._report, uid)
        second, second_date = constraint_of(row, "2", self._report, uid)
        begun = texts.get("status_code") != "TK_NotStart"
        actual_start, actual_finish = moment(row, "act_start_date"), moment(row, "act_end_date")
        return Task(
            source_id=uid,
            position=0,
            name=label(row, "task_name", f"Activity {uid}"),
            wbs=label(row, "task_code"),
            activity_type=kind,
            is_milestone=kind in MILESTONES,
            priority=PRIORITIES.get(texts.get("priority_type", ""), 500),
            duration_minutes=0 if kind in MILESTONES else duration,
            is_fixed_duration=kind is not ActivityType.RESOURCE_DEPENDENT,
            calendar_source_id=identifier(row, "clndr_id"),
            ignores_resource_calendar=kind is not ActivityType.RESOURCE_DEPENDENT,
            constraint_type=constraint,
            constraint_date=date,
            secondary_constraint_type=second,
            secondary_constraint_date=second_date,
            expected_finish=moment(row, "expect_end_date"),
            external_early_start=moment(row, "external_early_start_date"),
            external_late_finish=moment(row, "external_late_end_date"),
            start=actual_start or moment(row, "target_start_date"),
            finish=actual_finish or moment(row, "target_end_date"),
            percent_complete=of_work if percent_type == "CP_Units" else of_duration,
            percent_work_complete=of_work,
            physical_percent_complete=number(row, "phys_complete_pct", Decimal(0), Decimal(0), _HUNDRED),
            uses_physical_percent=percent_type == "CP_Phys",
            uses_units_percent=percent_type == "CP_Units",
            ev_technique=LEVEL_OF_EFFORT if kind in EFFORTS else None,
            actual_start=actual_start if begun else None,
            actual_finish=actual_finish if done else None,
            remaining_duration_minutes=0 if done else remaining,
            stop=moment(row, "suspend_date"),
            resume=moment(row, "resume_date"),
            work_minutes=work["act"] + work["remain"],
            actual_work_minutes=work["act"],
            remaining_work_minutes=work["remain"],
            guid=guid(row, "guid"),
        )

    def read_link(self, row: Row) -> None:
        """Take a relationship, or report why not."""
        successor = ""
        try:
            successor = identifier(row, "task_id") or ""
            predecessor = identifier(row, "pred_task_id") or ""
            project = identifier(row, "proj_id") or ""
            before = identifier(row, "pred_proj_id") or project
            lag = hours(row, "lag_hr_cnt", least=-MAX_MINUTES)
        except FieldError as error:
            self._report.skip("link", f">{successor}", "invalid_field", str(error))
            return
        kind = LINK_TYPES.get(row.texts.get("pred_type", ""))
        if not predecessor or not successor or kind is None:
            detail = "a relationship without predecessor, successor or type"
            self._report.skip("link", f"{predecessor}>{successor}", "invalid_field", detail)
            return
        self._link_count += 1
        if self._link_count > MAX_LINKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_LINKS} relationships")
        link = Link(predecessor, successor, kind, lag)
        if before == project:
            self.links.setdefault(project, []).append(link)
        else:
            self.cross_links.append(CrossLink(before, project, link))


def constraint_of(row: Row, number_: str, report: Report, uid: str) -> tuple[ConstraintType, datetime | None]:
    """The first constraint, or that of a number."""
    stated = row.texts.get(f"cstr_type{number_}")
    kind = CONSTRAINTS.get(stated or "", ConstraintType.AS_SOON_AS_POSSIBLE)
    date = moment(row, f"cstr_date{number_}")
    if kind in (ConstraintType.AS_LATE_AS_POSSIBLE, ConstraintType.AS_SOON_AS_POSSIBLE):
        if stated is not None and kind is ConstraintType.AS_SOON_AS_POSSIBLE:
            report.skip("task", uid, "unknown_constraint", "its constraint is of no known type and is left out")
        return kind, None
    if date is None:
        report.skip("task", uid, "constraint_without_date", "its constraint names no date and is left out")
        return ConstraintType.AS_SOON_AS_POSSIBLE, None
    return kind, date


def share(part: int, whole: int) -> Decimal:
    """Percent, to the hundredth, from 0 to 100; 0 of nothing."""
    if whole <= 0:
        return Decimal(0)
    return min(max(_HUNDRED * part / whole, Decimal(0)), _HUNDRED).quantize(_CENT)
