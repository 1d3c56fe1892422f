"""The harbour terminal's calendars, resources and lines: what was planned and what came to be."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from services.projects.domain.plan import ConstraintType, Resource, ResourceType
from shared.working_time import CalendarException, Shifts, WorkingCalendar

GUID: Final = "3f6b2c1e-8a47-4d0b-9c55-7e21a4b8d610"
START: Final = datetime.fromisoformat("2026-02-02T08:00")
STATUS_DATE: Final = datetime.fromisoformat("2026-10-30T17:00")
DAY: Final = 480
STANDARD, MARINE = "1", "2"

OFFICE: Final[Shifts] = ((480, 720), (780, 1020))
SHIFT: Final[Shifts] = ((360, 600), (630, 870))


def _day(first: str, name: str, last: str | None = None) -> CalendarException:
    return CalendarException(date.fromisoformat(first), date.fromisoformat(last or first), (), name)


_BASES: Final = (
    WorkingCalendar(
        STANDARD,
        "Standard",
        (OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()),
        (
            _day("2026-04-03", "Good Friday"),
            _day("2026-04-06", "Easter Monday"),
            _day("2026-05-01", "Labour Day"),
            _day("2026-05-14", "Ascension Day"),
            _day("2026-05-25", "Whit Monday"),
            _day("2026-12-24", "Christmas", "2026-12-28"),
            _day("2027-01-01", "New Year"),
            _day("2027-03-26", "Good Friday"),
            _day("2027-03-29", "Easter Monday"),
            _day("2027-05-06", "Ascension Day"),
            _day("2027-05-17", "Whit Monday"),
        ),
    ),
    WorkingCalendar(
        MARINE,
        "Marine works",
        (SHIFT, SHIFT, SHIFT, SHIFT, SHIFT, SHIFT, ()),
        (
            _day("2026-04-03", "Good Friday"),
            _day("2026-05-01", "Labour Day"),
            _day("2026-12-21", "Winter storm stop", "2027-01-03"),
            _day("2027-03-26", "Good Friday"),
        ),
    ),
)


def _person(uid: int, name: str, rate: str, units: str = "1", **more: str) -> Resource:
    per_use = Decimal(more.get("per_use", "0"))
    overtime = Decimal(more["overtime"]) if "overtime" in more else None
    return Resource(
        str(uid),
        name,
        email=more.get("email"),
        max_units=Decimal(units),
        calendar_source_id=str(10 + uid),
        standard_rate=Decimal(rate),
        overtime_rate=overtime,
        cost_per_use=per_use,
    )


def _material(uid: int, name: str, rate: str) -> Resource:
    return Resource(str(uid), name, ResourceType.MATERIAL, standard_rate=Decimal(rate))


RESOURCES: Final = (
    _person(1, "Ingrid Solberg, project director", "125", "0.5", email="ingrid.solberg@example.org"),
    _person(2, "Mateus Rocha, lead engineer", "95", email="mateus.rocha@example.org"),
    _person(3, "Design team", "78", "4"),
    _person(4, "Aiko Brandt, environmental adviser", "110", email="aiko.brandt@example.org"),
    _person(5, "Marine crew", "420", "3", overtime="560"),
    _person(6, "Dredger Perla", "1450", per_use="18000"),
    _person(7, "Civil works crew", "310", "6", overtime="415"),
    _person(8, "Systems integrator", "105", "4"),
    _person(9, "Priya Nair, commissioning engineer", "115", email="priya.nair@example.org"),
    _material(10, "Ship-to-shore crane", "1150000"),
    _material(11, "Concrete, cubic metre", "145"),
    _material(12, "Sheet pile, metre", "310"),
)


_PART_TIME: Final = "14"  # Monday to Wednesday
_AT_SEA: Final = frozenset({"15", "16"})


def _own_calendar(resource: Resource, uid: str) -> WorkingCalendar:
    if uid == _PART_TIME:
        week = (None, None, None, (), (), None, None)
        return WorkingCalendar(uid, resource.name, week, (_day("2026-03-02", "Leave", "2026-03-04"),), STANDARD)
    base = MARINE if uid in _AT_SEA else STANDARD
    return WorkingCalendar(uid, resource.name, (None,) * 7, (), base)


CALENDARS: Final = (
    *_BASES,
    *(_own_calendar(each, each.calendar_source_id) for each in RESOURCES if each.calendar_source_id),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plan: days, resources and quantities as planned, and as they came to be."""

    uid: int
    level: int
    name: str
    days: int = 0
    now: int | None = None
    who: str = ""  # resource:units; of material the quantity
    who_now: str | None = None
    after: str = ""  # predecessor, type, lag in days, elapsed days or percent
    calendar: str | None = None
    fixed_cost: int = 0
    elapsed: bool = False
    constraint: tuple[ConstraintType, str] | None = None
    deadline: str | None = None


