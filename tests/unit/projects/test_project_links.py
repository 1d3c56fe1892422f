"""Links between projects: projects that follow each other lie where one plan of all their tasks would put them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.projects.domain.conventions import LagCalendar
from services.projects.domain.impact import calendar_of, moves, slipped
from services.projects.domain.plan import ConstraintType, LagUnit, Link, LinkType, Plan
from services.projects.domain.project_links import TO_START, Incoming, Outgoing, bounded, bounds_of, limited
from services.projects.domain.schedule import Schedule, critical_path
from shared.working_time import minute_of
from tests.unit.projects.schedule_support import at, plan, task

PROJECTS, TASKS = 3, 4
NOBODY = UUID(int=0)
DATES = ("early_start", "early_finish", "late_start", "late_finish")


class Across(NamedTuple):
    """A link from one task to a later one, whatever projects they are of."""

    before: int
    after: int
    type: LinkType
    lag: int
    is_elapsed: bool

    def link(self) -> Link:
        """As a link within a plan."""
        unit = LagUnit.ELAPSED if self.is_elapsed else LagUnit.WORKING
        return Link(str(self.before), str(self.after), self.type, self.lag, unit, LagCalendar.PROJECT)


LINKS = st.lists(
    st.builds(
        Across,
        st.integers(0, PROJECTS * TASKS - 1),
        st.integers(0, PROJECTS * TASKS - 1),
        st.sampled_from(LinkType),
        st.sampled_from((0, 0, 60, 480, 1000, -120)),
        st.booleans(),
    )
    .filter(lambda link: link.before < link.after)
    .filter(lambda link: link.type in TO_START or (not link.is_elapsed and link.lag)),
    max_size=14,
)
"""What asks a finish to lie in a break is left out: within a project alone may it lie there."""


def project_of(number: int) -> int:
    """Tasks are dealt out, so that projects follow each other both ways while no task waits for itself."""
    return number % PROJECTS


def settle(plans: Sequence[Plan], across: Sequence[Across]) -> list[Schedule]:
    """Schedule each project, again and again, by what the others say at the time, until none moves."""
    schedules = [critical_path(each) for each in plans]
    left: list[Outgoing] = []
    for _ in range(2 * PROJECTS * TASKS + 1):
        dates = {each.source_id: each for schedule in schedules for each in schedule.tasks}
        new, leaving = [], []
        for number, each in enumerate(plans):
            asked = [
                Incoming(
                    UUID(int=n),
                    NOBODY,
                    NOBODY,
                    str(link.after),
                    link.type,
                    link.lag,
                    link.is_elapsed,
                    dates[str(link.before)].start,
                    dates[str(link.before)].finish,
                )
                for n, link in enumerate(across)
                if project_of(link.after) == number
            ]
            own = [link for link in left if project_of(int(link.predecessor)) == number]
            asking = limited(bounded(each, asked, calendar_of(each)), own)
            new.append(critical_path(asking))
            for n, bound in bounds_of(asked, asking, new[-1]).items():
                if bound.latest is not None:
                    link = across[n.int]
                    leaving.append(Outgoing(n, str(link.before), link.type, bound.latest))
        if new == schedules and leaving == left:
            return schedules
        schedules, left = new, leaving
    raise AssertionError("the projects go on moving each other")


@settings(max_examples=300)
@given(LINKS, st.lists(st.integers(0, 5), min_size=PROJECTS * TASKS, max_size=PROJECTS * TASKS))
def test_projects_that_follow_each_other_lie_as_one_plan_would(links: list[Across], halves: list[int]) -> None:
    tasks = [task(str(number), half / 2) for number, half in enumerate(halves)]
    inside = [link for link in links if project_of(link.before) == project_of(link.after)]
    across = [link for link in links if link not in inside]
    plans = [
        plan(
            tasks[number::PROJECTS],
            [link.link() for link in inside if project_of(link.before) == number],
        )
        for number in range(PROJECTS)
    ]
    calendar = calendar_of(plans[0])
    schedules = settle(plans, across)
    ends = [schedule.project_finish for schedule in schedules]
    bound = [replace(each, deadline=ends[project_of(int(each.source_id))]) for each in tasks]
    whole = {each.source_id: each for each in critical_path(plan(bound, [link.link() for link in links])).tasks}
    for schedule in schedules:
        for each in schedule.tasks:
            one = whole[each.source_id]
            pairs = [(getattr(each, name), getattr(one, name)) for name in DATES]
            # Friday 17:00 is Monday 08:00: where a break begins or ends is the same in working time.
            off = [calendar.working_minutes(minute_of(here), minute_of(there)) for here, there in pairs]
            assert off == [0, 0, 0, 0], each.source_id


@settings(max_examples=100)
@given(LINKS, st.sets(st.integers(0, PROJECTS * TASKS - 1)))
def test_projects_come_to_rest_whatever_is_to_lie_late(links: list[Across], late: set[int]) -> None:
    kinds = dict.fromkeys(late, ConstraintType.AS_LATE_AS_POSSIBLE)
    tasks = [
        replace(task(str(number)), constraint_type=kinds.get(number, ConstraintType.AS_SOON_AS_POSSIBLE))
        for number in range(PROJECTS * TASKS)
    ]
    inside = [link for link in links if project_of(link.before) == project_of(link.after)]
    plans = [
        plan(tasks[number::PROJECTS], [link.link() for link in inside if project_of(link.before) == number])
        for number in range(PROJECTS)
    ]
    settle(plans, [link for link in links if link not in inside])


@pytest.mark.parametrize(
    ("fields", "latest"),
    [
        ({}, "6 08:00"),
        ({"leveling_delay_minutes": 480}, "6 00:00"),
        ({"actual_start": at("5 08:00")}, None),
        ({"is_active": False}, None),
    ],
    ids=["open", "put off", "begun", "inactive"],
)
def test_what_a_link_leaves_its_predecessor(fields: dict[str, object], latest: str | None) -> None:
    made = plan([replace(task("a"), **fields), task("long", 2)])  # type: ignore[arg-type]
    finish = at("5 08:00")
    asked = [Incoming(NOBODY, NOBODY, NOBODY, "a", LinkType.FINISH_TO_START, 0, False, finish, finish)]
    asking = bounded(made, asked, calendar_of(made))
    (bound,) = bounds_of(asked, asking, critical_path(asking)).values()
    assert bound.latest == (None if latest is None else at(latest))


def test_of_several_links_the_one_that_asks_most_drives() -> None:
    made = plan([task("a"), task("b")])

    def link(number: int, day: str) -> Incoming:
        finish = at(f"{day} 17:00")
        return Incoming(UUID(int=number), NOBODY, NOBODY, "a", LinkType.FINISH_TO_START, 0, False, finish, finish)

    asked = [link(1, "6"), link(2, "7"), link(3, "7")]
    calendar = calendar_of(made)
    asking = bounded(made, asked, calendar)
    schedule = critical_path(asking)
    assert schedule.tasks[0].early_start == at("8 08:00")
    found = bounds_of(asked, asking, schedule)
    assert {key.int: bound.is_driving for key, bound in found.items()} == {1: False, 2: True, 3: True}
    begun = replace(asking, tasks=(replace(asking.tasks[0], actual_start=at("5 08:00")), asking.tasks[1]))
    assert not any(each.is_driving for each in bounds_of(asked, begun, critical_path(begun)).values())


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({}, "6 17:00"),
        ({"actual_start": at("5 08:00"), "remaining_duration_minutes": 480}, "6 17:00"),
        ({"actual_start": at("5 08:00"), "actual_finish": at("5 17:00")}, "5 17:00"),
        ({"is_manual": True, "start": at("5 08:00"), "finish": at("5 17:00")}, "6 17:00"),
    ],
    ids=["open", "begun", "done", "by hand"],
)
def test_what_slips_is_what_is_still_open(fields: dict[str, object], finish: str) -> None:
    made = plan([replace(task("a"), **fields)])  # type: ignore[arg-type]
    before = critical_path(made)
    after = critical_path(slipped(made, "a", 480, before))
    assert after.tasks[0].finish == at(finish)
    assert len(moves(made, before, after)) == (finish != "5 17:00")
