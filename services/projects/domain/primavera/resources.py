"""Resources, their rates, assignments and expenses of Primavera, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from services.projects.domain.fields import (
    MAX_ADDRESS,
    MAX_ASSIGNMENTS,
    MAX_RATE,
    MAX_RESOURCES,
    MAX_UNITS,
    MAX_WORK_MINUTES,
    FieldError,
    Report,
    Row,
    identifier,
    label,
)
from services.projects.domain.plan import Assignment, Resource, ResourceType
from services.projects.domain.primavera.values import amount, hours, moment, quantity
from services.projects.domain.xml_guard import PlanFileError

LABOR: Final = "RT_Labor"
EQUIPMENT: Final = "RT_Equip"
MATERIAL: Final = "RT_Mat"
_TYPES: Final = {LABOR: ResourceType.WORK, EQUIPMENT: ResourceType.WORK, MATERIAL: ResourceType.MATERIAL}


def kind_of_resource(resource: Resource) -> str:
    """What Primavera calls a resource of this kind: it knows no costs alone."""
    if resource.type is not ResourceType.WORK:
        return MATERIAL
    return EQUIPMENT if resource.is_equipment else LABOR


@dataclass(frozen=True, slots=True)
class Rate:
    """What a resource costs, and how much of it there is, from an instant on."""

    since: datetime | None
    price: Decimal
    most: Decimal | None


@dataclass(slots=True)
class Money:
    """Sums of an activity."""

    fixed: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    actual: Decimal = Decimal(0)


class ResourceReader:
    """Reads resources, rates, assignments and expenses one by one; `of_project` settles what needs all of them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._resources: dict[str, Resource] = {}
        self._rates: dict[str, list[Rate]] = {}
        self._rate_count = 0
        self._assignments: dict[str, dict[str, Assignment]] = {}
        self._assignment_count = 0
        self.money: dict[str, Money] = {}

    def read(self, row: Row) -> None:
        """Take a resource, or report why not."""
        uid = ""
        try:
            uid = identifier(row, "rsrc_id") or ""
            if not uid or uid in self._resources:
                self._report.skip("resource", uid, "duplicate_uid" if uid else "missing_uid", "not the one of its id")
                return
            resource = Resource(
                source_id=uid,
                name=label(row, "rsrc_name") or label(row, "rsrc_short_name", f"Resource {uid}"),
                type=_TYPES.get(row.texts.get("rsrc_type", ""), ResourceType.WORK),
                email=label(row, "email_addr", limit=MAX_ADDRESS) or None,
                calendar_source_id=identifier(row, "clndr_id"),
                is_equipment=row.texts.get("rsrc_type") == EQUIPMENT,
            )
        except FieldError as error:
            self._report.skip("resource", uid, "invalid_field", str(error))
            return
        if len(self._resources) >= MAX_RESOURCES:
            raise PlanFileError("plan_too_large", f"more than {MAX_RESOURCES} resources")
        self._resources[uid] = resource

    def read_rate(self, row: Row) -> None:
        """Take a rate, or report why not."""
        uid = ""
        try:
            uid = identifier(row, "rsrc_id") or ""
            rate = Rate(
                moment(row, "start_date"),
                quantity(row, "cost_per_qty", Decimal(0), MAX_RATE),
                quantity(row, "max_qty_per_hr", Decimal(1), MAX_UNITS) if "max_qty_per_hr" in row.texts else None,
            )
        except FieldError as error:
            self._report.skip("resource", uid, "invalid_rate", str(error))
            return
        self._rate_count += 1
        if self._rate_count > MAX_ASSIGNMENTS:
            raise PlanFileError("plan_too_large", f"more than {MAX_ASSIGNMENTS} rates")
        self._rates.setdefault(uid, []).append(rate)

    def read_assignment(self, row: Row) -> None:
        """Take an assignment, or report why not."""
        uid = ""
        try:
            found, task, project = (identifier(row, each) for each in ("taskrsrc_id", "task_id", "proj_id"))
            uid = found or ""
            if found is None or task is None or project is None:
                self._report.skip("assignment", uid, "missing_uid", "an assignment has no id, activity or project")
                return
            assignments = self._assignments.setdefault(project, {})
            if uid in assignments:
                self._report.skip("assignment", uid, "duplicate_uid", "another assignment before it has the same id")
                return
            actual = hours(row, "act_reg_qty", MAX_WORK_MINUTES) + hours(row, "act_ot_qty", MAX_WORK_MINUTES)
            remaining = hours(row, "remain_qty", MAX_WORK_MINUTES)
            spent = amount(row, "act_reg_cost", "act_ot_cost")
            per_hour = "target_qty_per_hr" if "target_qty_per_hr" in row.texts else "remain_qty_per_hr"
            assignment = Assignment(
                source_id=uid,
                task_source_id=task,
                resource_source_id=identifier(row, "rsrc_id"),
                units=quantity(row, per_hour, Decimal(1), MAX_UNITS),
                work_minutes=actual + remaining,
                actual_work_minutes=actual,
                remaining_work_minutes=remaining,
                cost=spent + amount(row, "remain_cost"),
                actual_cost=spent,
                start=moment(row, "act_start_date") or moment(row, "target_start_date"),
                finish=moment(row, "act_end_date") or moment(row, "target_end_date"),
            )
        except FieldError as error:
            self._report.skip("assignment", uid, "invalid_field", str(error))
            return
        self._assignment_count += 1
        if self._assignment_count > MAX_ASSIGNMENTS:
            raise PlanFileError("plan_too_large", f"more than {MAX_ASSIGNMENTS} assignments")
        assignments[uid] = assignment
        money = self.money.setdefault(task, Money())
        money.cost += assignment.cost
        money.actual += assignment.actual_cost

    def read_expense(self, row: Row) -> None:
        """Add an expense to its activity, or report why not."""
        try:
            task, spent, open_ = identifier(row, "task_id"), amount(row, "act_cost"), amount(row, "remain_cost")
        except FieldError as error:
            self._report.skip("task", "", "invalid_expense", str(error))
            return
        if task is not None:
            money = self.money.setdefault(task, Money())
            money.fixed += spent + open_
            money.cost += spent + open_
            money.actual += spent

    def of_project(
        self,
        project: str,
        tasks: Mapping[str, object],
        calendars: Mapping[str, object],
        as_of: datetime | None,
        *,
        alone: bool,
    ) -> tuple[tuple[Resource, ...], tuple[Assignment, ...]]:
        """A project's assignments with their resources (all of them when the file is of one project)."""
        assignments: list[Assignment] = []
        for each in self._assignments.get(project, {}).values():
            resource = self._resources.get(each.resource_source_id or "")
            if each.task_source_id not in tasks:
                detail = "its activity is not among the activities taken"
                self._report.skip("assignment", each.source_id, "unknown_task", detail)
            elif each.resource_source_id is not None and resource is None:
                detail = "its resource is not among the resources taken"
                self._report.skip("assignment", each.source_id, "unknown_resource", detail)
            elif resource is not None and resource.type is not ResourceType.WORK:
                # A quantity of material is written as if it were hours.
                assignments.append(replace(each, work_minutes=0, actual_work_minutes=0, remaining_work_minutes=0))
            else:
                assignments.append(each)
        used = {each.resource_source_id for each in assignments}
        return (
            tuple(
                self._rated(each, calendars, as_of)
                for uid, each in self._resources.items()
                if alone or uid in used
            ),
            tuple(assignments),
        )  # fmt: skip

    def _rated(self, resource: Resource, calendars: Mapping[str, object], as_of: datetime | None) -> Resource:
        """The resource at the rate in force, else at its first, with a calendar that is known."""
        rates = self._rates.get(resource.source_id, [])
        always = [rate for rate in rates if rate.since is None]
        rates = always + sorted((rate for rate in rates if rate.since is not None), key=lambda rate: str(rate.since))
        in_force = [rate for rate in rates if rate.since is None or (as_of is not None and rate.since <= as_of)]
        rate = in_force[-1] if in_force else next(iter(rates), None)
        calendar = resource.calendar_source_id
        if calendar is not None and calendar not in calendars:
            detail = "its calendar is unknown; the project's takes its place"
            self._report.skip("resource", resource.source_id, "unknown_calendar", detail)
            calendar = None
        if resource.type is not ResourceType.WORK:
            calendar = None
        return replace(
            resource,
            calendar_source_id=calendar,
            standard_rate=None if rate is None else rate.price,
            max_units=Decimal(1) if rate is None or rate.most is None else rate.most,
        )
