"""A plan with its schedule as a table and as a calendar of milestones."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from services.projects.domain.ev_techniques import technique_text
from services.projects.domain.fields import Row, label
from services.projects.domain.plan import Baseline, LagUnit, Link, LinkType, Plan, Task
from services.projects.domain.schedule import Schedule
from services.projects.domain.workbook_writing import MAX_TEXT, Cell
from shared.working_time import instant_of

COLUMNS: Final = (
    "id", "wbs", "outline_level", "name", "is_summary", "is_milestone", "duration_minutes", "predecessors",
    "early_start", "early_finish", "late_start", "late_finish", "total_float_minutes", "free_float_minutes",
    "is_critical", "constraint_type", "constraint_date", "deadline", "percent_complete", "actual_start",
    "actual_finish", "cost", "actual_cost", "fixed_cost", "work_minutes", "physical_percent_complete", "priority",
    "is_elapsed_duration", "is_active", "is_manual", "planned_start", "planned_finish", "resources", "guid",
    "activity_type", "percent_complete_type", "percent_work_complete", "secondary_constraint_type",
    "secondary_constraint_date", "expected_finish", "leveling_delay_minutes", "is_fixed_duration", "is_fixed_work",
    "ignores_resource_calendar", "ev_technique", "actual_duration_minutes", "remaining_duration_minutes",
    "actual_work_minutes", "remaining_work_minutes", "baseline_start", "baseline_finish", "baseline_duration_minutes",
    "baseline_work_minutes", "baseline_cost", "stop", "resume", "external_early_start",
    "external_late_finish", "description",
)  # fmt: skip
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
LETTERS: Final = {
    LinkType.FINISH_TO_START: "FS",
    LinkType.START_TO_START: "SS",
    LinkType.FINISH_TO_FINISH: "FF",
    LinkType.START_TO_FINISH: "SF",
}
UNITS: Final = {LagUnit.WORKING: "m", LagUnit.ELAPSED: "em", LagUnit.PERCENT: "%", LagUnit.ELAPSED_PERCENT: "e%"}
PREFIX: Final = "custom."
"""What the columns of an organization's own fields are called, before their keys."""
MAX_ID: Final = 128
LINE: Final = 73  # octets of a line of iCalendar before it is folded


def csv_lines(plan: Plan, schedule: Schedule) -> Iterator[str]:
    """The tasks in order, as of RFC 4180. No text begins as a formula does: such a one has a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headings(plan))
    yield out.getvalue()
    out.seek(0)
    out.truncate()
    for row in task_rows(plan, schedule):
        writer.writerow(map(_text, row))
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def headings(plan: Plan) -> tuple[str, ...]:
    """What the columns are called; those of the organization's own fields are there if a task has a value."""
    return (*COLUMNS, *(PREFIX + key for key in _own_fields(plan)))


def _own_fields(plan: Plan) -> list[str]:
    return sorted({key for task in plan.tasks for key in task.custom_fields or ()})


def _own(value: object) -> Cell:
    match value:
        case None | bool() | int():
            return value
        case float():
            return Decimal(str(value))
        case list():
            plain = all(isinstance(each, str) and ";" not in each and each == each.strip() for each in value)
            return safe("; ".join(value) if plain and value else json.dumps(value, ensure_ascii=False))
        case _:
            return safe(str(value))


