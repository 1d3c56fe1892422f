"""XER: projects, breakdown, activities, relationships, calendars, resources."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from services.projects.domain.conventions import (
    PRIMAVERA,
    Conventions,
    CriticalBy,
    FloatType,
    LagCalendar,
    ProgressMode,
)
from services.projects.domain.plan import ConstraintType, CrossLink, Link, LinkType, ResourceType
from services.projects.domain.primavera import read_xer
from services.projects.domain.primavera import tasks as primavera_tasks
from services.projects.domain.primavera.calendar_data import CalendarDataError, read_calendar_data
from services.projects.domain.xml_guard import PlanFileError
from tests.unit.projects.mspdi_support import codes
from tests.unit.projects.xer_support import (
    CALENDAR,
    CALENDAR_DATA,
    PROJECT,
    ROOT,
    activity,
    document,
    node,
    read,
    read_file,
    relationship,
)


def test_the_project_is_read_with_its_calendar() -> None:
    plan = read([activity(7)])
    assert plan.source_guid == "72dfe08f-c619-45eb-b4f2-6ad63043ed54"
    assert (plan.name, plan.currency, plan.start) == ("Bridge", "EUR", datetime.fromisoformat("2026-03-02T08:00"))
    assert (plan.minutes_per_day, plan.minutes_per_week, plan.days_per_month) == (480, 2400, 22)
    (calendar,) = plan.calendars
    assert calendar.week == ((((480, 960),),) * 5) + ((), ())
    assert [(each.first, each.shifts) for each in calendar.exceptions] == [(date(2026, 3, 2), ())]
    assert plan.skipped == ()


def test_nodes_of_the_breakdown_become_summaries_above_their_activities() -> None:
    nodes = [ROOT, node(3, seq_num=2), node(2, seq_num=1), node(4, parent=2), node(5, parent=4)]
    plan = read([activity(30, 3), activity(40, 4), activity(10), activity(20, 2)], nodes=nodes)
    assert [(t.source_id, t.parent_source_id, t.outline_level, t.wbs, t.is_summary) for t in plan.tasks] == [
        ("10", None, 1, "A10", False),
        ("wbs:2", None, 1, "N2", True),
        ("20", "wbs:2", 2, "A20", False),
        ("wbs:4", "wbs:2", 2, "N2.N4", True),
        ("40", "wbs:4", 3, "A40", False),
        ("wbs:3", None, 1, "N3", True),
        ("30", "wbs:3", 2, "A30", False),
    ]
    assert [t.position for t in plan.tasks] == list(range(7))
    assert codes(plan) == [("task", "wbs:5", "empty_summary")]


def test_nodes_in_a_circle_are_told_and_take_nothing_else_down() -> None:
    plan = read([activity(1), activity(2, 6)], nodes=[ROOT, node(6, parent=7), node(7, parent=6)])
    assert [t.source_id for t in plan.tasks] == ["1"]
    assert {code for _, _, code in codes(plan)} == {"invalid_outline"}


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("PR_FS", LinkType.FINISH_TO_START),
        ("PR_SS", LinkType.START_TO_START),
        ("PR_FF", LinkType.FINISH_TO_FINISH),
        ("PR_SF", LinkType.START_TO_FINISH),
    ],
)
def test_relationships_have_type_and_lag(type_: str, expected: LinkType) -> None:
    plan = read([activity(1), activity(2)], [relationship(1, 2, pred_type=type_, lag_hr_cnt="-12.5")])
    assert plan.links == (Link("1", "2", expected, -750),)


def test_relationships_that_cannot_be_are_told() -> None:
    links = [
        relationship(1, 2), relationship(1, 2), relationship(1, 1), relationship(1, 99), relationship(99, 1),
        relationship(1, 2, pred_type="PR_XX"), relationship(1, 2, lag_hr_cnt="soon"),
    ]  # fmt: skip
    plan = read([activity(1), activity(2)], links)
    assert len(plan.links) == 1
    assert sorted(codes(plan)) == [
        ("link", "1>1", "self_link"),
        ("link", "1>2", "duplicate_link"),
        ("link", "1>2", "invalid_field"),
        ("link", "1>99", "unknown_task"),
        ("link", "99>1", "unknown_task"),
        ("link", ">2", "invalid_field"),
    ]


def test_a_file_of_several_projects_gives_a_plan_each_and_the_links_between_them() -> None:
    projects = [PROJECT, {**PROJECT, "proj_id": 2, "guid": ""}, {**PROJECT, "proj_id": 3, "export_flag": "N"}]
    nodes = [ROOT, node(2, parent=99, project=2, proj_node_flag="Y", wbs_name="Tunnel")]
    links = [
        relationship(1, 2),
        relationship(2, 5, proj_id=2, lag_hr_cnt=8),
        relationship(9, 1, pred_proj_id=3),
    ]
    file = read_file([activity(1), activity(2), activity(5, 2, 2)], links, nodes=nodes, projects=projects)
    bridge, tunnel = file.plans.values()
    assert list(file.plans) == ["1", "2"]
    assert [t.source_id for t in bridge.tasks] == ["1", "2"]
    assert (tunnel.name, [t.source_id for t in tunnel.tasks], tunnel.source_guid) == ("Tunnel", ["5"], None)
    assert file.cross_links == (CrossLink("1", "2", Link("2", "5", lag=480)),)
    assert codes(bridge) == codes(tunnel) == [
        ("link", "9>1", "cross_project_link"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cstr_type": "CS_MSOA", "cstr_date": "2026-03-09 08:00"}, ConstraintType.START_NO_EARLIER_THAN),
        ({"cstr_type": "CS_MSOB", "cstr_date": "2026-03-09 08:00"}, ConstraintType.START_NO_LATER_THAN),
        ({"cstr_type": "CS_MEOA", "cstr_date": "2026-03-09 08:00"}, ConstraintType.FINISH_NO_EARLIER_THAN),
        ({"cstr_type": "CS_MEOB", "cstr_date": "2026-03-09 08:00"}, ConstraintType.FINISH_NO_LATER_THAN),
        ({"cstr_type": "CS_MSO", "cstr_date": "2026-03-09 08:00"}, ConstraintType.MUST_START_ON),
        ({"cstr_type": "CS_MANDFIN", "cstr_date": "2026-03-09 08:00"}, ConstraintType.MANDATORY_FINISH),
    ],
)
def test_constraints_are_read_with_their_dates(values: dict[str, str], expected: ConstraintType) -> None:
    (task,) = read([activity(1) | values]).tasks
    assert (task.constraint_type, task.constraint_date) == (expected, datetime.fromisoformat("2026-03-09T08:00"))


def test_a_constraint_that_says_too_little_is_told_and_left_out() -> None:
    plan = read([activity(1, cstr_type="CS_MSOA"), activity(2, cstr_type="CS_WHAT"), activity(3, cstr_type="CS_ALAP")])
    kinds = [task.constraint_type for task in plan.tasks]
    assert kinds == [ConstraintType.AS_SOON_AS_POSSIBLE] * 2 + [ConstraintType.AS_LATE_AS_POSSIBLE]
    assert codes(plan) == [("task", "1", "constraint_without_date"), ("task", "2", "unknown_constraint")]


def test_activities_earn_as_their_node_says_but_levels_of_effort_do_not() -> None:
    nodes = [{**ROOT, "ev_compute_type": "EC_50_50"}, node(2, ev_compute_type="EC_0_100"), node(3)]
    tasks = read(
        [activity(1), activity(2, wbs=2), activity(3, wbs=3), activity(4, wbs=2, task_type="TT_LOE")], nodes=nodes
    ).tasks
    kinds = {task.name: task.ev_technique and task.ev_technique.kind for task in tasks if not task.is_summary}
    assert kinds == {
        "Activity 1": "fifty_fifty",
        "Activity 2": "zero_hundred",
        "Activity 3": None,
        "Activity 4": "level_of_effort",
    }


def test_progress_is_read_by_the_activitys_kind_of_percent() -> None:
    project = {**PROJECT, "last_recalc_date": "2026-03-05 08:00"}
    begun = {"status_code": "TK_Active", "act_start_date": "2026-03-03 08:00"}
    by_duration, by_units, physical, done = read(
        [
            activity(1, target_drtn_hr_cnt=40, remain_drtn_hr_cnt=30) | begun,
            activity(2, complete_pct_type="CP_Units", act_work_qty=5, remain_work_qty=15) | begun,
            activity(3, complete_pct_type="CP_Phys", phys_complete_pct=35) | begun,
            activity(4) | begun | {"status_code": "TK_Complete", "act_end_date": "2026-03-04 12:00"},
        ],
        projects=[project],
    ).tasks
    assert (by_duration.percent_complete, by_duration.actual_duration_minutes) == (Decimal(25), 960)
    assert by_duration.remaining_duration_minutes == 1800
    assert (by_units.percent_complete, by_units.work_minutes, by_units.actual_work_minutes) == (Decimal(25), 1200, 300)
    assert (physical.physical_percent_complete, physical.uses_physical_percent) == (Decimal(35), True)
    assert (done.percent_complete, done.remaining_duration_minutes, done.actual_finish) == (
        Decimal(100),
        0,
        datetime.fromisoformat("2026-03-04T12:00"),
    )
    assert done.actual_duration_minutes == 480 + 240


def test_a_second_constraint_and_expected_dates_are_read() -> None:
    values = {
        "cstr_type2": "CS_MEOB", "cstr_date2": "2026-03-20 16:00", "expect_end_date": "2026-03-19 16:00",
        "external_early_start_date": "2026-03-03 08:00", "external_late_end_date": "2026-03-30 16:00",
    }  # fmt: skip
    (task,) = read([activity(1) | values]).tasks
    assert task.secondary_constraint_type is ConstraintType.FINISH_NO_LATER_THAN
    assert [
        f"{moment:%m-%d}"
        for moment in (
            task.secondary_constraint_date, task.expected_finish, task.external_early_start, task.external_late_finish
        )
        if moment is not None
    ] == ["03-20", "03-19", "03-03", "03-30"]  # fmt: skip


@pytest.mark.parametrize("kind", primavera_tasks.ACTIVITY_TYPES)
def test_activities_have_their_type(kind: str) -> None:
    (task,) = read([activity(1, task_type=kind)]).tasks
    assert task.activity_type is primavera_tasks.ACTIVITY_TYPES[kind]
    assert task.ignores_resource_calendar == (kind != "TT_Rsrc")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PRIMAVERA),
        ({"sched_progress_override": "Y"}, replace(PRIMAVERA, progress=ProgressMode.PROGRESS_OVERRIDE)),
        ({"sched_retained_logic": "N"}, replace(PRIMAVERA, progress=ProgressMode.ACTUAL_DATES)),
        ({"sched_calendar_on_relationship_lag": "rcal_24Hour"},
         replace(PRIMAVERA, lag_calendar=LagCalendar.AROUND_THE_CLOCK)),
        ({"sched_float_type": "FT_SF"}, replace(PRIMAVERA, float_type=FloatType.START)),
        ({"sched_open_critical_flag": "Y"}, replace(PRIMAVERA, open_ends_critical=True)),
        ({"sched_lag_early_start_flag": "N"}, replace(PRIMAVERA, lags_from_actual_start=True)),
        ({"sched_use_expect_end_flag": "N"}, replace(PRIMAVERA, uses_expected_finish=False)),
    ],
)  # fmt: skip
def test_options_of_scheduling_are_the_plans_conventions(options: dict[str, str], expected: Conventions) -> None:
    assert read([activity(1)], SCHEDOPTIONS=[{"proj_id": 1, **options}]).conventions == expected


def test_a_projects_limits_are_read() -> None:
    project = {
        **PROJECT, "plan_end_date": "2026-12-24 16:00", "critical_drtn_hr_cnt": 16, "critical_path_type": "CT_DrivPath"
    }  # fmt: skip
    plan = read([activity(1)], projects=[project])
    assert plan.must_finish == datetime.fromisoformat("2026-12-24T16:00")
    assert plan.conventions == replace(PRIMAVERA, critical_float_minutes=960, critical_by=CriticalBy.LONGEST_PATH)


def test_milestones_have_no_duration() -> None:
    start, finish = read([activity(1, task_type="TT_Mile"), activity(2, task_type="TT_FinMile")]).tasks
    assert (start.is_milestone, start.duration_minutes) == (finish.is_milestone, finish.duration_minutes) == (True, 0)


def test_resources_have_the_rate_in_force_and_assignments_sum_up_to_the_activity() -> None:
    resources = [
        {"rsrc_id": 1, "rsrc_name": "Mason", "rsrc_type": "RT_Labor", "clndr_id": 10},
        {"rsrc_id": 2, "rsrc_name": "Concrete", "rsrc_type": "RT_Mat", "clndr_id": 10},
    ]
    rates = [
        {"rsrc_id": 1, "start_date": "2026-06-01 00:00", "cost_per_qty": 70, "max_qty_per_hr": 3},
        {"rsrc_id": 1, "start_date": "2026-01-01 00:00", "cost_per_qty": "62,5", "max_qty_per_hr": 2},
    ]
    assigned = {"task_id": 1, "proj_id": 1, "target_qty_per_hr": 0.5, "remain_cost": 100, "act_reg_cost": "20.5"}
    plan = read(
        [activity(1)],
        RSRC=resources,
        RSRCRATE=rates,
        TASKRSRC=[
            {"taskrsrc_id": 1, "rsrc_id": 1, **assigned, "act_reg_qty": 1, "act_ot_qty": 1, "remain_qty": 6},
            {"taskrsrc_id": 2, "rsrc_id": 2, **assigned, "remain_qty": 12},
            {"taskrsrc_id": 3, "rsrc_id": 9, **assigned},
            {"taskrsrc_id": 4, "rsrc_id": 1, **assigned, "task_id": 9},
        ],
        PROJCOST=[{"task_id": 1, "act_cost": 5, "remain_cost": 10}],
    )
    mason, concrete = plan.resources
    assert (mason.standard_rate, mason.max_units, mason.calendar_source_id) == (Decimal("62.5"), Decimal(2), "10")
    assert (concrete.type, concrete.calendar_source_id) == (ResourceType.MATERIAL, None)
    assert [(a.units, a.work_minutes, a.actual_work_minutes) for a in plan.assignments] == [
        (Decimal("0.5"), 480, 120),
        (Decimal("0.5"), 0, 0),
    ]
    (task,) = plan.tasks
    assert (task.fixed_cost, task.actual_cost) == (Decimal(15), Decimal("20.5") * 3 + 5)
    assert codes(plan) == [
        ("assignment", "3", "unknown_resource"),
        ("assignment", "4", "unknown_task"),
    ]


@pytest.mark.parametrize(
    ("encoding", "stated", "name"),
    [
        ("utf-8", None, "Größe Æ"),
        ("utf-8-sig", None, "Größe"),
        ("utf-16", None, "Größe 桥"),
        ("cp1252", None, "Größe"),
        ("cp1251", "cp1251", "Мост"),
        ("gb18030", "gb18030", "桥梁"),
        ("shift_jis", "shift_jis", "橋 ソ"),
    ],
)
def test_text_is_read_in_any_encoding(encoding: str, stated: str | None, name: str) -> None:
    content = document([activity(1, task_name=name)]).encode(encoding)
    (plan,) = read_xer([content], stated).plans.values()
    assert plan.tasks[0].name == name


def test_the_place_of_the_euro_sign_betrays_a_cyrillic_file() -> None:
    text = document([activity(1, task_name="Мост")])
    text = text.replace("%T\tPROJECT", "%T\tCURRTYPE\r\n%F\tcurr_symbol\tcurr_short_name\r\n%R\t€\tEUR\r\n%T\tPROJECT")
    (plan,) = read_xer([text.encode("cp1251")]).plans.values()
    assert plan.tasks[0].name == "Мост"


def test_notes_with_line_ends_and_doubled_quotes_are_one_record() -> None:
    text = document([activity(1, task_name='A ""round"" hole\r\nand its rim'), activity(2)])
    (plan,) = read_xer([text.encode()]).plans.values()
    assert [task.name for task in plan.tasks] == ['A "round" hole and its rim', "Activity 2"]


@pytest.mark.parametrize(
    ("times", "shifts"),
    [
        ("(0||0(s|00:00|f|00:00)())", ((0, 1440),)),
        ("(0||0(f|24:00|s|13:00)())(0||1(f|12:00|s|8:00)())", ((480, 720), (780, 1440))),
        ("(0||0(s|08:00|f|12:00)())(0||0(s|12:00|f|17:00)())", ((480, 1020),)),
        ("(0||0(s|16:00|f|23:59)())", ((960, 1440),)),
    ],
)
def test_working_times_of_a_day(times: str, shifts: object) -> None:
    week, _ = read_calendar_data(
        f"(0||CalendarData()((0||DaysOfWeek()((0||2()({times})))))) ".replace(")))))) ", "))))))")
    )
    assert week[0] == shifts
    assert week[1:] == ((),) * 6


@pytest.mark.parametrize(
    "data",
    ["", "(", "(0||CalendarData()(", "x", "(0||CalendarData()())", CALENDAR_DATA[:-3], "(" * 1000,
     "(0||a()(" * 20, CALENDAR_DATA.replace("08:00", "99:00"), CALENDAR_DATA.replace("46083", "99999999")],
)  # fmt: skip
def test_a_broken_calendar_is_told_and_the_usual_week_takes_its_place(data: str) -> None:
    with pytest.raises(CalendarDataError):
        read_calendar_data(data)
    plan = read([activity(1)], CALENDAR=[{**CALENDAR, "clndr_data": data}])
    assert codes(plan) == [("calendar", "10", "invalid_calendar")]
    assert plan.calendars[0].week[0] == ((480, 720), (780, 1020))


def test_a_file_without_a_project_is_no_plan() -> None:
    with pytest.raises(PlanFileError, match="plan_without_project"):
        read(projects=[])
