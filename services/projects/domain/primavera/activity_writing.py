"""Activities, relationships and assignments as Primavera writes them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from services.projects.domain.plan import (
    ActivityType,
    Assignment,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Task,
)
from services.projects.domain.primavera.record import Record, guid, hours
from services.projects.domain.primavera.resources import MATERIAL
from services.projects.domain.primavera.tasks import ACTIVITY_TYPES, CONSTRAINTS, LINK_TYPES, PRIORITIES
from services.projects.domain.schedule import ScheduledTask

_TYPES: Final = {kind: name for name, kind in ACTIVITY_TYPES.items()}
_LINKS: Final = {kind: name for name, kind in LINK_TYPES.items()}
_CONSTRAINTS: Final = {kind: name for name, kind in CONSTRAINTS.items()}
MAX_FANNED: Final = 100_000
"""Relationships that one link of summaries may become."""


def task_record(task: Task, kind: ActivityType, dates: ScheduledTask | None, names: Record) -> Record:
    """An activity; `names` are its project, node, calendar and code."""
    done, begun = task.actual_finish is not None, task.actual_start is not None
    remaining = task.remaining_duration_minutes
    if remaining is None:
        remaining = max(task.duration_minutes - task.actual_duration_minutes, 0)
    early = (dates and dates.early_start, dates and dates.early_finish)
    first, second = _constraints(task)
    return {
        "task_id": task.source_id, **names, "phys_complete_pct": task.physical_percent_complete,
        "rev_fdbk_flag": False, "est_wt": 1, "lock_plan_flag": False, "auto_compute_act_flag": False,
        "complete_pct_type": _percent_type(task), "task_type": _TYPES[kind],
        "duration_type": "DT_FixedDUR2" if task.is_fixed_duration else "DT_FixedRate",
        "status_code": "TK_Complete" if done else "TK_Active" if begun else "TK_NotStart", "task_name": task.name,
        "total_float_hr_cnt": dates and hours(dates.total_float_minutes),
        "free_float_hr_cnt": dates and hours(dates.free_float_minutes),
        "remain_drtn_hr_cnt": hours(0 if done else remaining), "act_work_qty": hours(task.actual_work_minutes),
        "remain_work_qty": hours(task.work_minutes - task.actual_work_minutes),
        "target_work_qty": hours(task.work_minutes), "target_drtn_hr_cnt": hours(task.duration_minutes),
        "target_equip_qty": 0, "act_equip_qty": 0, "remain_equip_qty": 0,
        "cstr_date": first[1], "act_start_date": task.actual_start, "act_end_date": task.actual_finish,
        "late_start_date": dates and dates.late_start, "late_end_date": dates and dates.late_finish,
        "expect_end_date": task.expected_finish, "early_start_date": early[0], "early_end_date": early[1],
        "restart_date": None if done else early[0], "reend_date": None if done else early[1],
        "target_start_date": task.start or early[0], "target_end_date": task.finish or early[1],
        "cstr_type": first[0], "priority_type": _priority(task.priority), "suspend_date": task.stop,
        "resume_date": task.resume, "guid": guid(task.guid), "cstr_date2": second[1], "cstr_type2": second[0],
        "driving_path_flag": bool(dates and dates.is_critical),
        "external_early_start_date": task.external_early_start, "external_late_end_date": task.external_late_finish,
    }  # fmt: skip


def kind_of(task: Task, *, waits: bool, by_resources: bool) -> ActivityType:
    """What an activity is to Primavera, which knows milestones only as such and asks whose calendars count."""
    if task.activity_type is not ActivityType.TASK:
        return task.activity_type
    if task.is_milestone and not task.duration_minutes:
        return ActivityType.FINISH_MILESTONE if waits else ActivityType.START_MILESTONE
    return ActivityType.RESOURCE_DEPENDENT if by_resources else ActivityType.TASK


def _percent_type(task: Task) -> str:
    if task.uses_physical_percent:
        return "CP_Phys"
    if task.uses_units_percent:
        return "CP_Units"
    spent = task.duration_minutes - (task.remaining_duration_minutes or 0)
    of_duration = abs(task.percent_complete * task.duration_minutes - 100 * spent) <= task.duration_minutes
    is_of_work = task.percent_complete == task.percent_work_complete and task.percent_complete > 0
    return "CP_Units" if is_of_work and not of_duration else "CP_Drtn"


Bound = tuple[str | None, datetime | None]


def _constraints(task: Task) -> tuple[Bound, Bound]:
    """A task's constraints; a place that is free takes its deadline, which bounds late dates alike."""
    stated = [
        (_CONSTRAINTS[kind], date)
        for kind, date in (
            (task.constraint_type, task.constraint_date),
            (task.secondary_constraint_type, task.secondary_constraint_date),
        )
        if kind is not ConstraintType.AS_SOON_AS_POSSIBLE
    ]
    if task.is_manual and task.start is not None:
        stated.insert(0, (_CONSTRAINTS[ConstraintType.MANDATORY_START], task.start))
    if task.deadline is not None:
        stated.append((_CONSTRAINTS[ConstraintType.FINISH_NO_LATER_THAN], task.deadline))
    first, second, *_ = [*stated, (None, None), (None, None)]
    return first, second


