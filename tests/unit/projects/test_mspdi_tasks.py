"""Tasks, links and the project's own fields."""

from datetime import datetime
from decimal import Decimal

import pytest

from services.projects.domain.conventions import ProgressMode
from services.projects.domain.plan import Baseline, ConstraintType, LagUnit, Link, LinkType
from tests.unit.projects.mspdi_support import HEADER, codes, elements, link, read, read_task, task


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_outline_becomes_a_tree_in_which_parents_come_first() -> None:
    plan = read(
        task(0, OutlineLevel=0, OutlineNumber=0)
        + task(1, OutlineLevel=1)
        + task(2, OutlineLevel=2)
        + task(3, OutlineLevel=4)
        + task(4, OutlineLevel=2)
        + task(5, OutlineLevel=1)
    )
    assert [(each.source_id, each.parent_source_id) for each in plan.tasks] == [
        ("0", None),
        ("1", "0"),
        ("2", "1"),
        ("3", "2"),
        ("4", "1"),
        ("5", "0"),
    ]
    assert [each.source_id for each in plan.tasks if each.is_summary] == ["0", "1", "2"]
    assert [each.position for each in plan.tasks] == list(range(6))


def test_a_summary_is_what_has_tasks_below_it() -> None:
    plan = read(task(1, OutlineLevel=1, Summary=0) + task(2, OutlineLevel=2, Summary=1))
    assert [each.is_summary for each in plan.tasks] == [True, False]


def test_the_outline_number_serves_where_the_level_is_missing() -> None:
    plan = read(task(1, OutlineNumber="1") + task(2, OutlineNumber="1.1") + task(3))
    assert [(each.parent_source_id, each.outline_level) for each in plan.tasks] == [(None, 1), ("1", 2), (None, 1)]
    assert plan.tasks[1].wbs == "1.1"


def test_children_of_a_task_that_is_left_out_go_to_what_stands_above_it() -> None:
    plan = read(
        task(1, OutlineLevel=1)
        + task(2, OutlineLevel=2)
        + task(3, OutlineLevel=2, Duration="soon")
        + task(4, OutlineLevel=3)
    )
    assert [(each.source_id, each.parent_source_id) for each in plan.tasks] == [("1", None), ("2", "1"), ("4", "1")]
    assert codes(plan) == [("task", "3", "invalid_field")]
    assert plan.skipped[0].detail == "Duration: not an ISO 8601 duration"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"Start": "yesterday"}, "Start"),
        ({"Finish": "2026-02-30T08:00:00"}, "Finish"),
        ({"Deadline": "1983-12-31T23:59:00"}, "Deadline"),
        ({"Deadline": "2150-01-01T00:00:00"}, "Deadline"),
        ({"Duration": "8 hours"}, "Duration"),
        ({"Duration": "PT"}, "Duration"),
        ({"Duration": "-PT8H0M0S"}, "Duration"),
        ({"Duration": "PT9999999999H"}, "Duration"),
        ({"Cost": "1e99"}, "Cost"),
        ({"Cost": "NaN"}, "Cost"),
        ({"PercentComplete": "101"}, "PercentComplete"),
        ({"PercentComplete": "-1"}, "PercentComplete"),
        ({"ConstraintType": "8"}, "ConstraintType"),
        ({"Priority": "high"}, "Priority"),
        ({"Milestone": "perhaps"}, "Milestone"),
        ({"OutlineLevel": "-1"}, "OutlineLevel"),
    ],
)
def test_a_field_that_cannot_be_read_leaves_the_row_out_and_is_named(fields: dict[str, str], field: str) -> None:
    plan = read(task(1, **fields) + task(2))
    assert [each.source_id for each in plan.tasks] == ["2"]
    assert [each.code for each in plan.skipped] == ["invalid_field"]
    assert plan.skipped[0].detail.startswith(f"{field}: ")


def test_blank_lines_of_the_plan_are_nothing() -> None:
    plan = read(task(1) + "<Task><UID>2</UID><IsNull>1</IsNull></Task>" + task(3))
    assert [each.source_id for each in plan.tasks] == ["1", "3"]
    assert plan.skipped == ()


def test_rows_without_an_id_or_with_one_already_taken_are_reported() -> None:
    plan = read("<Task><Name>x</Name></Task>" + task(1, Priority=100) + task(1, Priority=200))
    assert codes(plan) == [("task", "", "missing_uid"), ("task", "1", "duplicate_uid")]
    assert [each.priority for each in plan.tasks] == [100]


