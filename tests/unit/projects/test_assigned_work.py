"""Work of assignments moves with their task's: shared out as it was, to the minute."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.assigned_work import moved
from services.projects.domain.plan import Assignment, Plan, Resource, ResourceType, Task

RESOURCES = (
    Resource("1", "Ann"),
    Resource("2", "Ben"),
    Resource("3", "Crane", is_equipment=True),
    Resource("4", "Sand", ResourceType.MATERIAL),
)


def booked(source_id: str, resource: str | None, work: int, actual: int = 0) -> Assignment:
    """An assignment to task 1."""
    return Assignment(source_id, "1", resource, Decimal(1), work, actual, work - actual)


def plan(task: Task, *assignments: Assignment) -> Plan:
    """A plan of one task."""
    return Plan(
        source_guid=None,
        name="Quay",
        currency="EUR",
        start=datetime(2026, 3, 2, 8),  # noqa: DTZ001 - local wall time
        status_date=None,
        calendar_source_id="1",
        calendars=(),
        tasks=(task,),
        links=(),
        resources=RESOURCES,
        assignments=assignments,
    )


def done(actual: int, remaining: int, percent: int) -> Task:
    """Task 1, so far."""
    return Task(
        "1",
        1,
        "Dig",
        percent_work_complete=Decimal(percent),
        work_minutes=actual + remaining,
        actual_work_minutes=actual,
        remaining_work_minutes=remaining,
    )


def figures(found: Plan) -> list[tuple[int, int, int]]:
    """Work, actual and remaining of the assignments."""
    return [(each.work_minutes, each.actual_work_minutes, each.remaining_work_minutes) for each in found.assignments]


def test_people_share_what_is_done_and_a_machine_goes_along() -> None:
    given_ = plan(
        done(500, 300, 50), booked("1", "1", 600), booked("2", "2", 200, 10), booked("3", "3", 60), booked("4", "4", 7)
    )
    assert figures(moved(given_, {"1"})) == [(600, 375, 225), (200, 125, 75), (60, 30, 30), (7, 0, 7)]
    assert moved(given_, {"2"}) == given_


def test_what_agrees_with_its_task_stays_as_it_came() -> None:
    given_ = plan(done(300, 500, 38), booked("1", "1", 600, 300), booked("2", None, 200, 0))
    assert moved(given_, {"1"}) == given_


def test_a_task_of_assignments_without_work_moves_nothing() -> None:
    given_ = plan(done(0, 0, 50), booked("1", "1", 0))
    assert moved(given_, {"1"}) == given_


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=6).filter(any),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
)
def test_the_sums_are_the_tasks_to_the_minute(works: list[int], actual: int, remaining: int) -> None:
    given_ = plan(done(actual, remaining, 0), *(booked(str(n), "1", work) for n, work in enumerate(works)))
    found = moved(given_, {"1"}).assignments
    assert sum(each.actual_work_minutes for each in found) == actual
    assert sum(each.remaining_work_minutes for each in found) == remaining
    assert all(each.work_minutes == each.actual_work_minutes + each.remaining_work_minutes for each in found)
    assert all(min(each.actual_work_minutes, each.remaining_work_minutes) >= 0 for each in found)
    again = moved(replace(given_, assignments=found), {"1"})
    assert again.assignments == found
