"""What holds of every network."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.projects.domain.plan import (
    ActivityType,
    Assignment,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Resource,
    Task,
)
from services.projects.domain.schedule import ScheduledTask, critical_path
from services.projects.domain.schedule.effort import ALWAYS, Calendars
from shared.working_time import minute_of
from tests.unit.projects.schedule_support import FF, FS, SF, SS, plan

RESOURCES = (Resource("bob", "Bob", calendar_source_id="no-mondays"), Resource("ann", "Ann"))


@st.composite
def tasks(draw: st.DrawFn, *, calendars: bool) -> list[Task]:
    """Up to eight tasks in hours, some without duration."""
    durations = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8))
    drawn = [Task(str(at), at, str(at), duration_minutes=60 * hours) for at, hours in enumerate(durations)]
    if not calendars:
        return drawn
    kinds = st.sampled_from(("", "24", "no-mondays", "elapsed"))
    return [
        replace(each, is_elapsed_duration=True)
        if (kind := draw(kinds)) == "elapsed"
        else replace(each, calendar_source_id=kind or None)
        for each in drawn
    ]


@st.composite
def networks(draw: st.DrawFn, *, calendars: bool = True, units: bool = True, crew: int = 2) -> Plan:
    """Tasks with links from earlier ones to later ones, of all types, with lags and leads, and up to two resources."""
    drawn = draw(tasks(calendars=calendars))
    links = []
    if len(drawn) > 1:
        for after in draw(st.lists(st.integers(1, len(drawn) - 1), max_size=12)):
            before = draw(st.integers(0, after - 1))
            unit = draw(st.sampled_from(LagUnit)) if units else LagUnit.WORKING
            lag = draw(st.integers(-10, 10)) * (60 if unit in {LagUnit.WORKING, LagUnit.ELAPSED} else 20)
            links.append(Link(str(before), str(after), draw(st.sampled_from(LinkType)), lag, unit))
    assignments = []
    if calendars:
        for at, names in enumerate(
            draw(st.lists(st.sets(st.sampled_from(("bob", "ann")), max_size=crew), max_size=len(drawn)))
        ):
            work = draw(st.integers(0, 40)) * 60
            assignments += [Assignment(f"{at}-{name}", str(at), name, Decimal(1), work) for name in sorted(names)]
    return replace(plan(drawn, links), resources=RESOURCES, assignments=tuple(assignments))


def by_name(network: Plan) -> dict[str, ScheduledTask]:
    return {each.source_id: each for each in critical_path(network).tasks}


def slack_of_link(network: Plan, link: Link) -> int:
    """Minutes, where the successor works, by which it clears the link."""
    found, named, calendars = by_name(network), {each.source_id: each for each in network.tasks}, Calendars(network)
    before, after = found[link.predecessor], found[link.successor]
    predecessor, successor = named[link.predecessor], named[link.successor]
    lag, elapsed = link.lag, link.lag_unit in {LagUnit.ELAPSED, LagUnit.ELAPSED_PERCENT}
    if link.lag_unit in {LagUnit.PERCENT, LagUnit.ELAPSED_PERCENT}:
        lag = (predecessor.duration_minutes * lag + 50) // 100
        elapsed = elapsed or predecessor.is_elapsed_duration
    begin = before.early_finish if link.type in {FS, FF} else before.early_start
    end = after.early_start if link.type in {FS, SS} else after.early_finish
    bound = (ALWAYS if elapsed else calendars.of_task(successor)).add(minute_of(begin), lag)
    working = calendars.effort(successor)
    parts = [calendar for calendar, _ in working.shares] or [working.working]
    return max(calendar.working_minutes(bound, minute_of(end)) for calendar in parts)


@settings(deadline=None)
@given(networks())
def test_no_activity_lies_before_its_links_allow(network: Plan) -> None:
    assert all(slack_of_link(network, link) >= 0 for link in network.links)


@settings(deadline=None)
@given(networks(crew=1))
def test_floats_are_not_negative_and_free_float_is_within_total_float(network: Plan) -> None:
    for each in critical_path(network).tasks:
        assert each.total_float_minutes >= each.free_float_minutes >= 0


@settings(deadline=None)
@given(networks())
def test_tasks_lie_within_the_project_and_something_finishes_with_it(network: Plan) -> None:
    schedule = critical_path(network)
    for each in schedule.tasks:
        assert schedule.project_start <= each.early_start <= each.early_finish <= schedule.project_finish
        assert each.late_start <= each.late_finish <= schedule.project_finish
    assert max(each.early_finish for each in schedule.tasks) == schedule.project_finish


@settings(deadline=None)
@given(networks(), st.data())
def test_another_link_never_makes_the_project_shorter(network: Plan, data: st.DataObject) -> None:
    before = critical_path(network).project_finish
    names = [each.source_id for each in network.tasks]
    first, second = sorted(data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2)), key=int)
    if first != second:
        more = (*network.links, Link(first, second, data.draw(st.sampled_from(LinkType))))
        assert critical_path(replace(network, links=more)).project_finish >= before


@settings(deadline=None)
@given(networks(), st.data())
def test_the_order_of_tasks_and_links_does_not_matter(network: Plan, data: st.DataObject) -> None:
    shuffled = replace(
        network,
        tasks=tuple(data.draw(st.permutations(network.tasks))),
        links=tuple(data.draw(st.permutations(network.links))),
    )
    assert by_name(shuffled) == by_name(network)


@settings(deadline=None)
@given(networks(calendars=False, units=False))
def test_a_task_can_slip_by_its_total_float_and_no_further(network: Plan) -> None:
    finish = critical_path(network).project_finish
    calendar = Calendars(network).project
    for each, found in zip(network.tasks, critical_path(network).tasks, strict=True):
        if not each.duration_minutes:
            continue
        slipped = [
            replace(task, constraint_type=ConstraintType.START_NO_EARLIER_THAN, constraint_date=found.late_start)
            if task.source_id == each.source_id
            else task
            for task in network.tasks
        ]
        later = critical_path(replace(network, tasks=tuple(slipped))).project_finish
        assert calendar.working_minutes(minute_of(finish), minute_of(later)) == 0


@settings(deadline=None)
@given(networks(calendars=False, units=False))
def test_a_network_around_the_clock_has_the_longest_path_as_its_length(network: Plan) -> None:
    clock = replace(network, calendar_source_id="24", assignments=())
    start: dict[str, int] = {}
    finish: dict[str, int] = {}
    for task in clock.tasks:
        bounds = [0]
        for link in clock.links:
            if link.successor == task.source_id:
                origin = finish[link.predecessor] if link.type in {FS, FF} else start[link.predecessor]
                bounds.append(origin + link.lag - (task.duration_minutes if link.type in {FF, SF} else 0))
        start[task.source_id] = max(bounds)
        finish[task.source_id] = start[task.source_id] + task.duration_minutes
    schedule = critical_path(clock)
    origin = minute_of(schedule.project_start)
    assert {each.source_id: minute_of(each.early_start) - origin for each in schedule.tasks} == start
    assert minute_of(schedule.project_finish) - origin == max(finish.values())


@settings(deadline=None)
@given(networks(), st.data())
def test_a_hammock_spans_what_it_is_linked_to_and_holds_nobody(network: Plan, data: st.DataObject) -> None:
    """Around the clock, so that its ends are those of others to the minute."""
    names = [task.source_id for task in network.tasks]
    first, last = (data.draw(st.sets(st.sampled_from(names), min_size=1)) for _ in range(2))
    position = len(network.tasks)
    watch = Task(
        "watch", position, "Watch", activity_type=ActivityType.LEVEL_OF_EFFORT, calendar_source_id="24", outline_level=1
    )
    links = [*(Link(name, "watch", SS) for name in first), *(Link("watch", name, FF) for name in last)]
    found = by_name(replace(network, tasks=(*network.tasks, watch), links=(*network.links, *links)))
    alone = by_name(network)
    hammock = found.pop("watch")
    assert found == alone
    begins = min(alone[name].early_start for name in first)
    assert hammock.early_start == begins
    assert hammock.early_finish == max(begins, *(alone[name].early_finish for name in last))
    assert not hammock.is_critical