def test_ids_have_one_spelling() -> None:
    plan = read("<Task><UID> 007 </UID></Task><Task><UID>7</UID></Task>")
    assert [each.source_id for each in plan.tasks] == ["7"]
    assert codes(plan) == [("task", "7", "duplicate_uid")]


def test_tasks_of_other_projects_are_left_out_with_the_links_to_them() -> None:
    plan = read(
        task(1, ExternalTask=1)
        + task(2, link(1, CrossProject=0))
        + task(3, link(2, CrossProject=1, CrossProjectName="other.mpp"))
    )
    assert [each.source_id for each in plan.tasks] == ["2", "3"]
    assert codes(plan) == [
        ("task", "1", "external_task"),
        ("link", "2>3", "cross_project_link"),
        ("link", "1>2", "cross_project_link"),
    ]


def test_an_inserted_project_keeps_the_dates_that_the_file_gives_it() -> None:
    inserted = read_task(IsSubproject=1, Summary=1, Start="2026-03-02T08:00:00", Finish="2026-05-01T17:00:00")
    assert (inserted.is_manual, inserted.is_summary) == (True, False)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("PT8H0M0S", 480),
        ("PT0H0M0S", 0),
        ("PT10H33M36S", 634),
        ("PT0H0M29S", 0),
        ("PT0H0M30S", 1),
        ("PT1.5H", 90),
        ("P2DT1H", 2940),
        ("PT90M", 90),
    ],
)
def test_durations_are_minutes(text: str, minutes: int) -> None:
    assert read_task(Duration=text).duration_minutes == minutes


@pytest.mark.parametrize(("duration_format", "elapsed"), [(7, False), (8, True), (39, False), (40, True), (53, False)])
def test_elapsed_durations_are_told_apart_by_their_format(duration_format: int, elapsed: bool) -> None:
    assert read_task(Duration="PT48H0M0S", DurationFormat=duration_format).is_elapsed_duration is elapsed


def test_money_is_in_hundredths_and_the_leveling_delay_in_tenths_of_minutes() -> None:
    found = read_task(FixedCost=12345, Cost="98765.00", ActualCost=100, LevelingDelay=14400, LevelingDelayFormat=8)
    assert (found.fixed_cost, found.cost, found.actual_cost) == (Decimal("123.45"), Decimal("987.65"), Decimal("1.00"))
    assert found.leveling_delay_minutes == 1440


def test_progress_is_read() -> None:
    found = read_task(
        PercentComplete=40,
        PercentWorkComplete=30,
        PhysicalPercentComplete=20,
        EarnedValueMethod=1,
        ActualStart="2026-03-03T08:00:00",
        ActualDuration="PT16H0M0S",
        RemainingDuration="PT24H0M0S",
        Stop="2026-03-04T17:00:00",
        Resume="2026-03-06T08:00:00",
        Work="PT80H0M0S",
        ActualWork="PT24H0M0S",
        RemainingWork="PT56H0M0S",
    )
    assert (found.percent_complete, found.percent_work_complete) == (Decimal(40), Decimal(30))
    assert found.physical_percent_complete == Decimal(20)
    assert found.uses_physical_percent
    assert (found.actual_start, found.actual_finish) == (at("2026-03-03T08:00"), None)
    assert (found.stop, found.resume) == (at("2026-03-04T17:00"), at("2026-03-06T08:00"))
    assert (found.actual_duration_minutes, found.remaining_duration_minutes) == (960, 1440)
    assert (found.work_minutes, found.actual_work_minutes, found.remaining_work_minutes) == (4800, 1440, 3360)


def test_a_task_that_says_nothing_earns_value_as_the_project_does() -> None:
    header = HEADER + "<DefaultTaskEVMethod>1</DefaultTaskEVMethod>"
    plan = read(task(1) + task(2, EarnedValueMethod=0), header=header)
    assert [each.uses_physical_percent for each in plan.tasks] == [True, False]


def test_only_baseline_0_is_taken_and_what_it_omits_is_zero() -> None:
    first = elements(Number=1, Start="2026-01-05T08:00:00", Cost=100)
    zero = elements(Number=0, Start="2026-02-02T08:00:00", Finish="2026-02-02T17:00:00", Cost=45000)
    found = read_task(elements(Baseline=first) + elements(Baseline=zero))
    assert found.baseline == Baseline(at("2026-02-02T08:00"), at("2026-02-02T17:00"), 0, 0, Decimal("450.00"))
    assert read_task(elements(Baseline=first)).baseline is None
    assert read_task(elements(Baseline=elements(Number=0))).baseline is None


