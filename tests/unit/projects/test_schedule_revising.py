"""A revised schedule is that of the whole plan, and so are its sums, whatever changed and however often."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from services.projects.domain.conventions import MICROSOFT_PROJECT, PRIMAVERA, CriticalBy, FloatType, LagCalendar
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
from services.projects.domain.rollups import add_up, roll_up
from services.projects.domain.schedule import DependencyCycle, critical_path
from services.projects.domain.schedule.critical_path import schedule_of
from services.projects.domain.schedule.relinking import Relinked
from services.projects.domain.schedule.revising import Basis, revise
from services.projects.domain.schedule.solving import solve
from shared.working_time import moment_of
from tests.unit.projects.schedule_support import at, plan, task

RESOURCES: Final = (Resource("bob", "Bob", calendar_source_id="no-mondays"), Resource("ann", "Ann"))
DATED: Final = tuple(kind for kind in ConstraintType if not kind.value.startswith("as_"))
Change = Callable[[random.Random, Task], Task]


def moment(chance: random.Random) -> datetime:
    """An hour of the plan's first weeks, worked or not."""
    return at("5 08:00") + timedelta(hours=chance.randint(-48, 24 * 18))


def bound(chance: random.Random, one: Task) -> Task:
    kind = chance.choice((*DATED, ConstraintType.AS_SOON_AS_POSSIBLE))
    return replace(one, constraint_type=kind, constraint_date=moment(chance))


def begun(chance: random.Random, one: Task) -> Task:
    done = chance.randint(0, one.duration_minutes)
    return replace(
        one,
        actual_start=moment(chance),
        actual_finish=None,
        actual_duration_minutes=done,
        remaining_duration_minutes=chance.choice((None, one.duration_minutes - done)),
        resume=chance.choice((None, moment(chance))),
    )


def done(chance: random.Random, one: Task) -> Task:
    first, last = sorted((moment(chance), moment(chance)))
    return replace(one, actual_start=chance.choice((None, first)), actual_finish=last)


CHANGES: Final[tuple[Change, ...]] = (
    lambda chance, one: replace(one, duration_minutes=60 * chance.randint(0, 40)),
    lambda chance, one: replace(one, duration_minutes=one.duration_minutes + 60 * chance.choice((1, 8))),
    lambda chance, one: replace(one, duration_minutes=max(one.duration_minutes - 60, 0)),
    lambda chance, one: replace(one, name=f"{one.name}'", cost=one.cost + 1),
    bound,
    lambda chance, one: replace(one, deadline=chance.choice((None, moment(chance)))),
    lambda chance, one: replace(one, leveling_delay_minutes=chance.choice((0, 60, 1440))),
    lambda chance, one: replace(one, external_early_start=chance.choice((None, moment(chance)))),
    lambda chance, one: replace(one, external_late_finish=chance.choice((None, moment(chance)))),
    lambda chance, one: replace(one, external_late_start=chance.choice((None, moment(chance)))),
    lambda chance, one: replace(
        one, secondary_constraint_type=chance.choice(DATED), secondary_constraint_date=moment(chance)
    ),
    begun,
    done,
    lambda chance, one: replace(one, actual_start=None, actual_finish=None, resume=None),
    lambda chance, one: replace(one, is_manual=not one.is_manual, start=moment(chance), finish=moment(chance)),
    lambda chance, one: replace(one, is_active=not one.is_active),
    lambda chance, one: replace(one, calendar_source_id=chance.choice((None, "24", "no-mondays"))),
    lambda chance, one: replace(one, is_elapsed_duration=not one.is_elapsed_duration),
    lambda chance, one: replace(one, is_fixed_duration=not one.is_fixed_duration),
    lambda chance, one: replace(
        one, activity_type=chance.choice((ActivityType.START_MILESTONE, ActivityType.FINISH_MILESTONE))
    ),
    lambda chance, one: replace(one, constraint_type=ConstraintType.AS_LATE_AS_POSSIBLE),
    lambda chance, one: replace(one, expected_finish=moment(chance)),
)
OFTEN: Final = (*CHANGES[:13] * 3, *CHANGES)
"""The first kinds three times as often: the last ones are rare, and have the whole plan computed."""


def made(chance: random.Random, most: int = 30) -> Plan:
    """A plan that can be scheduled: links between a summary and what is below it close loops."""
    while True:
        found = drawn(chance, most)
        with suppress(DependencyCycle):
            solve(found)
            return found