def task_rows(plan: Plan, schedule: Schedule) -> Iterator[list[Cell]]:
    """The tasks in order, a cell for each column; texts are guarded."""
    dates = {each.source_id: each for each in schedule.tasks}
    links: dict[str, list[str]] = {}
    for link in plan.links:
        links.setdefault(link.successor, []).append(_predecessor(link))
    own = _own_fields(plan)
    names = {each.source_id: each.name for each in plan.resources}
    shares: dict[str, list[str]] = {}
    for each in plan.assignments:
        if each.resource_source_id in names:
            shares.setdefault(each.task_source_id, []).append(_share(names[each.resource_source_id], each.units))
    for task in plan.tasks:
        found = dates.get(task.source_id)
        computed: tuple[Cell, ...] = (None,) * 7
        if found is not None:
            computed = (
                found.early_start, found.early_finish, found.late_start, found.late_finish,
                found.total_float_minutes, found.free_float_minutes, found.is_critical,
            )  # fmt: skip
        yield [
            safe(task.source_id), safe(task.wbs), task.outline_level, safe(task.name), task.is_summary,
            task.is_milestone, task.duration_minutes, safe(", ".join(links.get(task.source_id, ()))), *computed,
            str(task.constraint_type), task.constraint_date, task.deadline, task.percent_complete, task.actual_start,
            task.actual_finish, task.cost, task.actual_cost, task.fixed_cost, task.work_minutes,
            task.physical_percent_complete, task.priority, task.is_elapsed_duration, task.is_active, task.is_manual,
            task.start, task.finish, safe(";".join(shares.get(task.source_id, ()))), task.guid,
            str(task.activity_type), str(task.percent_complete_type), task.percent_work_complete,
            str(task.secondary_constraint_type), task.secondary_constraint_date, task.expected_finish,
            task.leveling_delay_minutes, task.is_fixed_duration, task.is_fixed_work, task.ignores_resource_calendar,
            technique_text(task.ev_technique), *_progress(task), *_baseline(task.baseline),
            task.stop, task.resume, task.external_early_start, task.external_late_finish,
            safe(task.description) if task.description and len(task.description) < MAX_TEXT else None,
            *(_own((task.custom_fields or {}).get(key)) for key in own),
        ]  # fmt: skip


def done_of(whole: int, percent: Decimal) -> int:
    """The minutes that are done of a duration or of work, where nothing says more than the percent complete."""
    return int(whole * percent / 100)


def _progress(task: Task) -> Iterator[Cell]:
    """What is done and what remains, nothing where it follows from the percent complete: who changes that, moves it."""
    spent, worked = (done_of(each, task.percent_complete) for each in (task.duration_minutes, task.work_minutes))
    yield None if task.actual_duration_minutes == spent else task.actual_duration_minutes
    remaining = task.remaining_duration_minutes
    yield None if remaining in {None, task.duration_minutes - spent} else remaining
    yield None if task.actual_work_minutes == worked else task.actual_work_minutes
    yield None if task.remaining_work_minutes == task.work_minutes - worked else task.remaining_work_minutes


def _baseline(baseline: Baseline | None) -> Iterator[Cell]:
    each = baseline or Baseline()
    yield from (each.start, each.finish, each.duration_minutes, each.work_minutes, each.cost)


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula, nor a reader for one that was guarded."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def is_plain_name(name: str | None) -> bool:
    """Whether a table can call a task so: read again it is the same name, also among predecessors."""
    if not name or {",", ";"} & set(name) or name.endswith(":"):
        return False
    row = Row()
    row.texts["id"] = name
    return name == label(row, "id", limit=MAX_ID)


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat(timespec="minutes") if isinstance(value, datetime) else str(value)


def _predecessor(link: Link) -> str:
    lag = f"{link.lag:+}{UNITS[link.lag_unit]}" if link.lag or link.lag_unit is not LagUnit.WORKING else ""
    return f"{link.predecessor}{LETTERS[link.type]}{lag}"


def _share(name: str, units: Decimal) -> str:
    quoted = f'"{name.replace(chr(34), chr(39))}"' if set(name) & set(';,[]"') else name
    return quoted if units == 1 else f"{quoted}[{(units * 100).normalize():f}%]"


def icalendar_lines(plan: Plan, schedule: Schedule, zone: ZoneInfo, stamp: datetime, project: str) -> Iterator[str]:
    """The milestones as events, as of RFC 5545; an event keeps its UID when the milestone moves."""
    finishes = {each.source_id: each.early_finish for each in schedule.tasks}
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//pmo-backend//projects//EN",
        f"X-WR-CALNAME:{_escaped(plan.name)}",
    ]
    for task in plan.tasks:
        local = task.actual_finish or finishes.get(task.source_id) or task.finish
        if not task.is_milestone or local is None:
            continue
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_escaped(task.source_id)}.{project}@pmo",
            f"DTSTAMP:{_instant(stamp)}",
            f"DTSTART:{_instant(instant_of(local, zone))}",
            f"SUMMARY:{_escaped(task.name)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    for line in _folded([*lines, "END:VCALENDAR"]):
        yield f"{line}\r\n"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(text.splitlines())


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _folded(lines: Iterable[str]) -> Iterator[str]:
    """Lines cut where they are longer than allowed, never inside a character."""
    for line in lines:
        part, length = "", 0
        for mark in line:
            size = len(mark.encode())
            if length + size > LINE:
                yield part
                part, length = " ", 1
            part += mark
            length += size
        yield part
