"""What kpi keeps of projects' events: once each, the newest version, nothing of what was deleted."""

import random
from datetime import timedelta
from uuid import uuid4

import pytest

from services.projects.domain.mspdi import read_mspdi
from shared.errors import NotFound
from shared.testing.cases import cases
from tests.service.kpi.story import NIGHTS, STATUS, Story, fortnight, instant, later, plan, task

AMOUNTS = ("budget_at_completion", "planned_value", "earned_value", "actual_cost")


async def test_an_imported_plan_gives_its_figures_at_its_status_date(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    kpis = await story.kpis(project_id)
    assert kpis.as_of == instant(STATUS)
    assert await story.figures(project_id, *AMOUNTS) == ["20000.00", "10000.00", "6000.00", "7000.00"]
    assert await story.figures(project_id, "earned_schedule", "schedule_variance_time") == ["3.000000", "-2.000000"]


async def test_microsofts_tracked_plan_gives_its_tools_figures(story: Story) -> None:
    file = cases("schedules") / "MSP_Software_Development_tracked.mspdi.xml"
    if not file.parent.is_dir():
        pytest.skip(f"no {file}")
    with file.open("rb") as chunks:
        project_id = await story.bring(read_mspdi(chunks))
    await story.tell(project_id)
    names = (*AMOUNTS, "cost_performance_index", "estimate_at_completion", "percent_complete")
    expected = ["139600.00", "139600.00", "41880.00", "44700.00", "0.936913", "149000.00", "30.000000"]
    assert await story.figures(project_id, *names) == expected
    # It has no status date: what it says of progress counts from its import, and before that nothing is known.
    before = await story.kpis(project_id, instant("2020-01-01T00:00"))
    assert before.metrics["earned_value"].reason == "no_progress_reported"
    assert before.metrics["actual_cost"].reason == "no_actual_cost"
    assert before.metrics["planned_value"].value == before.metrics["budget_at_completion"].value


async def test_the_same_events_again_and_in_any_order_leave_the_same(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "2", later(1), 20, "900.00")
    await story.push(project_id, "1", later(2), 90)
    await story.push(project_id, "2", later(1), 30)
    await story.patch(project_id, key="QUAY-7")
    await story.bring(plan((*fortnight(70), task("3", None, None, None))), project_id)
    await story.delete_task(project_id, "3")
    await story.tell(project_id)
    kept = await story.kept(project_id)
    events = await story.events(project_id)
    await story.hear(events)
    assert await story.kept(project_id) == kept
    for seed in range(5):
        shuffled = events[:]
        random.Random(seed).shuffle(shuffled)
        for event in shuffled:
            await story.hear([event])
        assert await story.kept(project_id) == kept


@pytest.mark.parametrize("seed", range(6))
async def test_events_that_come_late_end_in_the_same_state(story: Story, seed: int) -> None:
    """A gap that was passed over and is filled later: newer versions have been applied before older ones."""
    project_id = await story.bring(plan())
    await story.push(project_id, "2", later(1), 20, "900.00")
    await story.bring(plan(fortnight(80)), project_id)
    await story.push(project_id, "2", later(1), 30)
    await story.delete_task(project_id, "1")
    events = await story.events(project_id)
    await story.hear(events)
    figures = await story.figures(project_id, *AMOUNTS)
    await story.clear()
    random.Random(seed).shuffle(events)
    for event in events:
        await story.hear([event])
    assert await story.figures(project_id, *AMOUNTS) == figures


async def test_an_older_fact_never_overwrites_a_newer_one_but_counts_before_it(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "1", later(10), 100, "11000.00")
    await story.push(project_id, "1", later(5), 80, "9000.00")
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", "actual_cost") == ["10000.00", "11000.00"]
    for hours, earned, spent in ((0, "6000.00", "7000.00"), (5, "8000.00", "9000.00"), (9.9, "8000.00", "9000.00")):
        assert await story.figures(project_id, "earned_value", "actual_cost", as_of=later(hours)) == [earned, spent]


async def test_the_same_instant_stated_again_replaces(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "1", later(1), 70, "8000.00")
    await story.tell(project_id)
    await story.push(project_id, "1", later(1), 75)
    await story.tell(project_id)
    # The second statement said nothing of cost.
    assert await story.figures(project_id, "earned_value", "actual_cost") == ["7500.00", "8000.00"]
    assert len(await story.rows("progress", project_id)) == 2


async def test_a_cost_that_is_not_stated_is_the_one_stated_before(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "1", later(1), 70, "8000.00")
    await story.push(project_id, "1", later(2), 80)
    await story.push(project_id, "1", later(3), 90)
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", "actual_cost") == ["9000.00", "8000.00"]


async def test_a_task_of_no_baseline_costs_but_earns_nothing(story: Story) -> None:
    project_id = await story.bring(plan((*fortnight(), task("3", None, None, None, percent=50, spent="500.00"))))
    await story.tell(project_id)
    assert await story.figures(project_id, *AMOUNTS) == ["20000.00", "10000.00", "6000.00", "7500.00"]


async def test_summaries_and_inactive_tasks_do_not_count(story: Story) -> None:
    summary = task(
        "9", "2026-03-02T08:00", "2026-03-13T17:00", "20000.00", percent=30, spent="7000.00", is_summary=True
    )
    inactive = task("4", "2026-03-02T08:00", "2026-03-03T17:00", "400.00", percent=50, spent="9.00", is_active=False)
    rows = (summary, *fortnight(), inactive)
    project_id = await story.bring(plan(rows))
    await story.tell(project_id)
    assert await story.figures(project_id, *AMOUNTS) == ["20000.00", "10000.00", "6000.00", "7000.00"]


async def test_physical_percent_complete_is_earned_where_the_plan_says_so(story: Story) -> None:
    rows = (
        task(
            "1",
            "2026-03-02T08:00",
            "2026-03-06T17:00",
            "10000.00",
            percent=60,
            physical_percent_complete=25,
            uses_physical_percent=True,
        ),
    )
    project_id = await story.bring(plan(rows))
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value") == ["2500.00"]
    await story.push(project_id, "1", later(1), 40)
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value") == ["4000.00"]


async def test_a_deleted_task_and_its_progress_count_no_more(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "1", later(5), 100)
    await story.tell(project_id)
    await story.delete_task(project_id, "1")
    await story.tell(project_id)
    assert (await story.kpis(project_id)).as_of == instant(STATUS)
    assert await story.figures(project_id, *AMOUNTS) == ["10000.00", "0.00", "no_progress_reported", "no_actual_cost"]


async def test_a_deleted_project_is_gone_and_stays_gone(story: Story) -> None:
    project_id = await story.bring(plan())
    before = await story.events(project_id)
    await story.delete(project_id)
    await story.tell(project_id)
    await story.hear(before)
    kept = await story.kept(project_id)
    assert [row["is_deleted"] for row in kept[0]] == [True]
    assert not any(kept[1:])


async def test_an_unchanged_baseline_is_not_compiled_again(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    before = await story.plan_of(project_id)
    await story.push(project_id, "1", later(1), 70, "8000.00")
    await story.patch(project_id, name="Quay wall", owner="other@example.org")
    await story.tell(project_id)
    assert await story.plan_of(project_id) == before
    await story.bring(plan(fortnight(), calendars=(NIGHTS,)), project_id)
    await story.tell(project_id)
    assert await story.plan_of(project_id) != before


async def test_another_organization_with_the_same_ids_sees_nothing(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    other = Story(story.projects, story.kpi, uuid4())
    assert not any(await other.kept(project_id))
    with pytest.raises(NotFound):
        await other.kpis(project_id)


async def test_a_baseline_too_large_to_add_up_is_no_failure(story: Story) -> None:
    most = "999999999999999.99"
    rows = [task(str(n), "2026-03-02T08:00", "2026-03-06T17:00", most) for n in range(1, 101)]
    project_id = await story.bring(plan(rows))
    await story.tell(project_id)
    assert await story.figures(project_id, "budget_at_completion") == ["baseline_too_large"]


async def test_time_stands_still_when_all_was_reported_done(story: Story) -> None:
    project_id = await story.bring(plan(fortnight(100, 50)))
    done = instant("2026-03-16T17:00")
    await story.push(project_id, "2", done, 100)
    await story.push(project_id, "2", done + timedelta(days=30), 100, "12000.00")
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", "schedule_variance_time") == ["20000.00", "-1.000000"]