def test_constraints_keep_their_date_and_one_without_is_left_out() -> None:
    every = "".join(task(n + 1, ConstraintType=n, ConstraintDate="2026-04-01T08:00:00") for n in range(8))
    plan = read(every + task(9, ConstraintType=4))
    assert [each.constraint_type for each in plan.tasks[:8]] == list(ConstraintType)[:8]
    assert [each.constraint_date for each in plan.tasks[:2]] == [None, None]
    assert all(each.constraint_date == at("2026-04-01T08:00") for each in plan.tasks[2:8])
    assert plan.tasks[8].constraint_type is ConstraintType.AS_SOON_AS_POSSIBLE
    assert codes(plan) == [("task", "9", "constraint_without_date")]


def test_other_fields_of_tasks_are_read() -> None:
    found = read_task(
        WBS="A.1",
        Milestone=1,
        Active=0,
        Manual=1,
        Type=1,
        Deadline="2026-06-30T17:00:00Z",
        IgnoreResourceCalendar=1,
        CalendarUID=1,
        Start="2026-03-02T07:59:45",
    )
    assert (found.wbs, found.is_milestone, found.is_active, found.is_manual) == ("A.1", True, False, True)
    assert (found.is_fixed_duration, found.ignores_resource_calendar) == (True, True)
    assert [read_task(Type=kind).is_fixed_work for kind in (0, 1, 2)] == [False, False, True]
    assert (found.deadline, found.start) == (at("2026-06-30T17:00"), at("2026-03-02T08:00"))
    assert found.calendar_source_id == "1"


def test_an_unknown_calendar_of_a_task_is_reported_and_replaced() -> None:
    plan = read(task(1, CalendarUID=99) + task(2, CalendarUID=-1))
    assert [each.calendar_source_id for each in plan.tasks] == [None, None]
    assert codes(plan) == [("task", "1", "unknown_calendar")]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0, LinkType.FINISH_TO_FINISH),
        (1, LinkType.FINISH_TO_START),
        (2, LinkType.START_TO_FINISH),
        (3, LinkType.START_TO_START),
    ],
)
def test_link_types_have_their_numbers(number: int, kind: LinkType) -> None:
    assert read(task(1) + task(2, link(1, Type=number))).links == (Link("1", "2", kind),)


@pytest.mark.parametrize(
    ("lag", "lag_format", "minutes", "unit"),
    [
        (4800, 7, 480, LagUnit.WORKING),
        (-4800, 39, -480, LagUnit.WORKING),
        (14400, 8, 1440, LagUnit.ELAPSED),
        (14400, 44, 1440, LagUnit.ELAPSED),
        (25, 19, 25, LagUnit.PERCENT),
        (-50, 20, -50, LagUnit.ELAPSED_PERCENT),
        (50, 51, 50, LagUnit.PERCENT),
        (50, 52, 50, LagUnit.ELAPSED_PERCENT),
        (14, 3, 1, LagUnit.WORKING),
        (-15, 3, -2, LagUnit.WORKING),
    ],
)
def test_lags_are_minutes_or_percent(lag: int, lag_format: int, minutes: int, unit: LagUnit) -> None:
    found = read(task(1) + task(2, link(1, LinkLag=lag, LagFormat=lag_format))).links[0]
    assert (found.lag, found.lag_unit, found.type) == (minutes, unit, LinkType.FINISH_TO_START)


def test_a_link_may_name_a_predecessor_that_comes_later() -> None:
    assert read(task(1, link(2)) + task(2)).links == (Link("2", "1"),)


def test_links_that_cannot_hold_are_reported() -> None:
    plan = read(
        task(1, OutlineLevel=1)
        + task(2, link(2) + link(99) + link(1) + "<PredecessorLink/>" + link(4, LinkLag="x"), OutlineLevel=2)
        + task(3, link(4) + link(4) + link(4, Type=3), OutlineLevel=1)
        + task(4, OutlineLevel=1)
    )
    assert plan.links == (Link("4", "3"), Link("4", "3", LinkType.START_TO_START))
    assert codes(plan) == [
        ("link", ">2", "missing_uid"),
        ("link", ">2", "invalid_field"),
        ("link", "2>2", "self_link"),
        ("link", "99>2", "unknown_task"),
        ("link", "1>2", "ancestor_link"),
        ("link", "4>3", "duplicate_link"),
    ]


