"""What summaries come to: as Microsoft Project stored it in real plans, and by rules that follow from the formulas."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import Assignment, Baseline, Plan
from services.projects.domain.rollups import RollUp, roll_up
from services.projects.domain.schedule import critical_path
from tests.unit.projects.schedule_support import at, plan, task
from tests.unit.projects.test_schedule_real_files import plans


def rolled(made: Plan) -> dict[str, RollUp]:
    """What each task comes to, by its name."""
    return {t.source_id: r for t, r in zip(made.tasks, roll_up(made, critical_path(made)), strict=True)}


@plans("MSP_*.mspdi.xml")
def test_summaries_come_to_what_microsoft_project_says(path: Path) -> None:
    """Span, duration, work, cost and progress of every summary, as the file states them."""
    made = read_mspdi([path.read_bytes()])
    found = rolled(made)
    off = {}
    for stated in made.tasks:
        said = found[stated.source_id]
        pairs = {
            "start": (said.start, stated.start),
            "finish": (said.finish, stated.finish),
            "duration": (said.duration_minutes, stated.duration_minutes),
            "work": (said.work_minutes, stated.work_minutes),
            "actual work": (said.actual_work_minutes, stated.actual_work_minutes),
            "remaining work": (said.remaining_work_minutes, stated.remaining_work_minutes),
            "cost": (said.cost, stated.cost),
            "actual cost": (said.actual_cost, stated.actual_cost),
            # What is undefined here is 0 there.
            "percent": (round(said.percent_complete or 0), stated.percent_complete),
            "percent work": (round(said.percent_work_complete or 0), stated.percent_work_complete),
        }
        differs = {name: pair for name, pair in pairs.items() if stated.is_summary and pair[0] != pair[1]}
        if differs:
            off[stated.name] = differs
    assert any(task.is_summary for task in made.tasks)
    assert off == {}


def test_progress_is_weighted_by_duration_and_by_work() -> None:
    short = replace(
        task("short", 1), parent_source_id="s", actual_duration_minutes=480, work_minutes=3000, actual_work_minutes=3000
    )
    long = replace(task("long", 3), parent_source_id="s", work_minutes=1000, remaining_work_minutes=1000)
    said = rolled(plan([replace(task("s"), is_summary=True), short, long]))["s"]
    assert (said.tasks, said.duration_minutes) == (2, 3 * 480)
    assert (said.percent_complete, said.percent_work_complete) == (Decimal("25.00"), Decimal("75.00"))


def test_a_summary_of_milestones_has_no_progress_to_weigh() -> None:
    said = rolled(plan([replace(task("s"), is_summary=True), replace(task("m", 0), parent_source_id="s")]))["s"]
    assert (said.tasks, said.percent_complete, said.percent_work_complete) == (1, None, None)


def test_a_summary_adds_its_fixed_cost_and_what_resources_do_on_it_and_leaves_out_what_is_inactive() -> None:
    made = plan(
        [
            replace(task("s"), is_summary=True, fixed_cost=Decimal(7), cost=Decimal(999), work_minutes=999),
            replace(task("t"), parent_source_id="s", is_summary=True, fixed_cost=Decimal(5)),
            replace(task("a"), parent_source_id="t", cost=Decimal(100), actual_cost=Decimal(40), work_minutes=60),
            replace(task("b"), parent_source_id="t", cost=Decimal(1000), work_minutes=600, is_active=False),
        ]
    )
    own = Assignment("1", "s", "r", work_minutes=30, actual_work_minutes=10, cost=Decimal(20), actual_cost=Decimal(2))
    nobodys = Assignment("2", "t", None, work_minutes=5000)
    found = rolled(replace(made, assignments=(own, nobodys)))
    inner, outer = found["t"], found["s"]
    assert (inner.tasks, inner.work_minutes, inner.cost, inner.actual_cost) == (1, 60, Decimal(105), Decimal(40))
    assert (outer.tasks, outer.work_minutes, outer.cost, outer.actual_cost) == (1, 90, Decimal(132), Decimal(42))
    assert outer.actual_work_minutes == 10


def test_variance_is_counted_in_working_time_of_the_project() -> None:
    approved = Baseline(at("2 08:00"), at("2 17:00"), 240, 100, Decimal("8.50"))
    late = replace(task("late"), baseline=approved, work_minutes=60, cost=Decimal("10.00"))
    found = rolled(plan([late, task("new")]))
    said = found["late"]  # Friday the 2nd was approved, Monday the 5th is planned
    assert (said.start_variance_minutes, said.finish_variance_minutes) == (480, 480)
    assert (said.duration_variance_minutes, said.work_variance_minutes, said.cost_variance) == (
        240,
        -40,
        Decimal("1.50"),
    )
    assert (found["new"].start_variance_minutes, found["new"].cost_variance) == (None, None)
