"""One row of a table as a task: its cells read, what they leave open filled in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Final, TypeVar

from services.projects.domain.calendars import usual_calendar
from services.projects.domain.ev_techniques import LEVEL_OF_EFFORT, EvTechnique
from services.projects.domain.fields import MAX_MONEY, MAX_WORK_MINUTES, Row, label, prose
from services.projects.domain.import_options import Options
from services.projects.domain.plan import MILESTONES, SPANNING, ActivityType, Baseline, ConstraintType, Task
from services.projects.domain.progress import PercentCompleteType
from services.projects.domain.sheets import values
from services.projects.domain.sheets.custom import given_of
from services.projects.domain.sheets.headers import Column
from services.projects.domain.sheets.values import CellError
from services.projects.domain.tables import FORMULA_STARTS, MAX_ID, done_of
from shared.working_time import WorkingTime, compile_calendars, minute_of

MAX_CODE: Final = 2_000
"""Characters of a code: those made by a mask grow with the levels."""
MORNING: Final = time(8)
EVENING: Final = time(17)
MAX_CELL: Final = 200  # characters of a value that is no text
MAX_TECHNIQUE: Final = 32_767  # of an earned-value technique, which may name a hundred milestones
HUNDRED: Final = Decimal(100)
_FINISHES: Final = frozenset(
    {
        ConstraintType.MUST_FINISH_ON,
        ConstraintType.FINISH_NO_EARLIER_THAN,
        ConstraintType.FINISH_NO_LATER_THAN,
        ConstraintType.MANDATORY_FINISH,
    }
)
_DATES: Final = ("start", "finish", "date", "deadline", "stop", "resume")  # how the fields of dates are called
_NOTHING: Final = frozenset({"na", "n/a"})  # what Microsoft Project writes where there is no date
_UNDATED: Final = frozenset({ConstraintType.AS_SOON_AS_POSSIBLE, ConstraintType.AS_LATE_AS_POSSIBLE})
_USUAL: Final = usual_calendar()
WORKING: Final[WorkingTime] = compile_calendars([_USUAL])[_USUAL.source_id]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A cell that cannot be read."""

    field: str
    column: str | None
    detail: str


class Cells:
    """The cells of a row by field; what cannot be read is collected in `mistakes`."""

    def __init__(
        self, cells: Sequence[str], columns: Mapping[str, Column], options: Options, *, decimal_comma: bool
    ) -> None:
        self.row = Row()
        self.minutes_per_day = options.minutes_per_day
        self.mistakes: list[Mistake] = []
        self._columns = columns
        self._options = options
        self._comma = decimal_comma
        for field, column in columns.items():
            text = cells[column.place].strip() if column.place < len(cells) else ""
            if text and not (field.endswith(_DATES) and text.casefold() in _NOTHING):
                self.row.texts[field] = unguarded(text)

    def __contains__(self, field: str) -> bool:
        return field in self.row.texts

    def text(self, field: str, limit: int = MAX_ID) -> str:
        """A text without control characters; empty if there is none."""
        return label(self.row, field, limit=limit)

    def mistake(self, field: str, detail: str) -> None:
        """Note what is wrong with a cell."""
        column = self._columns.get(field)
        self.mistakes.append(Mistake(field, None if column is None else column.letter, f"{field}: {detail}"))

    def has_column(self, field: str) -> bool:
        """Whether the table says something of a field, though it be nothing."""
        return field in self._columns

    def own(self) -> dict[str, object] | None:
        """The organization's own fields as texts; None if the table has no column of one."""
        return given_of(self._columns, self.row.texts)

    def value(self, field: str, read: Callable[[str], Value], default: Value, limit: int = MAX_CELL) -> Value:
        """A cell's value; the default if the cell is empty, or wrong, which is noted."""
        text = self.row.texts.get(field)
        if text is None:
            return default
        try:
            if len(text) > limit:
                raise CellError(f"longer than {limit} characters")
            return read(text)
        except CellError as error:
            self.mistake(field, str(error))
            return default

    def number(self, field: str, least: Decimal, most: Decimal, default: Decimal = Decimal(0)) -> Decimal:
        """A number within limits."""
        return self.value(
            field, lambda text: values.between(values.number(text, comma=self._comma), least, most), default
        )

    def money(self, field: str) -> Decimal:
        """An amount."""
        return self.number(field, -MAX_MONEY, MAX_MONEY)

    def percent(self, field: str) -> Decimal:
        """0 to 100."""
        return self.number(field, Decimal(0), HUNDRED)

    def flag(self, field: str, *, default: bool = False) -> bool:
        """Yes or no."""
        return self.value(field, values.flag, default)

    def moment(self, field: str, default: time) -> datetime | None:
        """A date and time."""
        order = self._options.date_format
        return self.value(field, lambda text: values.moment(text, order, default), None)

    def minutes(self, field: str, default: int, most: int | None = None) -> int:
        """Minutes, of which there may be a default."""
        found = self.duration(field, "m", most)
        return default if found is None else found[0]

    def delay(self, field: str) -> int:
        """Minutes of the clock."""
        return self.value(field, lambda text: values.delay(text, comma=self._comma), 0)

    def duration(self, field: str, unit: str = "d", most: int | None = None) -> tuple[int, bool] | None:
        """Minutes, and whether they are of the clock."""
        stated = self._columns[field].unit if field in self._columns else None
        limit = {} if most is None else {"most": most}
        found = self.value(
            field,
            lambda text: values.duration(
                text, self._options.minutes_per_day, comma=self._comma, unit=stated or unit, **limit
            ),
            None,
        )
        if found is not None and found[0] < 0:
            self.mistake(field, "less than nothing")
        return found


