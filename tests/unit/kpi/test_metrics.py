"""The published metrics of a project: names, units, rounding, reasons, and a real plan."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.earned_value import InvalidEarnedValue
from services.kpi.domain.measure import UndefinedReason
from services.kpi.domain.metrics import Inputs, Metric, metrics
from services.kpi.domain.planned_value import PlannedWork
from shared.working_time import minute_of
from tests.unit.kpi.cases import CASES
from tests.unit.kpi.plans import WEEKDAYS, at, baseline

NAMES = [
    "planned_value",
    "earned_value",
    "actual_cost",
    "budget_at_completion",
    "cost_variance",
    "schedule_variance",
    "cost_performance_index",
    "schedule_performance_index",
    "estimate_at_completion",
    "estimate_to_complete",
    "variance_at_completion",
    "to_complete_performance_index",
    "percent_complete",
    "percent_spent",
    "earned_schedule",
    "schedule_variance_time",
    "schedule_performance_index_time",
    "schedule_performance_index_discrete",
    "earned_value_coverage",
    "tasks_without_budget",
    "tasks_without_technique",
]
# Two weeks of work for 10 000.00 each, one after the other: 2 000.00 a day.
FORTNIGHT = baseline((1_000_000, at(0, 8), at(4, 17)), (1_000_000, at(7, 8), at(11, 17)))


def inputs(as_of: int = at(8), percent: tuple[Decimal | int, ...] = (90, 0)) -> Inputs:
    """The fortnight seen at the end of its sixth working day."""
    earned = sum(Decimal(10_000) * each for each in percent)
    return Inputs("EUR", as_of, FORTNIGHT, earned, 1_200_000, reported_minor=1_000_000)


def shown(figures: Mapping[str, Metric]) -> dict[str, str]:
    """Value or reason, as sent."""
    return {name: str(metric.as_json()["value"] or metric.reason) for name, metric in figures.items()}


def test_all_metrics_of_a_late_and_dear_project() -> None:
    assert shown(metrics(inputs())) == {
        "planned_value": "12000.00",
        "earned_value": "9000.00",
        "actual_cost": "12000.00",
        "budget_at_completion": "20000.00",
        "cost_variance": "-3000.00",
        "schedule_variance": "-3000.00",
        "cost_performance_index": "0.750000",
        "schedule_performance_index": "0.750000",
        "estimate_at_completion": "26666.67",
        "estimate_to_complete": "14666.67",
        "variance_at_completion": "-6666.67",
        "to_complete_performance_index": "1.375000",
        "percent_complete": "45.000000",
        "percent_spent": "60.000000",
        "earned_schedule": "4.500000",
        "schedule_variance_time": "-1.500000",
        "schedule_performance_index_time": "0.750000",
        "schedule_performance_index_discrete": "0.750000",
        "earned_value_coverage": "50.000000",
        "tasks_without_budget": "0",
        "tasks_without_technique": "0",
    }


def test_names_and_units_are_those_of_the_contract() -> None:
    figures = metrics(inputs())
    assert list(figures) == NAMES
    ratios = {name for name in NAMES if "index" in name}
    for name, metric in figures.items():
        if name in ratios:
            assert metric.unit == "ratio"
        elif name.startswith("percent") or name.endswith("coverage"):
            assert metric.unit == "percent"
        elif name.startswith("tasks"):
            assert metric.unit == "task"
        elif name in {"earned_schedule", "schedule_variance_time"}:
            assert metric.unit == "working_day"
        else:
            assert metric.unit == "EUR"


def test_without_a_baseline_only_the_actual_cost_is_known() -> None:
    figures = shown(metrics(replace(inputs(), baseline=UndefinedReason.NO_BASELINE)))
    assert figures.pop("actual_cost") == "12000.00"
    assert set(figures.values()) == {"no_baseline"}


def test_a_baseline_that_cannot_be_used_says_why() -> None:
    figures = shown(metrics(replace(inputs(), baseline=UndefinedReason.BASELINE_TOO_LARGE)))
    assert figures["budget_at_completion"] == figures["earned_schedule"] == "baseline_too_large"


def test_before_any_report_earned_value_and_actual_cost_are_undefined() -> None:
    figures = metrics(replace(inputs(), earned_minor=None, actual_minor=None))
    reasons = {name: metric.reason for name, metric in figures.items()}
    always = {"earned_value_coverage", "tasks_without_budget", "tasks_without_technique"}
    known = {name for name, reason in reasons.items() if reason is None}
    assert known == {"planned_value", "budget_at_completion", *always}
    assert reasons["actual_cost"] == reasons["percent_spent"] == "no_actual_cost"
    assert reasons["earned_value"] == reasons["earned_schedule"] == "no_progress_reported"


def test_before_the_baseline_start_no_time_has_elapsed() -> None:
    figures = shown(metrics(inputs(as_of=at(-3), percent=(0, 0))))
    assert figures["planned_value"] == "0.00"
    assert figures["schedule_performance_index"] == "no_planned_value"
    assert figures["schedule_performance_index_time"] == "no_time_elapsed"
    assert figures["earned_schedule"] == "0.000000"


def test_an_exhausted_budget_has_no_index_to_complete() -> None:
    figures = shown(metrics(replace(inputs(), actual_minor=2_000_000)))
    assert figures["to_complete_performance_index"] == "budget_exhausted"


def test_time_stands_still_at_the_actual_finish_once_all_is_earned() -> None:
    late = replace(inputs(as_of=at(40), percent=(100, 100)), finished_at=at(16))
    figures = shown(metrics(late))
    assert figures["schedule_performance_index"] == "1.000000"
    assert figures["schedule_variance_time"] == "-2.000000"
    assert figures["schedule_performance_index_time"] == "0.833333"
    # What is not all earned goes on ageing.
    unfinished = replace(late, earned_minor=Decimal("1999000"))
    assert shown(metrics(unfinished))["schedule_variance_time"] == "-20.005000"


def test_a_project_that_finished_on_plan_has_an_index_in_time_of_one() -> None:
    figures = shown(metrics(replace(inputs(as_of=at(30), percent=(100, 100)), finished_at=at(11, 17))))
    assert figures["schedule_performance_index_time"] == "1.000000"


@given(st.decimals(0, 100, places=3), st.decimals(0, 100, places=3), st.integers(0, 3 * 10**6), st.integers(0, at(30)))
def test_readers_can_recompute_every_figure_from_the_four_amounts(
    one: Decimal, other: Decimal, actual: int, as_of: int
) -> None:
    figures = metrics(replace(inputs(as_of, (one, other)), actual_minor=actual))
    amounts = [figures[name].value for name in NAMES[:4]]
    assert None not in amounts
    pv, ev, ac, bac = (amount or Decimal(0) for amount in amounts)
    assert figures["cost_variance"].value == ev - ac
    assert figures["schedule_variance"].value == ev - pv
    assert figures["percent_complete"].value == (100 * ev / bac).quantize(Decimal("1e-6"))
    if ac:
        assert figures["cost_performance_index"].value == (ev / ac).quantize(Decimal("1e-6"))
    for metric in figures.values():
        wire = metric.as_json()
        assert (wire["value"] is None) == (wire["reason"] is not None)
        assert wire["value"] is None or re.fullmatch(r"-?\d+(\.\d+)?", wire["value"])
        assert wire["value"] is None or not re.fullmatch(r"-0\.?0*", wire["value"])


@pytest.mark.parametrize(("digits", "expected"), [(0, "900000"), (2, "9000.00"), (3, "900.000")])
def test_money_has_the_currencys_digits(digits: int, expected: str) -> None:
    assert shown(metrics(replace(inputs(), minor_digits=digits)))["earned_value"] == expected


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: replace(given, earned_minor=2_000_001),
        lambda given: replace(given, earned_minor=-1),
        lambda given: replace(given, actual_minor=-1),
    ],
    ids=["above the budget", "below 0", "negative cost"],
)
def test_progress_that_no_project_can_have_is_refused(spoil: Callable[[Inputs], Inputs]) -> None:
    with pytest.raises(InvalidEarnedValue):
        metrics(spoil(inputs()))


def tracked_plan(as_of: datetime) -> Inputs:
    """Microsoft's tracked plan, read with just what is needed here; its calendars are all the office week."""
    file = CASES / "schedules" / "MSP_Software_Development_tracked.mspdi.xml"
    if not CASES.is_dir():
        pytest.skip(f"no {file}")
    root = ET.parse(file).getroot()
    space = {"m": "http://schemas.microsoft.com/project"}
    costs: list[int] = []
    starts: list[int] = []
    finishes: list[int] = []
    earned, actual = Decimal(0), 0
    for task in root.findall("m:Tasks/m:Task", space):
        if task.findtext("m:Summary", "1", space) == "0":
            # Costs are in hundredths; one that is left out is nil.
            costs.append(int(task.findtext("m:Baseline/m:Cost", "0", space)))
            starts.append(minute_of(datetime.fromisoformat(task.findtext("m:Baseline/m:Start", "", space))))
            finishes.append(minute_of(datetime.fromisoformat(task.findtext("m:Baseline/m:Finish", "", space))))
            earned += costs[-1] * Decimal(task.findtext("m:PercentComplete", "", space)) / 100
            actual += int(task.findtext("m:ActualCost", "0", space))
    work = PlannedWork.between(costs, starts, finishes, [0] * len(costs), [WEEKDAYS])
    plan = Baseline.compiled(work, [WEEKDAYS], WEEKDAYS, min(starts), max(finishes))
    return Inputs("USD", minute_of(as_of), plan, earned, actual)