def test_the_project_is_read() -> None:
    header = elements(
        Name="plan.xml",
        GUID="{7A0DDB0B-CE1E-E311-93DA-D43D7E937F92}",
        Title="Quay",
        ScheduleFromStart=0,
        StartDate="2026-03-02T07:00:00",
        FinishDate="2026-09-30T16:00:00",
        CriticalSlackLimit=2,
        CurrencyCode="SEK",
        CalendarUID=1,
        MinutesPerDay=450,
        MinutesPerWeek=2250,
        DaysPerMonth=21,
        HonorConstraints=0,
        MultipleCriticalPaths=1,
        SplitsInProgressTasks=0,
        StatusDate="2026-06-15T17:00:00",
    )
    plan = read(header=header)
    assert plan.skipped == ()
    assert (plan.name, plan.source_guid) == ("Quay", "7a0ddb0b-ce1e-e311-93da-d43d7e937f92")
    assert (plan.start, plan.finish) == (at("2026-03-02T07:00"), at("2026-09-30T16:00"))
    assert (plan.status_date, plan.currency) == (at("2026-06-15T17:00"), "SEK")
    assert (plan.conventions.schedules_from_finish, plan.conventions.critical_float_minutes) == (True, 900)
    assert (plan.minutes_per_day, plan.minutes_per_week, plan.days_per_month) == (450, 2250, 21)
    assert (plan.conventions.honors_constraints, plan.conventions.open_ends_critical) == (False, True)
    assert plan.conventions.progress is ProgressMode.PROGRESS_OVERRIDE


def test_a_bare_project_gets_the_usual_values() -> None:
    plan = read(task(1, Start="2026-04-01T08:00:00") + task(2, Start="2026-03-01T08:00:00"), header="", calendars="")
    assert (plan.start, plan.name, plan.currency, plan.source_guid) == (at("2026-03-01T08:00"), "Project", "USD", None)
    assert codes(plan) == [("project", "", "currency_missing"), ("project", "", "unknown_calendar")]
    assert [each.source_id for each in plan.calendars] == [plan.calendar_source_id]


def test_fields_of_the_project_that_cannot_be_read_are_reported_and_take_their_usual_values() -> None:
    header = HEADER + elements(GUID="x", MinutesPerDay=0, StatusDate="soon", ScheduleFromStart="maybe")
    plan = read(header=header)
    assert (plan.minutes_per_day, plan.status_date, plan.conventions.schedules_from_finish) == (480, None, False)
    assert codes(plan) == [("project", "", "invalid_field")] * 4


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("<Title>Quay</Title><Name>a.xml</Name>", "Quay"),
        ("<Name>Old plan.mpp</Name>", "Summary"),
        ("<Title> \t </Title>", "Summary"),
    ],
)
def test_the_project_is_named_by_its_title_then_its_summary_task(header: str, expected: str) -> None:
    plan = read("<Task><UID>0</UID><OutlineLevel>0</OutlineLevel><Name>Summary</Name></Task>", header=HEADER + header)
    assert plan.name == expected


def test_a_summary_task_without_a_name_bears_the_projects() -> None:
    plan = read("<Task><UID>0</UID><OutlineLevel>0</OutlineLevel></Task>", header=HEADER + "<Name>Quay.xml</Name>")
    assert (plan.name, plan.tasks[0].name) == ("Quay", "Quay")


@pytest.mark.parametrize(
    ("header", "currency"),
    [
        ("<CurrencyCode>eur</CurrencyCode>", "EUR"),
        ("<CurrencyCode>XXX</CurrencyCode><CurrencySymbol>€</CurrencySymbol>", "EUR"),
        ("<CurrencySymbol>£</CurrencySymbol>", "GBP"),
        ("<CurrencySymbol>kr</CurrencySymbol>", "USD"),
    ],
)
def test_the_currency_is_its_code_or_else_guessed_by_its_symbol(header: str, currency: str) -> None:
    plan = read(header="<StartDate>2026-03-02T08:00:00</StartDate><CalendarUID>1</CalendarUID>" + header)
    assert plan.currency == currency
    assert ("project", "", "currency_missing") in codes(plan) or "eur" in header


def test_names_are_cleaned_and_cut() -> None:
    dirty = "  Cafe\u0301\u202e&#x9;&#x85;quay " + "x" * 600
    found = read(f"<Task><UID>1</UID><Name>{dirty}</Name></Task><Task><UID>2</UID><Name>&#x9;</Name></Task>").tasks
    assert found[0].name.startswith("Café  quay xxx")
    assert len(found[0].name) == 512
    assert found[1].name == "Task 2"


def test_of_very_many_rows_left_out_the_first_thousand_are_listed() -> None:
    plan = read("<Task/>" * 1_500)
    assert len(plan.skipped) == 1_001
    assert plan.skipped[-1].detail.startswith("500 more")