def _priority(priority: int) -> str:
    return min(PRIORITIES, key=lambda name: abs(PRIORITIES[name] - priority))


def written_links(plan: Plan, leaves: Mapping[str, list[Task]]) -> Iterator[Link]:
    """The links between activities, lags in working time; of summaries those that activities can say.

    A finish-to-start link of a summary is one of each activity below it. Its other links, and those of inactive tasks,
    have no place in Primavera.
    """
    tasks = {task.source_id: task for task in plan.tasks}
    seen: set[tuple[str, str, LinkType]] = set()
    for link in plan.links:
        before, after = leaves.get(link.predecessor, []), leaves.get(link.successor, [])
        is_plain = [each.source_id for each in (*before, *after)] == [link.predecessor, link.successor]
        fans_out = link.type is LinkType.FINISH_TO_START and len(before) * len(after) <= MAX_FANNED
        if not is_plain and not fans_out:
            continue
        lag = _working_lag(link, tasks[link.predecessor], plan)
        for first in before:
            for second in after:
                key = (first.source_id, second.source_id, link.type)
                if key not in seen:
                    seen.add(key)
                    yield Link(first.source_id, second.source_id, link.type, lag)


def _working_lag(link: Link, predecessor: Task, plan: Plan) -> int:
    """A lag in working minutes: of percent the share, of the clock what its days are at work."""
    match link.lag_unit:
        case LagUnit.PERCENT | LagUnit.ELAPSED_PERCENT:
            return predecessor.duration_minutes * link.lag // 100
        case LagUnit.ELAPSED:
            return link.lag * plan.minutes_per_day // 1440
        case _:
            return link.lag


def link_record(number: int, link: Link, project: str) -> Record:
    """A relationship."""
    return {
        "task_pred_id": number, "task_id": link.successor, "pred_task_id": link.predecessor, "proj_id": project,
        "pred_proj_id": project, "pred_type": _LINKS[link.type], "lag_hr_cnt": hours(link.lag),
    }  # fmt: skip


def assignment_record(each: Assignment, task: Task, project: str, kind: str) -> Record:
    """An assignment; a quantity of material is written as if it were hours."""
    actual = hours(each.actual_work_minutes)
    remaining = hours(each.work_minutes - each.actual_work_minutes)
    if kind == MATERIAL:
        actual = each.units * task.percent_complete / 100
        remaining = each.units - actual
    return {
        "taskrsrc_id": each.source_id, "task_id": each.task_source_id, "proj_id": project,
        "cost_qty_link_flag": True, "role_id": None if each.resource_source_id else 1,
        "rsrc_id": each.resource_source_id, "remain_qty": remaining,
        "target_qty": actual + remaining, "remain_qty_per_hr": each.units, "target_qty_per_hr": each.units,
        "act_ot_qty": Decimal(0), "act_reg_qty": actual, "target_cost": each.cost,
        "act_reg_cost": each.actual_cost, "act_ot_cost": Decimal(0), "remain_cost": each.cost - each.actual_cost,
        "act_start_date": each.start if task.actual_start else None,
        "act_end_date": each.finish if task.actual_finish else None, "target_start_date": each.start,
        "target_end_date": each.finish, "rollup_dates_flag": True,
        "rsrc_type": kind,
    }  # fmt: skip
