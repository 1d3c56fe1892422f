"""Earned value by each task's technique, as of any instant: worked examples, bounds, and what follows from a base."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.kpi.domain.moments import HistoryInterval
from services.kpi.service.metrics import Series, metrics_over_time
from services.projects.domain.ev_techniques import EvTechnique
from services.projects.domain.plan import Task
from services.projects.service.stating import Stated
from shared.db import Context
from shared.types import Money
from tests.service.kpi.story import Story, fortnight, instant, later, moment, plan, task

TECHNIQUE: Any = TypeAdapter(EvTechnique)
MONDAY, FRIDAY = moment("2026-03-02T08:00"), moment("2026-03-06T17:00")


def technique(kind: str, **more: object) -> EvTechnique:
    """A technique."""
    found: EvTechnique = TECHNIQUE.validate_python({"kind": kind, **more})
    return found


def untouched(**more: Any) -> tuple[Task, ...]:
    """A fortnight of which nothing is known: 10,000 in the first week, 10,000 in the second."""
    return (
        task("1", "2026-03-02T08:00", "2026-03-06T17:00", "10000.00", **more),
        task("2", "2026-03-09T08:00", "2026-03-13T17:00", "10000.00"),
    )


async def earning(story: Story, given_: EvTechnique, **changes: object) -> Any:
    """The fortnight, whose first task earns by a technique."""
    project_id = await story.bring(plan(untouched()))
    await story.change_task(project_id, "1", ev_technique=given_, **changes)
    return project_id


async def earned(story: Story, project_id: Any, as_of: datetime) -> str | None:
    """EV as of an instant."""
    return (await story.figures(project_id, "earned_value", as_of=as_of))[0]


@pytest.mark.parametrize(
    ("kind", "more", "begun"),
    [
        ("zero_hundred", {}, "0.00"),
        ("fifty_fifty", {}, "5000.00"),
        ("split", {"start_percent": Decimal(25)}, "2500.00"),
        ("split", {"start_percent": Decimal("33.33")}, "3333.00"),
    ],
)
async def test_a_split_is_earned_at_start_and_finish(story: Story, kind: str, more: Any, begun: str) -> None:
    project_id = await earning(story, technique(kind, **more))
    await story.push(project_id, "1", later(1), 0)
    await story.push(project_id, "1", later(2), 1)
    await story.push(project_id, "1", later(3), 99)
    await story.push(project_id, "1", later(4), 100)
    await story.tell(project_id)
    found = [await earned(story, project_id, later(hours)) for hours in (1, 2, 3, 4)]
    assert found == ["0.00", begun, begun, "10000.00"]


async def test_an_actual_start_is_a_start_though_nothing_is_complete(story: Story) -> None:
    project_id = await earning(story, technique("fifty_fifty"))
    await story.push(project_id, "1", later(1), actual_start=MONDAY)
    await story.tell(project_id)
    assert await earned(story, project_id, later(1)) == "5000.00"


async def test_milestones_earn_their_weight_from_the_day_that_they_are_achieved(story: Story) -> None:
    """Three steps of 1, 2 and 1 part: 25 %, then 75 %; the last is not achieved."""
    steps = [
        {"name": "design", "weight": 1, "achieved_at": later(1).isoformat()},
        {"name": "build", "weight": 2, "achieved_at": later(30).isoformat()},
        {"name": "test", "weight": 1},
    ]
    project_id = await earning(story, technique("weighted_milestones", milestones=steps))
    await story.tell(project_id)
    found = [await earned(story, project_id, later(hours)) for hours in (0, 1, 29, 30)]
    assert found == ["0.00", "2500.00", "2500.00", "7500.00"]
    assert (await story.kpis(project_id)).as_of == later(30)


async def test_units_earn_their_share_and_no_more_than_all(story: Story) -> None:
    project_id = await earning(story, technique("units", planned=Decimal(8)))
    for hours, units in ((1, 1), (2, 6), (3, 9)):
        await story.push(project_id, "1", later(hours), units_done=Decimal(units))
    await story.push(project_id, "1", later(4), 40)  # says nothing of the units
    await story.tell(project_id)
    found = [await earned(story, project_id, later(hours)) for hours in (1, 2, 3, 4)]
    assert found == ["1250.00", "7500.00", "10000.00", "10000.00"]


async def test_the_basis_says_which_percent_counts(story: Story) -> None:
    for basis, expected in (("duration", "6000.00"), ("units", "3000.00"), ("physical", "1000.00")):
        project_id = await earning(story, technique("percent_complete", basis=basis))
        figures: Any = {"percent_work_complete": Decimal(30), "physical_percent_complete": Decimal(10)}
        await story.push(project_id, "1", later(1), 60, **figures)
        await story.tell(project_id)
        assert await earned(story, project_id, later(1)) == expected


async def test_level_of_effort_earns_what_is_planned(story: Story) -> None:
    """The first week passes by itself; the index without it tells that of the second nothing was done."""
    project_id = await earning(story, technique("level_of_effort"))
    await story.push(project_id, "1", instant("2026-03-03T17:00"), 100)  # time tells, whatever is stated
    await story.push(project_id, "2", instant("2026-03-09T12:00"), 0)
    await story.tell(project_id)
    names = ("earned_value", "planned_value", "schedule_performance_index_discrete", "earned_value_coverage")
    tuesday = await story.figures(project_id, *names, as_of=instant("2026-03-03T17:00"))
    assert tuesday == ["4000.00", "4000.00", "no_progress_reported", "50.000000"]
    next_tuesday = await story.figures(project_id, *names, as_of=instant("2026-03-10T17:00"))
    assert next_tuesday == ["10000.00", "14000.00", "0.000000", "100.000000"]


async def test_a_hammock_is_level_of_effort_by_default(story: Story) -> None:
    project_id = await story.bring(plan(untouched(ev_technique=technique("level_of_effort"))))
    await story.tell(project_id)
    assert await earned(story, project_id, instant("2026-03-04T17:00")) == "6000.00"


async def test_apportioned_effort_earns_the_part_that_its_base_has(story: Story) -> None:
    rows = (*untouched(), task("3", "2026-03-02T08:00", "2026-03-06T17:00", "500.00"))
    project_id = await story.bring(plan(rows))
    first, second = await story.task_id(project_id, "1"), await story.task_id(project_id, "2")
    await story.change_task(project_id, "1", ev_technique=technique("units", planned=Decimal(4)))
    await story.change_task(project_id, "2", ev_technique=technique("apportioned", base_task_id=first))
    await story.change_task(project_id, "3", ev_technique=technique("apportioned", base_task_id=second))
    await story.push(project_id, "1", later(1), units_done=Decimal(1))
    await story.tell(project_id)
    assert await earned(story, project_id, later(1)) == "5125.00"  # a quarter of all three
    await story.delete_task(project_id, "1")
    await story.tell(project_id)
    figures = await story.figures(project_id, "earned_value", "tasks_without_technique")
    assert figures == ["no_progress_reported", "0"]  # the second earns as the project's tasks do
    await story.push(project_id, "2", later(2), 50)
    await story.tell(project_id)
    assert await earned(story, project_id, later(2)) == "5250.00"  # half of it and of the third


async def test_the_projects_default_holds_where_a_task_says_nothing(story: Story) -> None:
    project_id = await story.bring(plan(fortnight(60)))
    await story.change_task(project_id, "2", ev_technique=technique("percent_complete"))
    await story.push(project_id, "2", later(1), 30)
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", "tasks_without_technique") == ["9000.00", "0"]
    await story.patch(project_id, default_ev_technique="fifty_fifty")
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", "tasks_without_technique") == ["8000.00", "0"]
    await story.patch(project_id, default_ev_technique="none")
    await story.tell(project_id)
    names = ("earned_value", "tasks_without_technique", "earned_value_coverage")
    assert await story.figures(project_id, *names) == ["3000.00", "1", "50.000000"]


async def test_tasks_without_a_budget_are_told(story: Story) -> None:
    rows = (*untouched(), task("3", "2026-03-02T08:00", "2026-03-06T17:00", None), task("4", None, None, None),
            task("5", "2026-03-06T17:00", "2026-03-06T17:00", None))  # fmt: skip
    project_id = await story.bring(plan((*rows[:3], rows[4])))
    await story.tell(project_id)
    assert await story.figures(project_id, "tasks_without_budget") == ["1"]


async def test_what_is_stated_later_of_the_past_changes_the_past_alone(story: Story) -> None:
    project_id = await earning(story, technique("percent_complete", basis="physical"))
    await story.push(project_id, "1", later(10), 50, physical_percent_complete=Decimal(40))
    await story.push(project_id, "1", later(5), 20, physical_percent_complete=Decimal(10))
    await story.push(project_id, "1", later(7), 30)  # nothing of the physical result
    await story.tell(project_id)
    found = [await earned(story, project_id, later(hours)) for hours in (4, 5, 7, 10)]
    assert found == ["no_progress_reported", "1000.00", "1000.00", "4000.00"]


async def test_the_same_instant_again_keeps_what_is_not_said_anew(story: Story) -> None:
    project_id = await earning(story, technique("percent_complete", basis="physical"))
    await story.push(project_id, "1", later(1), physical_percent_complete=Decimal(40))
    await story.push(project_id, "1", later(1), 70)
    await story.tell(project_id)
    assert await earned(story, project_id, later(1)) == "4000.00"


async def test_what_is_stated_of_many_tasks_at_once_is_heard_as_if_stated_singly(story: Story) -> None:
    """The same facts, in one chunked event and in events of their own, also heard in any order."""
    projects = [await story.bring(plan(untouched())) for _ in range(2)]
    stated = [("1", 1, 20), ("2", 1, 5), ("1", 3, 60), ("1", 2, 40), ("2", 3, 30), ("1", 3, 70)]
    for uid, hours, percent in sorted(stated, key=lambda each: each[1]):
        await story.push(projects[0], uid, later(hours), percent, "10.00")
    cost = Money.model_validate({"amount": "10.00", "currency": "EUR"})
    items = [
        Stated(
            "source_id",
            uid,
            {"percent_complete": Decimal(percent), "actual_cost": cost, "progress_at": later(hours)},
        )
        for uid, hours, percent in stated
    ]
    await story.state(projects[1], *items)
    events = await story.events(projects[1])
    assert [event.type for event in events if "progressed" in event.type] == []
    await story.tell(projects[0])
    await story.hear(reversed(events))
    names = ("earned_value", "actual_cost", "earned_value_coverage")
    for hours in range(4):
        one, two = [await story.figures(key, *names, as_of=later(hours)) for key in projects]
        assert one == two
    assert await earned(story, projects[1], later(3)) == "10000.00"


KINDS = st.one_of(
    st.sampled_from(["zero_hundred", "fifty_fifty", "level_of_effort", "percent_complete"]).map(technique),
    st.integers(0, 100).map(lambda part: technique("split", start_percent=Decimal(part))),
    st.sampled_from(["duration", "units", "physical"]).map(lambda basis: technique("percent_complete", basis=basis)),
    st.integers(1, 7).map(lambda planned: technique("units", planned=Decimal(planned))),
    st.lists(st.tuples(st.integers(1, 9), st.none() | st.integers(-100, 200)), min_size=1, max_size=4).map(
        lambda steps: technique(
            "weighted_milestones",
            milestones=[
                {
                    "name": f"step {n}",
                    "weight": weight,
                    "achieved_at": None if hours is None else later(hours).isoformat(),
                }
                for n, (weight, hours) in enumerate(steps)
            ],
        )
    ),
)
GROWING = st.lists(st.integers(0, 100), min_size=1, max_size=4).map(sorted)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(KINDS, KINDS), GROWING, st.booleans())
async def test_earned_value_keeps_its_bounds_and_grows_with_progress(
    story: Story, kinds: tuple[EvTechnique, EvTechnique], percents: list[int], apportioned: bool
) -> None:
    """0 ≤ EV ≤ BAC; it never falls while progress does not; a series tells what each instant of it does."""
    third = task("3", "2026-03-02T08:00", "2026-03-13T17:00", "333.33")
    project_id = await story.bring(plan((*untouched(), third)))
    await story.change_task(project_id, "1", ev_technique=kinds[0])
    await story.change_task(project_id, "2", ev_technique=kinds[1])
    if apportioned and kinds[0].kind != "level_of_effort":
        base = await story.task_id(project_id, "1")
        await story.change_task(project_id, "3", ev_technique=technique("apportioned", base_task_id=base))
    for day, percent in enumerate(percents):
        for uid in ("1", "2"):
            figures: Any = {"physical_percent_complete": Decimal(percent), "units_done": Decimal(percent) / 20}
            await story.push(project_id, uid, later(24 * day + 1), percent, **figures)
    await story.tell(project_id)
    instants = [instant("2026-03-01T23:59:59.999999") + timedelta(days=day) for day in range(15)]
    names = ("earned_value", "earned_value_coverage", "planned_value", "actual_cost")
    single = [await story.figures(project_id, *names, as_of=at) for at in instants]
    values = [Decimal(row[0] or 0) if row[0] != "no_progress_reported" else Decimal(0) for row in single]
    assert values == sorted(values)
    assert values[0] >= 0
    assert values[-1] <= Decimal("20333.33")
    asked = Series(HistoryInterval.DAY, instants[0].date(), instants[-1].date(), None, 200)
    async with story.kpi.transaction(Context(story.organization, "someone"), read_only=True) as tx:
        history = await metrics_over_time(tx, str(project_id), None, asked, later(1000))
    listed = [
        [shown["value"] or shown["reason"] for shown in (point.metrics[name].as_json() for name in names)]
        for point in history.points
    ]
    assert listed == single
