"""Resources, their rates and their assignments."""

from datetime import datetime
from decimal import Decimal

import pytest

from services.projects.domain.plan import Assignment, Resource, ResourceType
from tests.unit.projects.mspdi_support import HEADER, codes, elements, read, task


def resource(uid: int, inner: str = "", **values: object) -> str:
    return f"<Resource>{elements(UID=uid, **values)}{inner}</Resource>"


def assignment(uid: int, **values: object) -> str:
    return f"<Assignment>{elements(UID=uid, **values)}</Assignment>"


def rate(begin: str, end: str, table: int = 0, **values: object) -> str:
    return elements(Rate=elements(RatesFrom=begin, RatesTo=end, RateTable=table, **values))


def read_resource(inner: str = "", header: str = HEADER, **values: object) -> Resource:
    plan = read(resources=resource(1, inner, **values), header=header)
    assert plan.skipped == ()
    return plan.resources[0]


def test_a_resource_is_read() -> None:
    found = read_resource(
        Name="Crane 4",
        Type=1,
        EmailAddress="crane@example.org",
        MaxUnits="0.50",
        StandardRate="62.5",
        StandardRateFormat=3,
        OvertimeRate=90,
        CostPerUse=1500,
        CalendarUID=1,
    )
    assert found == Resource(
        source_id="1",
        name="Crane 4",
        type=ResourceType.WORK,
        email="crane@example.org",
        max_units=Decimal("0.50"),
        calendar_source_id="1",
        standard_rate=Decimal("62.5"),  # per hour, though the format shows it per day
        overtime_rate=Decimal(90),
        cost_per_use=Decimal("15.00"),
    )


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"Type": 0}, ResourceType.MATERIAL),
        ({"Type": 1}, ResourceType.WORK),
        ({"Type": 2}, ResourceType.COST),
        ({"Type": 0, "IsCostResource": 1}, ResourceType.COST),
        ({}, ResourceType.WORK),
    ],
)
def test_types_have_their_numbers(fields: dict[str, int], kind: ResourceType) -> None:
    assert read_resource("", HEADER, **fields).type is kind


def test_a_resource_without_a_name_or_a_rate_has_a_name_and_no_rate() -> None:
    found = read_resource()
    assert (found.name, found.standard_rate, found.max_units) == ("Resource 1", None, Decimal(1))


RATES = elements(
    Rates=rate("1984-01-01T00:00:00", "2049-12-31T23:59:06", table=1, StandardRate=999)
    + rate("1984-01-01T00:00:00", "2026-06-01T00:00:00", StandardRate=50, CostPerUse=100)
    + rate("2026-06-01T00:00:00", "2049-12-31T23:59:06", StandardRate=55, OvertimeRate=80, CostPerUse=200)
)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"StatusDate": "2026-05-31T17:00:00", "CurrentDate": "2026-07-01T08:00:00"}, (50, None, 1)),
        ({"StatusDate": "2026-06-01T00:00:00"}, (55, 80, 2)),
        ({"CurrentDate": "2026-07-01T08:00:00"}, (55, 80, 2)),
        ({"CurrentDate": "2050-07-01T08:00:00"}, (7, None, 0)),
        ({}, (7, None, 0)),
    ],
)
def test_the_rate_in_force_on_the_status_date_is_taken(dates: dict[str, str], expected: tuple[object, ...]) -> None:
    found = read_resource(RATES, header=HEADER + elements(**dates), StandardRate=7)
    assert (found.standard_rate, found.overtime_rate, found.cost_per_use) == expected


def test_rows_that_stand_for_nobody_are_no_resources() -> None:
    plan = read(
        task(1),
        resources=elements(Resource=elements(UID=0, ID=0, Type=1)) + elements(Resource=elements(UID=3, IsNull=1)),
        assignments=assignment(1, TaskUID=1, ResourceUID=-65535)
        + assignment(2, TaskUID=1, ResourceUID=0)
        + assignment(3, TaskUID=1, ResourceUID=3)
        + assignment(4, TaskUID=1),
    )
    assert plan.resources == ()
    assert [each.resource_source_id for each in plan.assignments] == [None] * 4
    assert plan.skipped == ()


def test_a_named_resource_0_is_a_resource() -> None:
    plan = read(
        task(1), resources=resource(0, Name="Ada"), assignments=assignment(1, TaskUID=1, ResourceUID=0, Work="PT1H")
    )
    assert plan.assignments[0].resource_source_id == plan.resources[0].source_id == "0"


def test_resources_that_cannot_be_taken_are_reported_with_their_assignments() -> None:
    plan = read(
        task(1),
        resources=resource(1, Name="a")
        + resource(1, Name="b")
        + resource(2, MaxUnits="many")
        + elements(Resource=elements(Name="c"))
        + resource(4, CalendarUID=77)
        + resource(5, Type=0, CalendarUID=78),
        assignments=assignment(1, TaskUID=1, ResourceUID=2)
        + assignment(2, TaskUID=9, ResourceUID=1)
        + assignment(3, TaskUID=1, ResourceUID=1, Work="much")
        + assignment(4, TaskUID=1, ResourceUID=1)
        + assignment(4, TaskUID=1, ResourceUID=1)
        + assignment(5, ResourceUID=1),
    )
    assert [each.name for each in plan.resources] == ["a", "Resource 4", "Resource 5"]
    assert [each.calendar_source_id for each in plan.resources] == [None, None, None]
    assert [each.source_id for each in plan.assignments] == ["4"]
    assert codes(plan) == [
        ("resource", "1", "duplicate_uid"),
        ("resource", "2", "invalid_field"),
        ("resource", "", "missing_uid"),
        ("assignment", "3", "invalid_field"),
        ("assignment", "4", "duplicate_uid"),
        ("assignment", "5", "missing_uid"),
        ("resource", "4", "unknown_calendar"),
        ("assignment", "1", "unknown_resource"),
        ("assignment", "2", "unknown_task"),
    ]


def test_an_assignment_is_read() -> None:
    plan = read(
        task(1),
        resources=resource(1, Name="Ada"),
        assignments=assignment(
            7,
            TaskUID=1,
            ResourceUID=1,
            Units="0.5",
            Work="PT40H0M0S",
            ActualWork="PT10H0M0S",
            RemainingWork="PT30H0M0S",
            Cost=240000,
            ActualCost=60000,
            Start="2026-03-02T08:00:00",
            Finish="2026-03-13T17:00:00",
        ),
    )
    assert plan.assignments == (
        Assignment(
            source_id="7",
            task_source_id="1",
            resource_source_id="1",
            units=Decimal("0.5"),
            work_minutes=2400,
            actual_work_minutes=600,
            remaining_work_minutes=1800,
            cost=Decimal("2400.00"),
            actual_cost=Decimal("600.00"),
            start=datetime.fromisoformat("2026-03-02T08:00"),
            finish=datetime.fromisoformat("2026-03-13T17:00"),
        ),
    )


def test_a_quantity_of_material_is_no_work() -> None:
    plan = read(
        task(1),
        resources=resource(1, Name="Concrete", Type=0),
        assignments=assignment(1, TaskUID=1, ResourceUID=1, Units=20, Work="PT20H0M0S", Cost=500000),
    )
    found = plan.assignments[0]
    assert (found.units, found.work_minutes, found.cost) == (Decimal(20), 0, Decimal("5000.00"))