NO_EARLIER: Final = ConstraintType.START_NO_EARLIER_THAN
AS_LATE: Final = ConstraintType.AS_LATE_AS_POSSIBLE
LINES: Final = (
    Line(0, 0, "Harbour terminal expansion"),
    Line(1, 1, "Permits and design"),
    Line(2, 2, "Permits"),
    Line(3, 3, "Environmental impact assessment", 30, 36, "4:1", fixed_cost=24_000),
    Line(4, 3, "Public consultation", 30, after="3FS", elapsed=True, fixed_cost=6_500),
    Line(5, 3, "Building permit granted", after="4FS+15d"),
    Line(6, 2, "Design"),
    Line(7, 3, "Ground and seabed survey", 20, 22, "2:1", fixed_cost=38_000),
    Line(8, 3, "Quay wall design", 40, 48, "3:2", after="7FS-5d"),
    Line(9, 3, "Yard and gate design", 35, 36, "3:2", after="8SS+10d"),
    Line(10, 3, "Independent design review", 15, after="8FS 9FF+5d", fixed_cost=12_500),
    Line(11, 3, "Design frozen", after="10FS"),
    Line(12, 1, "Procurement"),
    Line(13, 2, "Tender marine works", 30, 34, "2:0.5 1:0.25", after="8SS+20d"),
    Line(14, 2, "Marine works contract awarded", after="13FS 5FS"),
    Line(15, 2, "Order cranes", 10, who="1:0.5", after="11FS", fixed_cost=15_000),
    Line(16, 2, "Manufacture cranes", 150, who="10:2", after="15FS"),
    Line(17, 1, "Marine works"),
    Line(18, 2, "Dredging"),
    Line(
        *(19, 3, "Mobilise dredger", 8, 9, "5:1"),
        after="14FS",
        calendar=MARINE,
        constraint=(NO_EARLIER, "2026-06-15T06:00"),
    ),
    Line(20, 3, "Dredge berth pocket", 48, 63, "6:1 5:1", after="19FS", calendar=MARINE),
    Line(21, 3, "Dispose of dredged material", 45, 58, "5:1", after="20SS+5d 20FF+3d", calendar=MARINE),
    Line(22, 3, "Survey dredged berth", 5, who="2:1", after="20FS+2ed"),
    Line(23, 2, "Quay wall"),
    Line(24, 3, "Drive sheet piles", 60, 66, "5:1 12:1850", "5:1 12:2010", after="20SS+24d", calendar=MARINE),
    Line(25, 3, "Cast capping beam", 35, who="7:2 11:3200", after="24FS-10d"),
    Line(26, 3, "Fit fenders and bollards", 15, who="5:1", after="25FS", calendar=MARINE, fixed_cost=96_000),
    Line(27, 3, "Berth handed over", after="26FS 22FS", deadline="2026-12-01T17:00"),
    Line(28, 1, "Yard and gate"),
    Line(29, 2, "Ground improvement", 45, 54, "7:1", after="11FS 5FS", fixed_cost=120_000),
    Line(30, 2, "Pave container yard", 60, 68, "7:2 11:5400", "7:2 11:5900", after="29SS+50%"),
    Line(31, 2, "Build gate complex", 50, who="7:1 11:650", after="29FS"),
    Line(32, 2, "Power supply and lighting", 40, who="7:1", after="30FF+5d", fixed_cost=210_000),
    Line(33, 1, "Cranes and systems"),
    Line(34, 2, "Ship cranes", 25, after="16FS", elapsed=True, fixed_cost=85_000),
    Line(35, 2, "Erect cranes", 25, who="7:1 9:0.5", after="34FS 27FS"),
    Line(36, 2, "Configure terminal operating system", 80, 96, "8:2", after="11FS"),
    Line(37, 2, "Integrate and test systems", 25, who="8:2 9:1", after="36FS 35SS+10d"),
    Line(38, 2, "Commission cranes", 15, who="9:1", after="35FS"),
    Line(39, 1, "Opening"),
    Line(40, 2, "Run temporary gate", 60, who="8:0.5", after="42SF+1d", fixed_cost=30_000),
    Line(41, 2, "Train operators", 20, who="8:1", after="36FS", constraint=(AS_LATE, "")),
    Line(42, 2, "Trial operation", 15, who="1:0.5 9:1", after="37FS 38FS 31FS 32FS 41FS"),
    Line(43, 2, "Terminal opens", after="42FS", deadline="2027-04-30T17:00"),
)
