"""Constraints, deadlines, calendars, progress and options, as Microsoft Project treats them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.projects.domain.conventions import MICROSOFT_PROJECT, PRIMAVERA, Conventions, ProgressMode
from services.projects.domain.plan import (
    ActivityType,
    Assignment,
    ConstraintType,
    Link,
    Plan,
    Resource,
    ResourceType,
    Task,
)
from services.projects.domain.schedule import critical_path
from shared.working_time import WorkingCalendar
from tests.unit.projects.schedule_support import DAY, FF, FS, SS, at, early, late, plan, scheduled, task


def constrained(name: str, kind: ConstraintType, date: str | None, days: float = 1) -> Task:
    return replace(task(name, days), constraint_type=kind, constraint_date=None if date is None else at(date))


@pytest.mark.parametrize(
    ("kind", "date", "expected"),
    [
        (ConstraintType.START_NO_EARLIER_THAN, "7 08:00", ("7 08:00", "8 17:00")),
        (ConstraintType.START_NO_EARLIER_THAN, "10 08:00", ("12 08:00", "13 17:00")),
        (ConstraintType.START_NO_EARLIER_THAN, "2 08:00", ("6 08:00", "7 17:00")),
        (ConstraintType.FINISH_NO_EARLIER_THAN, "9 17:00", ("8 08:00", "9 17:00")),
        (ConstraintType.MUST_START_ON, "8 08:00", ("8 08:00", "9 17:00")),
        (ConstraintType.MUST_START_ON, "5 08:00", ("5 08:00", "6 17:00")),
        (ConstraintType.MUST_FINISH_ON, "8 17:00", ("7 08:00", "8 17:00")),
        (ConstraintType.START_NO_LATER_THAN, "5 08:00", ("5 08:00", "6 17:00")),
        (ConstraintType.START_NO_LATER_THAN, "9 08:00", ("6 08:00", "7 17:00")),
        (ConstraintType.FINISH_NO_LATER_THAN, "6 17:00", ("5 08:00", "6 17:00")),
    ],
)
def test_constraints_place_a_task_after_its_predecessor_or_even_against_it(
    kind: ConstraintType, date: str, expected: tuple[str, str]
) -> None:
    found = scheduled(plan([task("a"), constrained("b", kind, date, 2)], [Link("a", "b")]))
    assert early(found["b"]) == expected


@pytest.mark.parametrize(
    ("kind", "date"),
    [
        (ConstraintType.MUST_START_ON, "5 08:00"),
        (ConstraintType.START_NO_LATER_THAN, "5 08:00"),
        (ConstraintType.MUST_FINISH_ON, "5 17:00"),
        (ConstraintType.FINISH_NO_LATER_THAN, "5 17:00"),
    ],
)
def test_a_constraint_against_the_links_shows_as_negative_float_on_both_sides(kind: ConstraintType, date: str) -> None:
    found = scheduled(plan([task("a"), constrained("b", kind, date)], [Link("a", "b")]))
    assert found["a"].total_float_minutes == found["b"].total_float_minutes == -DAY
    assert found["a"].free_float_minutes == 0
    assert late(found["a"]) == ("2 08:00", "2 17:00")


def test_links_win_over_late_constraints_where_the_plan_says_so() -> None:
    tasks = [task("a"), constrained("b", ConstraintType.MUST_START_ON, "5 08:00")]
    found = scheduled(replace(plan(tasks, [Link("a", "b")]), conventions=Conventions(honors_constraints=False)))
    assert early(found["b"]) == ("6 08:00", "6 17:00")
    assert found["b"].total_float_minutes == -DAY


def test_a_deadline_bounds_late_dates_but_moves_nothing() -> None:
    due = replace(task("b", 2), deadline=at("7 17:00"))
    found = scheduled(plan([task("a", 3), due, task("long", 9)], [Link("a", "b")]))
    assert early(found["b"]) == ("8 08:00", "9 17:00")
    assert late(found["b"]) == ("6 08:00", "7 17:00")
    assert found["b"].total_float_minutes == found["a"].total_float_minutes == -2 * DAY
    assert found["b"].is_critical


def test_a_pinned_task_keeps_its_late_dates_against_its_deadline_and_its_successors() -> None:
    pinned = replace(constrained("a", ConstraintType.MUST_FINISH_ON, "7 17:00"), deadline=at("6 17:00"))
    due = replace(task("b"), deadline=at("7 17:00"))
    found = scheduled(plan([pinned, due], [Link("a", "b")]))
    assert early(found["a"]) == late(found["a"]) == ("7 08:00", "7 17:00")
    assert (found["a"].total_float_minutes, found["b"].total_float_minutes) == (0, -DAY)


def test_free_float_is_bounded_by_total_float() -> None:
    due = replace(task("a"), deadline=at("6 17:00"))
    found = scheduled(plan([due, task("b", 9), task("end")], [Link("a", "end"), Link("b", "end")]))
    assert (found["a"].total_float_minutes, found["a"].free_float_minutes) == (DAY, DAY)


def test_a_task_as_late_as_possible_uses_its_float_and_its_successors() -> None:
    lazy = constrained("lazy", ConstraintType.AS_LATE_AS_POSSIBLE, None)
    found = scheduled(plan([lazy, task("next"), task("long", 5)], [Link("lazy", "next")]))
    assert early(found["lazy"]) == ("5 08:00", "5 17:00")
    assert (found["lazy"].start, found["lazy"].finish) == (at("8 08:00"), at("8 17:00"))
    assert early(found["next"]) == ("9 08:00", "9 17:00")
    assert (found["lazy"].total_float_minutes, found["next"].total_float_minutes) == (0, 0)


def test_as_late_as_possible_is_as_late_as_successors_start_to_primavera() -> None:
    late_one = replace(task("a"), constraint_type=ConstraintType.AS_LATE_AS_POSSIBLE)
    tasks = [late_one, replace(late_one, source_id="end"), task("b", 3), task("c"), task("long", 6)]
    network = replace(plan(tasks, [Link("a", "c"), Link("b", "c")]), conventions=PRIMAVERA, status_date=at("5 08:00"))
    found = scheduled(network)
    assert (early(found["a"]), found["a"].total_float_minutes) == (("7 08:00", "7 17:00"), 2 * DAY)
    assert (early(found["c"]), found["c"].total_float_minutes) == (("8 08:00", "8 17:00"), 2 * DAY)
    assert (early(found["end"]), found["end"].total_float_minutes) == (("12 08:00", "12 17:00"), 0)


@pytest.mark.parametrize("kind", [ConstraintType.MANDATORY_START, ConstraintType.MANDATORY_FINISH])
def test_what_must_lie_on_a_date_has_no_free_float_to_primavera(kind: ConstraintType) -> None:
    on = at("6 08:00" if kind is ConstraintType.MANDATORY_START else "6 17:00")
    pinned = replace(task("a"), constraint_type=kind, constraint_date=on)
    found = scheduled(replace(plan([pinned, task("long", 6)]), conventions=PRIMAVERA, status_date=at("5 08:00")))
    assert (early(found["a"]), found["a"].free_float_minutes) == (("6 08:00", "6 17:00"), 0)


def test_a_plan_from_its_finish_lies_against_it() -> None:
    backwards = replace(
        plan([task("a"), task("b", 2), task("c")], [Link("a", "b"), Link("a", "c")]),
        conventions=Conventions(schedules_from_finish=True),
        finish=at("16 17:00"),
    )
    schedule = critical_path(backwards)
    found = scheduled(backwards)
    assert (schedule.project_start, schedule.project_finish) == (at("14 08:00"), at("16 17:00"))
    assert early(found["a"]) == late(found["a"]) == ("14 08:00", "14 17:00")
    assert late(found["c"]) == ("16 08:00", "16 17:00")
    assert found["c"].total_float_minutes == DAY


def test_the_dates_of_a_summary_hold_its_tasks() -> None:
    phase = constrained("phase", ConstraintType.START_NO_EARLIER_THAN, "7 08:00")
    inner = replace(task("x"), parent_source_id="phase")
    found = scheduled(plan([replace(phase, deadline=at("7 17:00")), inner, task("long", 9)]))
    assert early(found["x"]) == ("7 08:00", "7 17:00")
    assert late(found["x"]) == ("7 08:00", "7 17:00")


def test_every_path_is_measured_against_its_own_end_where_the_plan_has_several_critical_paths() -> None:
    both = plan([task("a"), task("b"), task("long", 9)], [Link("a", "b")])
    assert scheduled(both)["a"].total_float_minutes == 7 * DAY
    both = replace(both, conventions=Conventions(open_ends_critical=True))
    assert all(each.is_critical for each in critical_path(both).tasks)


def test_tasks_with_little_float_are_critical_where_the_plan_says_so() -> None:
    near = plan([task("a", 4), task("long", 5)])
    assert not scheduled(near)["a"].is_critical
    assert scheduled(replace(near, conventions=Conventions(critical_float_minutes=DAY)))["a"].is_critical


def test_a_task_on_its_own_calendar_counts_its_float_there() -> None:
    found = scheduled(plan([replace(task("a", 3), calendar_source_id="24"), task("long", 2)]))
    assert early(found["a"]) == ("5 08:00", "6 08:00")
    assert found["a"].total_float_minutes == 9 * 60


def test_an_elapsed_duration_runs_on_the_clock_and_so_does_its_float() -> None:
    cure = replace(task("cure"), duration_minutes=1440, is_elapsed_duration=True)
    found = scheduled(plan([cure, task("long", 2)]))
    assert early(found["cure"]) == ("5 08:00", "6 08:00")
    assert found["cure"].total_float_minutes == 9 * 60


@pytest.mark.parametrize("conventions", [MICROSOFT_PROJECT, PRIMAVERA])
@pytest.mark.parametrize("kind", ["task", "start_milestone", "finish_milestone"])
def test_a_milestone_in_a_break_lies_after_what_it_awaits(conventions: Conventions, kind: str) -> None:
    hours = ((0, 360), (1320, 1440))
    night = WorkingCalendar("night", "Night", (hours[1:], hours, hours, hours, hours, hours[:1], ()))
    by_night = replace(task("a"), calendar_source_id="night")
    gate = replace(task("gate", 0), is_milestone=True, activity_type=ActivityType(kind))
    goes_on = replace(task("b"), calendar_source_id="24")
    base = plan([by_night, gate, goes_on], [Link("a", "gate"), Link("gate", "b")])
    found = scheduled(replace(base, calendars=(*base.calendars, night), conventions=conventions))
    assert early(found["a"]) == ("5 22:00", "6 06:00")
    assert early(found["gate"]) == late(found["gate"]) == ("6 08:00", "6 08:00")
    assert early(found["b"]) == late(found["b"]) == ("6 08:00", "6 16:00")
    assert [each.total_float_minutes for each in found.values()] == [0, 0, 0]


BOB = Resource("bob", "Bob", calendar_source_id="no-mondays")
ANN = Resource("ann", "Ann")


def staffed(each: Task, *assignments: Assignment, others: tuple[Task, ...] = ()) -> Plan:
    return replace(plan([each, *others]), resources=(BOB, ANN), assignments=assignments)


def assigned(resource: str, minutes: int = 0, units: str = "1", to: str = "a") -> Assignment:
    return Assignment(f"{to}-{resource}", to, resource, Decimal(units), work_minutes=minutes)


def test_a_task_is_worked_on_its_resources_calendar_and_its_float_counts_on_its_own() -> None:
    found = scheduled(staffed(task("a", 5), assigned("bob", 5 * DAY), others=(task("long", 8),)))
    assert early(found["a"]) == ("6 08:00", "13 17:00")
    assert late(found["a"]) == ("7 08:00", "14 17:00")
    assert found["a"].total_float_minutes == DAY


def test_a_fixed_duration_ignores_resources_calendars() -> None:
    assert early(scheduled(staffed(replace(task("a", 5), is_fixed_duration=True), assigned("bob")))["a"]) == (
        "5 08:00",
        "9 17:00",
    )


def test_a_task_calendar_counts_with_the_resources_or_alone() -> None:
    around = replace(task("a", 1), calendar_source_id="24")
    assert early(scheduled(staffed(around, assigned("bob")))["a"]) == ("6 08:00", "6 17:00")
    alone = replace(around, ignores_resource_calendar=True)
    assert early(scheduled(staffed(alone, assigned("bob")))["a"]) == ("5 08:00", "5 16:00")


def test_several_resources_start_with_the_first_and_finish_with_the_last() -> None:
    shared_by_two = staffed(task("a", 2), assigned("bob", 2 * DAY), assigned("ann", DAY, "0.5"))
    assert early(scheduled(shared_by_two)["a"]) == ("5 08:00", "7 17:00")
    part = staffed(task("a", 2), assigned("bob", DAY), assigned("ann", 2 * DAY))
    assert early(scheduled(part)["a"]) == ("5 08:00", "6 17:00")
    fixed = staffed(replace(task("a", 2), is_fixed_work=True), assigned("bob", DAY), assigned("ann", 2 * DAY))
    assert early(scheduled(fixed)["a"]) == ("5 08:00", "7 17:00")


def test_a_machine_waits_for_those_who_work_it_and_starts_alone_where_nobody_does() -> None:
    def begin(*others: Resource) -> str:
        booked = tuple(assigned(each.source_id, DAY) for each in others)
        sunday = replace(plan([task("a")]), start=at("4 20:00"), resources=others, assignments=booked)
        return early(scheduled(sunday)["a"])[0]

    guard = Resource("guard", "Guard", calendar_source_id="24")
    crane = replace(guard, source_id="crane", is_equipment=True)
    assert (begin(ANN, guard), begin(ANN, crane), begin(crane)) == ("4 20:00", "5 08:00", "4 20:00")


def test_material_and_nobody_hold_nothing() -> None:
    cement = Resource("cement", "Cement", ResourceType.MATERIAL, calendar_source_id="no-mondays")
    idle = Assignment("1", "a", None)
    found = scheduled(replace(plan([task("a")]), resources=(cement,), assignments=(assigned("cement"), idle)))
    assert early(found["a"]) == ("5 08:00", "5 17:00")


def test_a_leveling_delay_is_elapsed_and_no_float_of_the_predecessor() -> None:
    delayed = replace(task("b"), leveling_delay_minutes=1440)
    found = scheduled(plan([task("a"), delayed], [Link("a", "b")]))
    assert early(found["b"]) == ("7 08:00", "7 17:00")
    assert late(found["a"]) == ("5 08:00", "5 17:00")
    assert (found["a"].total_float_minutes, found["a"].free_float_minutes) == (0, 0)


def test_a_finish_link_gives_none_of_the_delay_either() -> None:
    delayed = replace(task("b"), leveling_delay_minutes=1440)
    found = scheduled(plan([task("a"), delayed], [Link("a", "b", FF)]))
    assert (found["a"].total_float_minutes, found["a"].free_float_minutes) == (0, 0)


def test_a_manual_task_stays_and_drives_its_successors() -> None:
    fixed = replace(task("b"), is_manual=True, start=at("7 10:00"), finish=at("8 10:00"))
    found = scheduled(plan([task("a", 5), fixed, task("c")], [Link("a", "b"), Link("b", "c")]))
    assert early(found["b"]) == ("7 10:00", "8 10:00")
    assert early(found["c"]) == ("8 10:00", "9 10:00")


def test_a_done_task_keeps_its_dates_and_has_no_float() -> None:
    done = replace(task("a"), actual_start=at("6 09:00"), actual_finish=at("8 15:00"))
    found = scheduled(plan([done, task("b"), task("long", 9)], [Link("a", "b")]))
    assert early(found["a"]) == late(found["a"]) == ("6 09:00", "8 15:00")
    assert (found["a"].total_float_minutes, found["a"].free_float_minutes, found["a"].is_critical) == (0, 0, False)
    assert early(found["b"]) == ("8 15:00", "9 15:00")


def test_a_done_task_without_a_start_began_as_long_before_as_it_lasts() -> None:
    found = scheduled(plan([replace(task("a", 2), actual_finish=at("8 17:00"))]))
    assert early(found["a"]) == ("7 08:00", "8 17:00")


def started(name: str, days: float, *, resume: str | None = None, done: float = 0) -> Task:
    return replace(
        task(name, days),
        actual_start=at("5 08:00"),
        actual_duration_minutes=round(done * DAY),
        remaining_duration_minutes=round((days - done) * DAY),
        resume=None if resume is None else at(resume),
    )


def test_what_remains_of_a_begun_task_is_done_from_where_it_resumes() -> None:
    put_off = started("a", 3, resume="8 08:00", done=1)
    found = scheduled(plan([put_off]))
    assert early(found["a"]) == ("5 08:00", "9 17:00")
    assert late(found["a"]) == ("5 08:00", "9 17:00")


def test_a_begun_task_has_the_float_of_its_finish_and_its_own_start_as_late_start() -> None:
    found = scheduled(plan([started("a", 2, resume="6 08:00", done=1), task("long", 5)]))
    assert late(found["a"]) == ("5 08:00", "9 17:00")
    assert found["a"].total_float_minutes == 3 * DAY


def test_a_begun_task_asks_its_predecessors_to_be_done_when_it_resumes() -> None:
    ahead = started("b", 4, resume="7 08:00", done=2)
    found = scheduled(plan([task("a"), ahead, task("long", 9)], [Link("a", "b")]))
    assert late(found["a"]) == ("6 08:00", "6 17:00")
    computed = replace(ahead, resume=None)
    assert late(scheduled(plan([task("a"), computed, task("long", 9)], [Link("a", "b")]))["a"]) == (
        "6 08:00",
        "6 17:00",
    )


@pytest.mark.parametrize("resume", ["6 08:00", None])
def test_links_hold_back_what_remains_of_a_task_that_began_too_soon(resume: str | None) -> None:
    tasks = [task("a", 4), started("b", 2, resume=resume, done=1)]
    found = scheduled(plan(tasks, [Link("a", "b")]))
    assert early(found["b"]) == ("5 08:00", "9 17:00")
    assert late(found["a"]) == early(found["a"]) == ("5 08:00", "8 17:00")
    assert (found["a"].total_float_minutes, found["b"].total_float_minutes) == (0, 0)
    whole = replace(plan(tasks, [Link("a", "b")]), conventions=Conventions(progress=ProgressMode.PROGRESS_OVERRIDE))
    found = scheduled(whole)
    assert early(found["b"]) == ("5 08:00", "6 17:00")
    assert (late(found["a"]), found["a"].total_float_minutes) == (early(found["a"]), 0)  # nobody waits for it


def test_the_start_of_a_begun_task_is_held_by_no_late_date() -> None:
    tasks = [started("a", 5, resume="6 08:00", done=1), task("b"), task("long", 9)]
    found = scheduled(plan(tasks, [Link("a", "b", SS), Link("b", "long", FS, -9 * DAY)]))
    assert found["a"].total_float_minutes == 4 * DAY


def test_a_summary_of_done_tasks_is_done() -> None:
    done = replace(task("x"), parent_source_id="phase", actual_start=at("5 08:00"), actual_finish=at("5 17:00"))
    found = scheduled(plan([task("phase"), done, task("long", 9)]))
    assert (found["phase"].total_float_minutes, found["phase"].is_critical) == (0, False)


def test_a_finish_milestone_lies_at_the_end_of_work_also_where_the_project_ends_at_night() -> None:
    night = replace(task("night"), calendar_source_id="24", duration_minutes=1200)
    milestone = replace(task("end", 0), activity_type=ActivityType.FINISH_MILESTONE)
    found = scheduled(plan([night, task("a"), milestone], [Link("a", "end")]))
    assert early(found["night"])[1] == "6 04:00"
    assert early(found["end"]) == late(found["end"]) == ("5 17:00", "5 17:00")


def test_a_task_scheduled_by_hand_lies_where_it_began() -> None:
    by_hand = replace(task("a", 2), is_manual=True, start=at("7 08:00"), finish=at("9 17:00"))
    assert early(scheduled(plan([by_hand]))["a"]) == ("7 08:00", "9 17:00")
    assert early(scheduled(plan([replace(by_hand, actual_start=at("7 08:00"))]))["a"]) == ("7 08:00", "9 17:00")
    assert early(scheduled(plan([replace(by_hand, actual_start=at("5 08:00"))]))["a"]) == ("5 08:00", "6 17:00")
