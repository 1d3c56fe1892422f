"""Whatever plan there is: written in a format and read again it is the same plan with the same dates."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.projects.domain.conventions import PRIMAVERA
from services.projects.domain.ev_techniques import (
    LEVEL_OF_EFFORT,
    Apportioned,
    FiftyFifty,
    PercentComplete,
    Split,
    UnitsComplete,
    WeightedMilestones,
    ZeroHundred,
)
from services.projects.domain.import_options import Options
from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.plan import (
    MILESTONES,
    ActivityType,
    Assignment,
    Baseline,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Resource,
    Task,
)
from services.projects.domain.primavera import read_xer
from services.projects.domain.primavera.writing import xer_encoding, xer_lines
from services.projects.domain.progress import PercentCompleteType
from services.projects.domain.schedule import Schedule, ScheduledTask, critical_path
from services.projects.domain.sheets import read_csv, read_xlsx
from services.projects.domain.tables import csv_lines, headings, task_rows
from services.projects.domain.workbook_writing import xlsx_pieces
from shared.working_time import CalendarException, WorkingCalendar

START = datetime.fromisoformat("2026-03-02T08:00")
DAY = ((480, 720), (780, 1020))
USUAL = WorkingCalendar("1", "Standard", (DAY, DAY, DAY, DAY, DAY, (), ()))
ALSO_SATURDAYS = WorkingCalendar(
    "2",
    "Site",
    (((360, 840),),) * 6 + ((),),
    (CalendarException(date(2026, 4, 3), date(2026, 4, 6), (), "Easter"),),
)
LETTERS = st.characters(
    exclude_categories=("Cs", "Cc", "Cn", "Co"),
    exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)


def named(text: str) -> str:
    """A name as it is stored: in one spelling of its letters, without blanks at its ends."""
    return unicodedata.normalize("NFC", " ".join(f"T{text}".split()))


NAMES = st.text(LETTERS, min_size=1, max_size=30).map(named)
PROSE = st.lists(NAMES, min_size=1, max_size=3).map("\n\t".join)
DATES = st.integers(0, 60).map(lambda days: START + timedelta(days=days))
MONEY = st.integers(0, 10_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
UNITS = st.integers(1, 300).map(lambda percent: Decimal(percent) / 100)
PERCENTS = st.integers(0, 100).map(Decimal)
ASAP = ConstraintType.AS_SOON_AS_POSSIBLE
BASELINES = st.builds(Baseline, DATES, DATES, st.integers(0, 5000), st.integers(0, 5000), MONEY)
MANDATED = {
    ConstraintType.MUST_START_ON: ConstraintType.MANDATORY_START,
    ConstraintType.MUST_FINISH_ON: ConstraintType.MANDATORY_FINISH,
}
WORKED = [kind for kind in ActivityType if kind is not ActivityType.WBS_SUMMARY]
DATED = [kind for kind in ConstraintType if kind.value.startswith(("start", "finish", "must"))]


TECHNIQUES = (
    LEVEL_OF_EFFORT,
    ZeroHundred(kind="zero_hundred"),
    FiftyFifty(kind="fifty_fifty"),
    Split(kind="split", start_percent=Decimal("12.5")),
    PercentComplete(kind="percent_complete"),
    PercentComplete(kind="percent_complete", basis=PercentCompleteType.PHYSICAL),
    UnitsComplete(kind="units", planned=Decimal("12.25")),
    WeightedMilestones.model_validate(
        {
            "kind": "weighted_milestones",
            "milestones": [
                {"name": 'Rebar, "placed"; 1', "weight": 3, "achieved_at": "2026-03-04T12:00:00Z"},
                {"name": "Gegossen – fertig", "weight": 1.5},
            ],
        }
    ),
    Apportioned(kind="apportioned", base_task_id=UUID("018f0000-0000-7000-8000-000000000001")),
)


@st.composite
def tasks(draw: st.DrawFn, uid: int, *, plain: bool) -> Task:
    activity = draw(st.sampled_from(WORKED)) if draw(st.booleans()) else ActivityType.TASK
    duration = 0 if activity in MILESTONES else draw(st.integers(1, 40)) * 60
    spans = activity is ActivityType.LEVEL_OF_EFFORT
    kind = ConstraintType.AS_SOON_AS_POSSIBLE if spans else draw(st.sampled_from([ASAP, *DATED]))
    second = ASAP if kind is ASAP else draw(st.sampled_from([ASAP, *DATED]))
    percent = draw(st.sampled_from(PercentCompleteType))
    follows_resources = activity is ActivityType.RESOURCE_DEPENDENT
    task = Task(
        str(uid),
        uid - 1,
        draw(NAMES),
        wbs=str(uid),
        activity_type=activity,
        is_milestone=activity in MILESTONES,
        is_fixed_duration=not follows_resources,
        ignores_resource_calendar=not follows_resources,
        secondary_constraint_type=second,
        secondary_constraint_date=None if second is ASAP else draw(DATES),
        expected_finish=draw(st.none() | DATES),
        start=draw(DATES),
        finish=draw(DATES),
        uses_physical_percent=percent is PercentCompleteType.PHYSICAL,
        uses_units_percent=percent is PercentCompleteType.UNITS,
        physical_percent_complete=draw(PERCENTS),
        ev_technique=LEVEL_OF_EFFORT if spans else None,
        priority=draw(st.sampled_from([100, 300, 500, 700, 900])),
        duration_minutes=duration,
        constraint_type=kind,
        constraint_date=None if kind is ASAP else draw(DATES),
        fixed_cost=draw(MONEY),
        remaining_duration_minutes=None,
    )
    if plain:
        return task
    return replace(
        task,
        constraint_type=MANDATED.get(kind, kind) if draw(st.booleans()) else kind,
        ev_technique=draw(st.sampled_from([None, *TECHNIQUES])),
        external_early_start=draw(st.none() | DATES),
        is_elapsed_duration=draw(st.booleans()),
        calendar_source_id=draw(st.sampled_from([None, "2"])),
        deadline=draw(st.none() | DATES),
        baseline=draw(st.none() | BASELINES),
        description=draw(st.none() | PROSE),
        cost=draw(MONEY),
    )


@st.composite
def plans(draw: st.DrawFn, *, plain: bool = False) -> Plan:
    """A plan with links that lead forward; a plain one has what every format knows."""
    count = draw(st.integers(1, 8))
    rows = [draw(tasks(uid, plain=plain)) for uid in range(1, count + 1)]
    units = [LagUnit.WORKING] if plain else list(LagUnit)
    links = {}
    for _ in range(draw(st.integers(0, 12))):
        first, second = sorted(draw(st.lists(st.integers(1, count), min_size=2, max_size=2)))
        if first < second:
            kind = draw(st.sampled_from(LinkType))
            lag = draw(st.integers(-3, 5)) * 60
            links[first, second, kind] = Link(str(first), str(second), kind, lag, draw(st.sampled_from(units)))
    people = tuple(
        Resource(str(at), f"Person {at}", max_units=draw(UNITS), is_equipment=plain and draw(st.booleans()))
        for at in range(1, 3)
    )
    booked = tuple(
        Assignment(str(at), task.source_id, draw(st.sampled_from(["1", "2"])), draw(UNITS))
        for at, task in enumerate(rows, 1)
        if draw(st.booleans())
    )
    return Plan(
        source_guid=None,
        name=draw(NAMES),
        currency="EUR",
        start=START,
        status_date=None,
        calendar_source_id="1",
        calendars=(USUAL,) if plain else (USUAL, ALSO_SATURDAYS),
        tasks=tuple(rows),
        links=tuple(sorted(links.values(), key=lambda link: (int(link.successor), int(link.predecessor), link.type))),
        resources=people,
        assignments=booked,
    )


def dates_of(plan: Plan) -> Schedule:
    return critical_path(plan)


def lying(task: Task, dates: ScheduledTask) -> Task:
    """A task as files tell of it: between the dates of its schedule, unless it is scheduled by hand."""
    return task if task.is_manual else replace(task, start=dates.start, finish=dates.finish)


@given(plans())
@settings(max_examples=80, deadline=None)
def test_microsoft_project_xml(plan: Plan) -> None:
    schedule = dates_of(plan)
    again = read_mspdi([mspdi_text(plan, schedule).encode()])
    assert again == replace(
        plan, finish=again.finish, skipped=again.skipped, tasks=tuple(map(lying, plan.tasks, schedule.tasks))
    )
    assert dates_of(again).tasks == schedule.tasks


@given(plans(plain=True))
@settings(max_examples=80, deadline=None)
def test_xer(plan: Plan) -> None:
    plan = replace(plan, conventions=PRIMAVERA, status_date=plan.start)
    schedule = dates_of(plan)
    text = "".join(xer_lines(plan, schedule, "P1"))
    (again,) = read_xer([text.encode(xer_encoding(plan))]).plans.values()
    for task, found in zip(plan.tasks, again.tasks, strict=True):
        assert found == replace(
            task,
            calendar_source_id=task.calendar_source_id or plan.calendar_source_id,  # Primavera always names one,
            remaining_duration_minutes=task.duration_minutes,  # and what remains
            cost=found.cost,  # follows from assignments and expenses
            actual_cost=found.actual_cost,
        )
    assert sorted(map(str, again.links)) == sorted(map(str, plan.links))
    assert [(each.name, each.max_units, each.is_equipment) for each in again.resources] == [
        (each.name, each.max_units, each.is_equipment) for each in plan.resources
    ]
    assert dates_of(again).tasks == schedule.tasks


@st.composite
def progress(draw: st.DrawFn, task: Task) -> dict[str, Any]:
    """What is done of a task, whose figures need not follow from each other."""
    if not draw(st.booleans()):
        return {}
    percent, begun = draw(PERCENTS), draw(DATES)
    work = draw(st.integers(0, 10_000))
    return {
        "percent_complete": percent,
        "actual_start": begun,
        "actual_finish": draw(DATES) if percent == 100 else None,
        "actual_duration_minutes": draw(st.integers(0, 5_000)),
        "remaining_duration_minutes": draw(st.integers(0, 5_000)),
        "work_minutes": work,
        "actual_work_minutes": draw(st.integers(0, work)),
        "remaining_work_minutes": draw(st.integers(0, 5_000)),
    }


@st.composite
def tables(draw: st.DrawFn) -> Plan:
    """A plan with what only tables and the API say of tasks."""
    plan = draw(plans(plain=True))
    techniques = st.sampled_from([None, *TECHNIQUES])
    return replace(
        plan,
        tasks=tuple(
            replace(
                task,
                is_fixed_duration=draw(st.booleans()),
                is_fixed_work=draw(st.booleans()),
                ignores_resource_calendar=draw(st.booleans()),
                leveling_delay_minutes=draw(st.integers(-1000, 100_000)),
                percent_work_complete=draw(PERCENTS),
                stop=draw(st.none() | DATES),
                resume=draw(st.none() | DATES),
                external_early_start=draw(st.none() | DATES),
                external_late_finish=draw(st.none() | DATES),
                description=draw(st.none() | PROSE),
                baseline=draw(st.none() | BASELINES),
                **draw(progress(task)),
                ev_technique=draw(techniques),
            )
            for task in plan.tasks
        ),
    )


def read_back(write: Callable[[Plan, Schedule], bytes], read: Callable[[bytes], Plan], plan: Plan) -> None:
    schedule = dates_of(plan)
    again = read(write(plan, schedule))
    assert [each.code for each in again.skipped] == []
    for task, row in zip(plan.tasks, again.tasks, strict=True):
        assert row == task
    assert sorted(map(str, again.links)) == sorted(map(str, plan.links))
    shares = {(each.task_source_id, f"Person {each.resource_source_id}"): each.units for each in plan.assignments}
    names = {each.source_id: each.name for each in again.resources}
    assert {
        (each.task_source_id, names[each.resource_source_id or ""]): each.units for each in again.assignments
    } == shares
    assert dates_of(again).tasks == schedule.tasks


@given(tables())
@settings(max_examples=60, deadline=None)
def test_csv(plan: Plan) -> None:
    options = Options(start=plan.start)
    read_back(
        lambda *of: "".join(csv_lines(*of)).encode(),
        lambda data: next(iter(read_csv([data], options).plans.values())),
        plan,
    )


@given(tables())
@settings(max_examples=30, deadline=None)
def test_xlsx(plan: Plan) -> None:
    options = Options(start=plan.start)
    read_back(
        lambda *of: b"".join(xlsx_pieces("Plan", headings(of[0]), task_rows(*of))),
        lambda data: next(iter(read_xlsx([data], options).plans.values())),
        plan,
    )
