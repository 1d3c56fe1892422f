"""A table's rows put together as a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from typing import Final

from services.projects.domain.calendars import usual_calendar
from services.projects.domain.fields import MAX_LINKS, MAX_TASKS, Report
from services.projects.domain.import_options import Options
from services.projects.domain.links import settle_links
from services.projects.domain.plan import ConstraintType, Link, Plan, Task
from services.projects.domain.sheets.delimited import Rows
from services.projects.domain.sheets.headers import Column, columns_of, is_heading
from services.projects.domain.sheets.links import Reader
from services.projects.domain.sheets.nesting import nested_by_code, nested_by_level
from services.projects.domain.sheets.people import People
from services.projects.domain.sheets.rows import Cells, read_task
from services.projects.domain.sheets.statements import statements_of
from services.projects.domain.sheets.values import CellError
from services.projects.domain.xml_guard import PlanFileError

MAX_LEVEL: Final = Decimal(1000)
_FOLLOWING: Final = {
    "actual_start": {"actual_start"},
    "actual_finish": {"actual_finish"},
    "actual_duration_minutes": {"actual_duration_minutes"},
    "remaining_duration_minutes": {"remaining_duration", "remaining_duration_minutes"},
    "actual_work_minutes": {"actual_work_minutes"},
    "remaining_work_minutes": {"remaining_work_minutes"},
}
"""What follows from the percent complete where the cells of these fields are empty."""


def read_table(rows: Rows, options: Options, *, decimal_comma: bool) -> Plan:
    """The plan of a table, whose first row names the columns; what cannot be taken is in `skipped`."""
    first = next(rows, None)
    if first is None:
        raise PlanFileError("table_empty", "the table has no rows")
    columns = columns_of(first[1], options.mapping)
    reader = _TableReader(columns, options, decimal_comma=decimal_comma)
    for number, cells in rows:
        reader.read(number, cells)
    return reader.finish()


class _TableReader:
    """Takes rows one by one; `finish` settles what needs all of them."""

    def __init__(self, columns: Mapping[str, Column], options: Options, *, decimal_comma: bool) -> None:
        self._columns = columns
        self._options = options
        self._comma = decimal_comma
        self._report = Report()
        self._tasks: dict[str, Task] = {}
        self._rows: list[tuple[int, Task | None]] = []  # all of them with their levels, None for what is left out
        self._names: dict[str, str] = {}  # what a predecessor can be called -> the task's id
        self._codes: dict[str, str] = {}  # the same by WBS code, where nothing else is called so
        self._numbers: dict[str, int] = {}  # the row of each task
        self._cells: dict[str, tuple[str, str]] = {}  # predecessors and resources of each task, as written
        self._inferred: set[tuple[str, str]] = set()
        self._count = 0
        self._dates: list[datetime] = []

    def read(self, number: int, cells: Sequence[str]) -> None:
        """Take a row, or report why not."""
        row = Cells(cells, self._columns, self._options, decimal_comma=self._comma)
        if not row.row.texts or (self._count == 0 and is_heading(row.row.texts)):
            return
        self._count += 1
        if self._count > MAX_TASKS:
            raise PlanFileError("plan_too_large", f"more than {MAX_TASKS} rows")
        uid = self._identity(row)
        level = int(row.number("outline_level", Decimal(0), MAX_LEVEL, Decimal(1)))
        task = read_task(row, uid, level)
        if uid in self._tasks:
            column = next((self._columns[each] for each in ("unique_id", "id", "wbs") if each in row), None)
            detail = "another row before it has the same id"
            self._report.skip("task", uid, "duplicate_uid", detail, number, None if column is None else column.letter)
            return
        for mistake in row.mistakes:
            self._report.skip("task", uid, "invalid_field", mistake.detail, number, mistake.column)
        if row.mistakes:
            self._rows.append((level, None))
            return
        self._inferred |= {(uid, each) for each, fields in _FOLLOWING.items() if fields.isdisjoint(row.row.texts)}
        self._tasks[uid] = task
        self._rows.append((level, task))
        self._numbers[uid] = number
        self._names[row.text("id") or (uid if "unique_id" not in row else "")] = uid
        self._codes.setdefault(task.wbs, uid)
        self._cells[uid] = row.row.texts.get("predecessors", ""), row.row.texts.get("resources", "")
        moments = (task.start, task.actual_start, row.moment("early_start", time(8)), task.constraint_date)
        self._dates += [moment for moment in moments if moment is not None]

    def _identity(self, row: Cells) -> str:
        for field in ("unique_id", "id", "wbs"):
            if field in self._columns:
                return row.text(field) or f"row:{self._count}"
        return str(self._count)

    def finish(self) -> Plan:
        """The plan; PlanFileError if there is no task, or nothing that says when it starts."""
        if not self._tasks:
            raise PlanFileError("table_empty", f"no row could be taken as a task{self._first_mistake()}")
        if not {"unique_id", "id", "wbs"} & self._columns.keys():
            detail = "no column tells rows apart; they are known by their number, and an inserted row shifts all below"
            self._report.skip("file", "", "no_identifiers", detail)
        if "outline_level" in self._columns:
            tasks = nested_by_level(self._rows, self._numbers)
        else:
            tasks = nested_by_code(self._tasks.values(), self._numbers)
        start = self._options.start or min(self._dates, default=None)
        if start is None:
            detail = "no row that could be read names a date; name a project_id, whose start is known"
            raise PlanFileError("plan_without_start", f"{detail}{self._first_mistake()}")
        links = tuple(settle_links(self._links(), tasks, self._report))
        tasks = self._bound(tasks, links, start)
        people = self._people(tasks)
        if {"cost", "actual_cost", "fixed_cost"} & self._columns.keys() and self._options.start is None:
            self._report.skip("project", "", "currency_missing", "a table names no currency; USD is assumed")
        calendar = usual_calendar()
        return Plan(
            source_guid=None,
            name="",
            currency="USD",
            start=start.replace(hour=8, minute=0) if self._options.start is None else start,
            status_date=None,
            calendar_source_id=calendar.source_id,
            calendars=(calendar,),
            tasks=tuple(tasks.values()),
            links=links,
            resources=tuple(people.resources.values()),
            assignments=tuple(people.assignments),
            skipped=self._report.finish(),
            minutes_per_day=self._options.minutes_per_day,
            minutes_per_week=5 * self._options.minutes_per_day,
            statements=statements_of(self._columns),
            inferred=frozenset(self._inferred),
        )

    def _first_mistake(self) -> str:
        """Why the first row that was left out was: where nothing can be taken there is no report."""
        first = next((each for each in self._report.finish() if each.row is not None), None)
        return "" if first is None else f"; row {first.row}, column {first.column}: {first.detail}"

    def _links(self) -> list[Link]:
        names = self._codes | self._names
        names.pop("", None)
        reader = Reader(names, self._options.minutes_per_day, self._comma)
        links: list[Link] = []
        for uid, (text, _) in self._cells.items():
            for found in reader.links(uid, text):
                if isinstance(found, CellError):
                    self._skip_cell("link", f">{uid}", uid, "predecessors", found)
                else:
                    links.append(found)
            if len(links) > MAX_LINKS:
                raise PlanFileError("plan_too_large", f"more than {MAX_LINKS} links")
        return links

    def _skip_cell(self, kind: str, source_id: str, uid: str, field: str, error: CellError) -> None:
        letter, number = self._columns[field].letter, self._numbers[uid]
        self._report.skip(kind, source_id, "invalid_field", f"{field}: {error}", number, letter)

    def _bound(self, tasks: dict[str, Task], links: Sequence[Link], start: datetime) -> dict[str, Task]:
        """The tasks with the constraint that a typed start means where nothing else says when they start."""
        if "constraint_type" in self._columns or "start" not in self._columns:
            return tasks
        waiting = {link.successor for link in links}
        bound = {}
        for uid, task in tasks.items():
            is_free = not (task.is_summary or task.is_manual or task.actual_start or uid in waiting)
            if is_free and task.start is not None and task.start.date() > start.date():
                kind = ConstraintType.START_NO_EARLIER_THAN
                bound[uid] = replace(task, constraint_type=kind, constraint_date=task.start)
            else:
                bound[uid] = task
        return bound

    def _people(self, tasks: Mapping[str, Task]) -> People:
        texts = [text for _, text in self._cells.values()]
        people = People(by_comma=not any(";" in text for text in texts), decimal_comma=self._comma)
        for uid, task in tasks.items():
            text = self._cells[uid][1]
            if not text:
                continue
            try:
                people.read(uid, task.duration_minutes, text)
            except CellError as error:
                self._skip_cell("assignment", uid, uid, "resources", error)
        return people