def unguarded(text: str) -> str:
    """A text without the mark that kept a spreadsheet from taking it for a formula."""
    return text[1:] if text[0] == "'" and text[1:2] in {*FORMULA_STARTS} else text


def read_task(cells: Cells, uid: str, level: int) -> Task:
    """The task of a row, whose mistakes are in the cells; what follows from other rows is left open."""
    start, finish = cells.moment("start", MORNING), cells.moment("finish", EVENING)
    duration, is_elapsed = _duration(cells, start, finish)
    kind = _activity_type(cells, duration)
    if kind in MILESTONES:
        duration, is_elapsed = 0, False
    is_nothing = bool(duration == 0 and ("duration" in cells or "duration_minutes" in cells))
    milestone = kind in MILESTONES or (is_nothing and kind not in SPANNING)
    constraint, date = _constraint(cells)
    second, second_date = _constraint(cells, "secondary_")
    counted = cells.value("percent_complete_type", values.percent_type, PercentCompleteType.DURATION)
    done = cells.percent("percent_complete")
    actual_start, actual_finish = cells.moment("actual_start", MORNING), cells.moment("actual_finish", EVENING)
    if actual_finish is not None and "percent_complete" not in cells:
        done = HUNDRED
    if done > 0:
        actual_start = actual_start or start
    has_begun = done > 0 or actual_start is not None
    spent = done_of(duration, done)
    remains = cells.duration("remaining_duration_minutes", "m") or cells.duration("remaining_duration")
    if done == HUNDRED and not (remains and remains[0]):
        actual_finish = actual_finish or finish
    work = cells.duration("work_minutes", "m", MAX_WORK_MINUTES) or cells.duration("work", "h", MAX_WORK_MINUTES)
    effort = work[0] if work else 0
    worked = done_of(effort, done)
    return Task(
        source_id=uid,
        position=0,
        name=cells.text("name", 512) or ("" if level == 0 else f"Task {uid}"[:512]),
        outline_level=level,
        wbs=cells.text("wbs", MAX_CODE),
        activity_type=kind,
        is_milestone=cells.flag("is_milestone", default=milestone),
        is_active=cells.flag("is_active", default=True),
        is_manual=cells.flag("is_manual"),
        priority=int(cells.number("priority", Decimal(0), Decimal(1000), Decimal(500))),
        duration_minutes=duration,
        is_elapsed_duration=cells.flag("is_elapsed_duration", default=is_elapsed),
        is_fixed_duration=cells.flag("is_fixed_duration"),
        is_fixed_work=cells.flag("is_fixed_work"),
        ignores_resource_calendar=cells.flag("ignores_resource_calendar"),
        constraint_type=constraint,
        constraint_date=date,
        secondary_constraint_type=second,
        secondary_constraint_date=second_date,
        expected_finish=cells.moment("expected_finish", EVENING),
        leveling_delay_minutes=cells.delay("leveling_delay_minutes"),
        deadline=cells.moment("deadline", EVENING),
        start=start,
        finish=finish,
        percent_complete=done,
        percent_work_complete=cells.percent("percent_work_complete") if "percent_work_complete" in cells else done,
        physical_percent_complete=cells.percent("physical_percent_complete"),
        uses_physical_percent=counted is PercentCompleteType.PHYSICAL,
        uses_units_percent=counted is PercentCompleteType.UNITS,
        ev_technique=_technique(cells, kind),
        actual_start=actual_start,
        actual_finish=actual_finish,
        actual_duration_minutes=cells.minutes("actual_duration_minutes", spent),
        remaining_duration_minutes=remains[0] if remains else duration - spent if has_begun else None,
        work_minutes=effort,
        actual_work_minutes=cells.minutes("actual_work_minutes", worked, MAX_WORK_MINUTES),
        remaining_work_minutes=cells.minutes("remaining_work_minutes", effort - worked, MAX_WORK_MINUTES),
        fixed_cost=cells.money("fixed_cost"),
        cost=cells.money("cost"),
        actual_cost=cells.money("actual_cost"),
        baseline=_baseline(cells),
        stop=cells.moment("stop", MORNING),
        resume=cells.moment("resume", MORNING),
        external_early_start=cells.moment("external_early_start", MORNING),
        external_late_finish=cells.moment("external_late_finish", EVENING),
        description=prose(cells.row, "description"),
        custom_fields=cells.own(),
        guid=cells.text("guid").lower() or None,
    )


