"""The elements of Microsoft Project XML that a plan needs, collected row by row out of the stream."""

from collections.abc import Iterable, Iterator
from typing import Final

from services.projects.domain.fields import Row
from services.projects.domain.xml_guard import CHUNK, NAMESPACE_SEPARATOR, XmlGuard

# The second one is the published schema's own; what Microsoft Project writes is the first.
NAMESPACES: Final = ("http://schemas.microsoft.com/project", "http://schemas.microsoft.com/project/2007")

Shape = dict[str, "Shape | None"]
"""What is kept of an element: the names of its children, None for a text, a shape for an element with children."""


def _texts(names: str) -> Shape:
    return dict.fromkeys(names.split())


_WORKING_TIMES: Final[Shape] = {"WorkingTime": _texts("FromTime ToTime")}
_PERIOD: Final[Shape] = _texts("FromDate ToDate")
_WEEK_DAYS: Final[Shape] = {
    "WeekDay": {**_texts("DayType DayWorking"), "TimePeriod": _PERIOD, "WorkingTimes": _WORKING_TIMES}
}
_EXCEPTION: Final[Shape] = {
    **_texts("Name Type DayWorking Occurrences EnteredByOccurrences Period DaysOfWeek Month MonthDay MonthItem"),
    **_texts("MonthPosition"),
    "TimePeriod": _PERIOD,
    "WorkingTimes": _WORKING_TIMES,
}
_CALENDAR: Final[Shape] = {
    **_texts("UID Name IsBaseCalendar BaseCalendarUID"),
    "WeekDays": _WEEK_DAYS,
    "Exceptions": {"Exception": _EXCEPTION},
    "WorkWeeks": {"WorkWeek": {"Name": None, "TimePeriod": _PERIOD, "WeekDays": _WEEK_DAYS}},
}
_TASK: Final[Shape] = {
    **_texts(
        "UID GUID Name Type IsNull WBS OutlineNumber OutlineLevel Summary Milestone Active Manual Priority IsSubproject"
    ),
    **_texts("ExternalTask Start Finish ManualStart ManualFinish Duration DurationFormat CalendarUID ConstraintType"),
    **_texts("ConstraintDate Deadline IgnoreResourceCalendar LevelingDelay PercentComplete PercentWorkComplete"),
    **_texts("PhysicalPercentComplete EarnedValueMethod ActualStart ActualFinish ActualDuration RemainingDuration"),
    **_texts("Notes Stop Resume Work ActualWork RemainingWork FixedCost Cost ActualCost"),
    "ExtendedAttribute": _texts("FieldID Value"),
    "Baseline": _texts("Number Start Finish Duration Work Cost"),
    "PredecessorLink": _texts("PredecessorUID Type LinkLag LagFormat CrossProject"),
}
_RESOURCE: Final[Shape] = {
    **_texts("UID Name IsNull Type IsCostResource EmailAddress MaxUnits CalendarUID StandardRate OvertimeRate"),
    "CostPerUse": None,
    "Rates": {"Rate": _texts("RatesFrom RatesTo RateTable StandardRate OvertimeRate CostPerUse")},
}
_ASSIGNMENT: Final[Shape] = _texts(
    "UID TaskUID ResourceUID Units Work ActualWork RemainingWork Cost ActualCost Start Finish"
)
_PROJECT: Final[Shape] = {
    **_texts("GUID Name Title StartDate FinishDate StatusDate CurrentDate CurrencyCode CurrencySymbol CalendarUID"),
    **_texts("ScheduleFromStart CriticalSlackLimit MinutesPerDay MinutesPerWeek DaysPerMonth DefaultTaskEVMethod"),
    **_texts("HonorConstraints MultipleCriticalPaths SplitsInProgressTasks"),
    "ExtendedAttributes": {"ExtendedAttribute": _texts("FieldID Alias")},
    "Calendars": {"Calendar": _CALENDAR},
    "Tasks": {"Task": _TASK},
    "Resources": {"Resource": _RESOURCE},
    "Assignments": {"Assignment": _ASSIGNMENT},
}
_ROOTS: Final = ("Project", *(f"{namespace}{NAMESPACE_SEPARATOR}Project" for namespace in NAMESPACES))
_ROW_DEPTH: Final = 3  # Project / Tasks / Task
MAX_ROW: Final = 200_000  # elements kept of one row


class MspdiCheck(XmlGuard):
    """Checks bytes while they are received: well-formed, harmless, and a project in an MSPDI namespace or in none."""

    def __init__(self) -> None:
        super().__init__()
        self._root: str | None = None

    def started(self, name: str) -> None:
        if self._root is None:
            self._root = name
            if name not in _ROOTS:
                self.refuse("not_mspdi", "the root element is not a Project of Microsoft Project XML")


class RowReader(MspdiCheck):
    """Collects the project's own texts in `header` and its rows, as (element name, row), in `complete`."""

    def __init__(self) -> None:
        super().__init__()
        self.header = Row()
        self.complete: list[tuple[str, Row]] = []
        self._path: list[tuple[Shape, Row, str]] = []  # of the elements that are kept, with their names
        self._prefix = ""
        self._ignored = 0  # depth inside an element that is not kept
        self._field: str | None = None
        self._pieces: list[str] = []
        self._kept = 0

    def started(self, name: str) -> None:
        if self._ignored:
            self._ignored += 1
            return
        if not self._path:
            super().started(name)
            self._prefix = name.removesuffix("Project")
            self._path.append((_PROJECT, self.header, "Project"))
            return
        shape, row, _ = self._path[-1]
        local = name.removeprefix(self._prefix)
        if self._field is not None or local not in shape:
            self._ignored = 1
            return
        self._kept += 1
        if self._kept > MAX_ROW:
            self.refuse("xml_too_large", f"a row of more than {MAX_ROW} elements")
        if (inner := shape[local]) is None:
            self._field = local
            self._pieces.clear()
        else:
            child = Row(self.line)
            if len(self._path) >= _ROW_DEPTH:  # rows themselves are handed out, not kept
                row.rows.setdefault(local, []).append(child)
            self._path.append((inner, child, local))

    def ended(self) -> None:
        if self._ignored:
            self._ignored -= 1
        elif self._field is not None:
            if text := "".join(self._pieces).strip():
                self._path[-1][1].texts[self._field] = text
            self._field = None
        else:
            _, row, name = self._path.pop()
            if len(self._path) == _ROW_DEPTH - 1:
                self._kept = 0
                self.complete.append((name, row))

    def text(self, data: str) -> None:
        if self._field is not None and not self._ignored:
            self._pieces.append(data)


def read_rows(chunks: Iterable[bytes], reader: RowReader) -> Iterator[tuple[str, Row]]:
    """The rows of a whole file, each as soon as it is complete; raises PlanFileError."""
    for chunk in chunks:
        for begin in range(0, len(chunk), CHUNK):
            reader.feed(chunk[begin : begin + CHUNK])
            yield from reader.complete
            reader.complete.clear()
    reader.close()
    yield from reader.complete
    reader.complete.clear()