def test_a_real_tracked_plan_gives_its_tools_figures() -> None:
    figures = shown(metrics(tracked_plan(datetime.fromisoformat("2013-05-06T15:00"))))
    assert figures["budget_at_completion"] == figures["planned_value"] == "139600.00"
    assert figures["earned_value"] == "41880.00"
    assert figures["actual_cost"] == "44700.00"
    assert figures["cost_performance_index"] == "0.936913"
    assert figures["estimate_at_completion"] == "149000.00"
    assert figures["percent_complete"] == "30.000000"
    # 96 working days from Monday 24 December to Monday 6 May.
    assert Decimal(figures["earned_schedule"]) - Decimal(figures["schedule_variance_time"]) == 96


def test_metrics_of_ten_thousand_tasks_take_at_most_five_milliseconds() -> None:
    rng = np.random.default_rng(11)
    start = rng.integers(0, at(500), 10_000)
    costs, starts = rng.integers(0, 10**8, 10_000).tolist(), start.tolist()
    finishes = (start + rng.integers(0, at(60), 10_000)).tolist()
    work = PlannedWork.between(costs, starts, finishes, [0] * 10_000, [WEEKDAYS])
    plan = Baseline.compiled(work, [WEEKDAYS], WEEKDAYS, min(starts), max(finishes))
    given = Inputs("EUR", at(300), plan, sum(costs) // 3, sum(costs) // 2)
    took = []
    for _ in range(5):
        begin = perf_counter()
        metrics(given)
        took.append(perf_counter() - begin)
    assert min(took) <= 0.5  # no measure of speed: only that nothing grows with the square
