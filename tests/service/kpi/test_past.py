"""KPIs of past instants: by the tasks, the baseline and the techniques of then, whatever became of them."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.kpi.domain.moments import HistoryInterval, end_of_day
from services.kpi.domain.timeline import Timeline
from services.kpi.service.metrics import Series, metrics_over_time
from shared.db import Context
from tests.service.kpi.story import NIGHTS, STANDARD, STATUS, Story, fortnight, instant, later, plan, task
from tests.service.kpi.test_techniques import technique

AMOUNTS = ("budget_at_completion", "planned_value", "earned_value", "actual_cost")
UTC = ZoneInfo("UTC")
MONDAY, TUESDAY, WEDNESDAY = (instant(f"2026-03-{day:02}T12:00") for day in (9, 10, 11))


def costing(one: str, other: str, percent: int = 60) -> Any:
    """The fortnight at other costs."""
    return (
        task("1", "2026-03-02T08:00", "2026-03-06T17:00", one, percent=percent, spent="7000.00"),
        task("2", "2026-03-09T08:00", "2026-03-13T17:00", other),
    )


async def test_a_deleted_task_counts_for_the_time_when_there_was_one(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.push(project_id, "1", later(5), 100, "9000.00")
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.delete_task(project_id, "1")
    await story.tell(project_id)
    before = ["20000.00", "11000.00", "10000.00", "9000.00"]
    after = ["10000.00", "3000.00", "no_progress_reported", "no_actual_cost"]
    assert await story.figures(project_id, *AMOUNTS, as_of=MONDAY) == before
    assert await story.figures(project_id, *AMOUNTS, as_of=TUESDAY - timedelta(microseconds=1)) == [
        "20000.00",
        "13000.00",
        *before[2:],
    ]
    assert await story.figures(project_id, *AMOUNTS, as_of=TUESDAY) == after
    assert (await story.figures(project_id, *AMOUNTS))[0] == "10000.00"


async def test_a_task_that_came_later_does_not_count_before(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    story.clock = TUESDAY
    third = task("3", "2026-03-02T08:00", "2026-03-03T17:00", "500.00")
    await story.bring(plan((*fortnight(), third), status="2026-03-10T12:00"), project_id)
    await story.tell(project_id)
    assert await story.figures(project_id, *AMOUNTS[:2], as_of=MONDAY) == ["20000.00", "11000.00"]
    assert await story.figures(project_id, *AMOUNTS[:2], as_of=TUESDAY) == ["20500.00", "13500.00"]


async def test_a_new_technique_leaves_the_past_as_it_was(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.change_task(project_id, "1", ev_technique=technique("zero_hundred"))
    await story.tell(project_id)
    assert await story.figures(project_id, "earned_value", as_of=MONDAY) == ["6000.00"]
    assert await story.figures(project_id, "earned_value", as_of=TUESDAY) == ["0.00"]
    assert await story.figures(project_id, "earned_value") == ["0.00"]


async def test_new_weights_leave_the_past_but_an_achievement_counts_from_its_day(story: Story) -> None:
    def weighing(one: int, achieved: datetime | None) -> Any:
        steps: list[dict[str, object]] = [
            {"name": "design", "weight": one, "achieved_at": None if achieved is None else achieved.isoformat()},
            {"name": "build", "weight": 1},
        ]
        return technique("weighted_milestones", milestones=steps)

    project_id = await story.bring(plan())
    await story.change_task(project_id, "1", ev_technique=weighing(1, None))
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.change_task(project_id, "1", ev_technique=weighing(1, MONDAY))  # told a day late
    await story.tell(project_id)
    story.clock = WEDNESDAY
    await story.change_task(project_id, "1", ev_technique=weighing(3, MONDAY))
    await story.tell(project_id)
    found = [
        (await story.figures(project_id, "earned_value", as_of=at))[0] for at in (later(1), MONDAY, TUESDAY, WEDNESDAY)
    ]
    assert found == ["0.00", "5000.00", "5000.00", "7500.00"]


async def test_a_new_baseline_counts_from_then_on(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.bring(plan(costing("10000.00", "30000.00"), status="2026-03-10T12:00"), project_id)
    await story.tell(project_id)
    assert await story.figures(project_id, *AMOUNTS[:3], as_of=MONDAY) == ["20000.00", "11000.00", "6000.00"]
    assert await story.figures(project_id, *AMOUNTS[:3], as_of=TUESDAY) == ["40000.00", "19000.00", "6000.00"]
    # Before the first baseline there was no other.
    assert await story.figures(project_id, *AMOUNTS[:2], as_of=instant("2026-03-02T17:00")) == ["20000.00", "2000.00"]


async def test_a_project_that_earns_otherwise_from_now_on_leaves_the_past(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    for clock, kind in ((MONDAY, "zero_hundred"), (TUESDAY, "none"), (WEDNESDAY, "fifty_fifty")):
        story.clock = clock
        await story.patch(project_id, default_ev_technique=kind)
        await story.tell(project_id)
    names = ("earned_value", "tasks_without_technique")
    instants = (later(1), MONDAY, TUESDAY, WEDNESDAY)
    found = [await story.figures(project_id, *names, as_of=at) for at in instants]
    assert found == [["6000.00", "0"], ["0.00", "0"], ["no_progress_reported", "2"], ["5000.00", "0"]]


async def test_a_project_made_by_hand_before_its_plan_came_has_the_past_of_the_plan(story: Story) -> None:
    story.clock = TUESDAY
    project_id = await story.create(default_ev_technique="fifty_fifty")
    story.clock = WEDNESDAY
    await story.bring(plan(), project_id)
    await story.tell(project_id)
    await story.patch(project_id, default_ev_technique="percent_complete")
    story.clock += timedelta(hours=1)
    await story.tell(project_id)
    found = [await story.figures(project_id, "earned_value", as_of=at) for at in (later(1), WEDNESDAY, story.clock)]
    assert found == [["5000.00"], ["5000.00"], ["6000.00"]]


async def test_other_working_hours_leave_the_plan_of_the_past(story: Story) -> None:
    """By day half of Monday's fifth is planned at noon; of four nights none has come by then, and one a day later."""
    project_id = await story.bring(plan())
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.bring(plan(calendars=(NIGHTS,), status="2026-03-10T12:00"), project_id)
    await story.tell(project_id)
    assert await story.figures(project_id, "planned_value", as_of=MONDAY) == ["11000.00"]
    assert await story.figures(project_id, "planned_value", as_of=TUESDAY) == ["12500.00"]