def _duration(cells: Cells, start: datetime | None, finish: datetime | None) -> tuple[int, bool]:
    """What is stated, else the working time between the dates, else a day."""
    found = cells.duration("duration_minutes", "m") or cells.duration("duration")
    if found is not None:
        return found
    if start is not None and finish is not None:
        if finish < start:
            cells.mistake("finish", "before the start")
            return 0, False
        return WORKING.working_minutes(minute_of(start), minute_of(finish)), False
    return cells.minutes_per_day, False


def _baseline(cells: Cells) -> Baseline | None:
    """What was approved, where a cell says anything of it."""
    duration = cells.duration("baseline_duration_minutes", "m") or cells.duration("baseline_duration")
    most = MAX_WORK_MINUTES
    work = cells.duration("baseline_work_minutes", "m", most) or cells.duration("baseline_work", "h", most)
    start, finish = cells.moment("baseline_start", MORNING), cells.moment("baseline_finish", EVENING)
    if finish is None and "baseline_cost" not in cells:
        return None
    minutes, effort = duration or (0, False), work or (0, False)
    return Baseline(start, finish, minutes[0], effort[0], cells.money("baseline_cost"))


def _activity_type(cells: Cells, duration: int) -> ActivityType:
    kind = cells.value("activity_type", values.activity_type, ActivityType.TASK)
    if kind in MILESTONES and duration and ("duration" in cells or "duration_minutes" in cells):
        cells.mistake("activity_type", "a milestone has no duration")
    return kind


def _technique(cells: Cells, kind: ActivityType) -> EvTechnique | None:
    """What is stated; what spans others earns by the passing of time where nothing can be."""
    if cells.has_column("ev_technique") or kind not in SPANNING:
        return cells.value("ev_technique", values.technique, None, MAX_TECHNIQUE)
    return LEVEL_OF_EFFORT


def _constraint(cells: Cells, prefix: str = "") -> tuple[ConstraintType, datetime | None]:
    kind = cells.value(f"{prefix}constraint_type", values.constraint, ConstraintType.AS_SOON_AS_POSSIBLE)
    date = cells.moment(f"{prefix}constraint_date", EVENING if kind in _FINISHES else MORNING)
    if kind in _UNDATED:
        return kind, None
    if date is None and f"{prefix}constraint_date" not in cells:
        cells.mistake(f"{prefix}constraint_date", "the constraint needs a date")
    return kind, date