def drawn(chance: random.Random, most: int) -> Plan:
    """A plan with branches, links of every kind, and tasks that are bound, begun, done or nobody's."""
    tasks: list[Task] = []
    above: list[str] = []
    for number in range(chance.randint(4, most)):
        one = task(str(number), chance.choice((0, 0.25, 0.5, 1, 2, 3)))
        while above and chance.random() < 0.3:
            above.pop()
        if above:
            one = replace(one, parent_source_id=above[-1])
        elif chance.random() < 0.3 or (above and chance.random() < 0.1):
            above.append(one.source_id)
        if chance.random() < 0.3:
            one = chance.choice(CHANGES[4:19])(chance, one)
        tasks.append(one)
    links = []
    whole = chance.random() < 0.7
    for _ in range(chance.randint(0, 2 * len(tasks))):
        before, after = sorted(chance.sample(range(len(tasks)), 2))
        unit = LagUnit.WORKING if whole else chance.choice(tuple(LagUnit))
        lag = 60 * chance.randint(-8, 8) if unit in {LagUnit.WORKING, LagUnit.ELAPSED} else chance.randint(-50, 120)
        on = chance.choice((None, None, *LagCalendar))
        kind = chance.choice((LinkType.FINISH_TO_START, LinkType.FINISH_TO_START, *LinkType))
        links.append(Link(str(before), str(after), kind, chance.choice((0, lag)), unit, on))
    assignments = [
        Assignment(f"{number}-{name}", str(number), name, Decimal(1), 60 * chance.randint(0, 30))
        for number in range(len(tasks))
        for name in ("bob", "ann")
        if chance.random() < 0.15
    ]
    conventions = MICROSOFT_PROJECT
    if chance.random() < 0.2:
        conventions = chance.choice(
            (
                PRIMAVERA,
                replace(conventions, honors_constraints=False),
                replace(conventions, float_type=chance.choice(tuple(FloatType))),
                replace(conventions, critical_float_minutes=480),
                replace(conventions, critical_by=CriticalBy.LONGEST_PATH),
                replace(conventions, open_ends_critical=True),
            )
        )
    found = replace(plan(tasks, links), resources=RESOURCES, assignments=tuple(assignments), conventions=conventions)
    return replace(found, must_finish=at("30 17:00")) if chance.random() < 0.3 else found


def changed(chance: random.Random, before: Plan) -> tuple[Plan, list[int], Relinked]:
    """The plan with some tasks and links that are other than they were, and which."""
    tasks, nodes = list(before.tasks), chance.sample(range(len(before.tasks)), chance.choice((0, 1, 1, 2, 3)))
    for node in nodes:
        tasks[node] = chance.choice(OFTEN)(chance, tasks[node])
    links, gone, new = list(before.links), list[Link](), list[Link]()
    for _ in range(chance.choice((0, 0, 1, 2))):
        ends = chance.sample([each.source_id for each in tasks], 2)  # may close a loop
        new.append(Link(ends[0], ends[1], chance.choice(tuple(LinkType)), chance.choice((0, 60, -60, 600))))
    if links and chance.random() < 0.3:
        gone.append(links.pop(chance.randrange(len(links))))
        if chance.random() < 0.5:
            new.append(replace(gone[0], lag=gone[0].lag + 60, type=chance.choice(tuple(LinkType))))
    return replace(before, tasks=tuple(tasks), links=(*links, *new)), sorted(nodes), Relinked(gone, new)


def follow(chance: random.Random, rounds: int = 8) -> tuple[int, int]:
    """Change a plan again and again, each revision of the one before; returns those of tasks alone, and of links."""
    first = made(chance)
    present, shown = Basis(first, solve(first)), [*critical_path(first).tasks]
    sums, rolled = add_up(first), roll_up(first, critical_path(first))
    revised = [0, 0]
    for _ in range(rounds):
        after, nodes, relinked = changed(chance, present.plan)
        found = revise(present, after, nodes, relinked)
        try:
            whole = critical_path(after)
        except DependencyCycle:
            assert found is None
            continue
        if found is None:
            present, shown = Basis(after, solve(after)), [*whole.tasks]
            sums, rolled = add_up(after), roll_up(after, whole)
            continue
        revised[bool(relinked)] += 1
        present = found.basis
        for node, each in found.tasks.items():
            shown[node] = each
        assert tuple(shown) == whole.tasks
        sums = sums.after(after.tasks, found.tasks.keys())
        for node, total in zip(found.tasks, sums.rolled(found.tasks.items()), strict=True):
            rolled[node] = total
        assert rolled == roll_up(after, whole)
        assert sums.percent_complete == add_up(after).percent_complete
        assert moment_of(present.solved.network.floor) == whole.project_start
        assert moment_of(present.solved.horizon) == whole.project_finish
    return revised[0], revised[1]


@pytest.mark.parametrize("seed", range(12))
def test_revisions_of_any_plan_are_what_the_whole_gives(seed: int) -> None:
    chance = random.Random(seed)
    of_tasks = of_links = 0
    for _ in range(60):
        tasks, links = follow(chance)
        of_tasks, of_links = of_tasks + tasks, of_links + links
    assert min(of_tasks, of_links) > 20


def test_what_is_revised_is_left_as_it_was() -> None:
    chance = random.Random(3)
    done = 0
    for _ in range(40):
        first = made(chance, most=12)
        before = Basis(first, solve(first))
        shown = schedule_of(first, before.solved)
        done += sum(revise(before, *changed(chance, first)) is not None for _ in range(10))
        assert schedule_of(first, before.solved) == shown == critical_path(first)
    assert done > 40