async def test_files_that_come_late_count_from_their_status_dates(story: Story) -> None:
    story.clock = WEDNESDAY
    project_id = await story.bring(plan(costing("1000.00", "1000.00", 10)))
    await story.bring(plan(costing("2000.00", "1000.00", 20), status="2026-03-09T12:00"), project_id)
    await story.bring(plan(costing("3000.00", "1000.00", 30), status="2026-03-10T12:00"), project_id)
    await story.tell(project_id)
    found = [await story.figures(project_id, AMOUNTS[0], AMOUNTS[2], as_of=at) for at in (later(0), MONDAY, TUESDAY)]
    assert found == [["2000.00", "100.00"], ["3000.00", "400.00"], ["4000.00", "900.00"]]


async def test_the_same_file_corrected_leaves_nothing_of_what_was_wrong(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    story.clock = TUESDAY
    await story.bring(plan(costing("5000.00", "5000.00")), project_id)
    await story.tell(project_id)
    assert await story.figures(project_id, *AMOUNTS[:3], as_of=MONDAY) == ["10000.00", "5500.00", "3000.00"]
    assert await story.rows("task_past", project_id) == []


async def _points(story: Story, project_id: UUID) -> list[Any]:
    """A day's end after the other, from a week before the status date on."""
    first = instant(STATUS).date() - timedelta(days=7)
    asked = Series(HistoryInterval.DAY, first, first + timedelta(days=30), None, 200)
    async with story.kpi.transaction(Context(story.organization, "someone"), read_only=True) as tx:
        history = await metrics_over_time(tx, str(project_id), None, asked, instant("2027-01-01T00:00"))
    return list(history.points)


class Days:
    """A project to which something happens every day."""

    def __init__(self, story: Story, project_id: UUID, rng: random.Random) -> None:
        self.story = story
        self.project_id = project_id
        self.rng = rng
        self.alive = ["1", "2"]
        self.status = STATUS

    async def pass_one(self) -> None:
        """Let a few things happen, at the time of the story's clock."""
        for _ in range(self.rng.randrange(1, 4)):
            await self.rng.choice(
                [self._progress, self._technique, self._default, self._milestones, self._import, self._delete]
            )()

    async def _progress(self) -> None:
        percent, units = self.rng.randrange(101), Decimal(self.rng.randrange(9))
        spent = f"{self.rng.randrange(9999)}.00"
        await self.story.push(
            self.project_id, self.rng.choice(self.alive), self.story.clock, percent, spent, units_done=units
        )

    async def _technique(self) -> None:
        kinds: list[Any] = [
            technique(kind) for kind in ("zero_hundred", "fifty_fifty", "percent_complete", "level_of_effort")
        ]
        chosen = self.rng.choice([None, technique("units", planned=Decimal(8)), *kinds])
        await self.story.change_task(self.project_id, self.rng.choice(self.alive), ev_technique=chosen)

    async def _default(self) -> None:
        kind = self.rng.choice(["none", "zero_hundred", "fifty_fifty", "percent_complete"])
        await self.story.patch(self.project_id, default_ev_technique=kind)

    async def _milestones(self) -> None:
        steps = [
            {"name": "a", "weight": self.rng.randrange(1, 9), "achieved_at": self.story.clock.isoformat()},
            {"name": "b", "weight": self.rng.randrange(1, 9)},
        ]
        chosen = technique("weighted_milestones", milestones=steps)
        await self.story.change_task(self.project_id, self.rng.choice(self.alive), ev_technique=chosen)

    async def _import(self) -> None:
        self.alive.append(str(int(self.alive[-1]) + 1))
        rows = [
            task(uid, "2026-03-02T08:00", "2026-03-20T17:00", f"{self.rng.randrange(1, 9999)}.00", percent=int(uid))
            for uid in self.alive
        ]
        status = f"{self.story.clock:%Y-%m-%dT%H:%M}"
        calendars = (self.rng.choice([STANDARD, NIGHTS]),)
        await self.story.bring(plan(rows, status=status, calendars=calendars), self.project_id)

    async def _delete(self) -> None:
        if len(self.alive) > 1:
            await self.story.delete_task(self.project_id, self.alive.pop(0))


@pytest.mark.parametrize("seed", range(4))
async def test_what_was_told_of_an_instant_is_told_of_it_for_ever(story: Story, seed: int) -> None:
    """Each evening's answer stays, in single answers and in the series, also when all is heard anew in one go."""
    project_id = await story.bring(plan())
    await story.tell(project_id)
    days = Days(story, project_id, random.Random(seed))
    told = []
    for day in range(12):
        story.clock = instant("2026-03-09T18:00") + timedelta(days=day)
        await days.pass_one()
        await story.tell(project_id)
        evening = end_of_day(story.clock.date(), UTC)
        told.append(await story.kpis(project_id, evening, now=evening))
    kept = await story.kept(project_id)
    assert len({str(kpis.metrics) for kpis in told}) > 6, "little happened"
    for kpis in told:
        assert await story.kpis(project_id, kpis.as_of) == kpis
    points = {point.as_of: point for point in await _points(story, project_id)}
    assert [points[kpis.as_of].metrics for kpis in told] == [kpis.metrics for kpis in told]
    events = await story.events(project_id)
    for anew in (events[: len(events) // 2], events):
        await story.hear(anew)
    assert await story.kept(project_id) == kept
    await story.clear()
    await story.hear(events)
    assert await story.kept(project_id) == kept


def test_a_timeline_finds_the_state_in_force() -> None:
    one, two, three = MONDAY, TUESDAY, WEDNESDAY
    hour = timedelta(hours=1)
    timeline = Timeline((one, two, three), two)
    assert [timeline.state_at(at) for at in (one - hour, one, two, three - hour)] == [two] * 4
    assert [timeline.state_at(at) for at in (three, three + hour)] == [None, None]
    assert Timeline((one, two), None).state_at(one - hour) == one
    assert Timeline((), None).state_at(one) is None


async def test_what_was_stated_last_by_then_tells_when_all_was_done(story: Story) -> None:
    """Nothing that is stated as of a later instant moves the finish that was known before it."""
    project_id = await story.bring(plan())

    async def state(at: str, percent: int, finish: str | None = None) -> None:
        done: dict[str, Any] = {} if finish is None else {"actual_finish": datetime.fromisoformat(finish)}
        for uid in ("1", "2"):
            await story.push(project_id, uid, instant(at), percent, **done)
        await story.tell(project_id)

    names = ("schedule_variance_time", "schedule_performance_index_time")
    asked = [instant(f"2026-03-{day:02}T18:00") for day in (11, 12, 20)]
    await state("2026-03-11T17:00", 100, "2026-03-11T17:00")
    known = [await story.figures(project_id, *names, as_of=moment) for moment in asked]
    assert len({tuple(each) for each in known}) == 1
    await state("2026-03-18T17:00", 100, "2026-03-17T17:00")
    assert [await story.figures(project_id, *names, as_of=moment) for moment in asked[:2]] == known[:2]
    assert await story.figures(project_id, *names, as_of=asked[2]) != known[2]
    await state("2026-03-21T17:00", 95)
    assert [await story.figures(project_id, *names, as_of=moment) for moment in asked[:2]] == known[:2]
