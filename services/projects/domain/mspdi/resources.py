"""Resources and assignments of Microsoft Project XML."""

from collections.abc import Mapping
from dataclasses import replace
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
    flag,
    identifier,
    integer,
    label,
    number,
)
from services.projects.domain.mspdi.values import minutes, moment, money
from services.projects.domain.plan import Assignment, Resource, ResourceType
from services.projects.domain.xml_guard import PlanFileError

_TYPES: Final = (ResourceType.MATERIAL, ResourceType.WORK, ResourceType.COST)
_WORK: Final = 1
_NOBODY: Final = "-65535"
_UNASSIGNED: Final = "0"  # the file's own placeholder row, without a name


class ResourceReader:
    """Reads resource and assignment rows one by one; `finish` settles what needs all of them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._resources: dict[str, Resource] = {}
        self._assignments: dict[str, Assignment] = {}
        self._blank: set[str] = {_NOBODY}

    def read(self, row: Row, as_of: datetime | None) -> None:
        """Take a resource with the rates in force at `as_of`, or report why not; a blank line is nothing."""
        uid = ""
        try:
            found = identifier(row)
            if found is None:
                if not flag(row, "IsNull"):
                    self._report.skip("resource", "", "missing_uid", "a resource has no UID")
                return
            uid = found
            if flag(row, "IsNull") or (uid == _UNASSIGNED and "Name" not in row.texts):
                self._blank.add(uid)
                return
            if uid in self._resources:
                self._report.skip("resource", uid, "duplicate_uid", "another resource before it has the same UID")
                return
            rates = _rates(row, as_of)
            kind = _TYPES[integer(row, "Type", _WORK, 0, len(_TYPES) - 1)]
            resource = Resource(
                source_id=uid,
                name=label(row, "Name", f"Resource {uid}"),
                type=ResourceType.COST if flag(row, "IsCostResource") else kind,
                email=label(row, "EmailAddress", limit=MAX_ADDRESS) or None,
                max_units=number(row, "MaxUnits", Decimal(1), Decimal(0), MAX_UNITS),
                calendar_source_id=identifier(row, "CalendarUID"),
                standard_rate=_rate(rates, "StandardRate"),
                overtime_rate=_rate(rates, "OvertimeRate"),
                cost_per_use=money(rates, "CostPerUse"),
            )
        except FieldError as error:
            self._report.skip("resource", uid, "invalid_field", str(error))
            return
        if len(self._resources) >= MAX_RESOURCES:
            raise PlanFileError("plan_too_large", f"more than {MAX_RESOURCES} resources")
        self._resources[uid] = resource

    def read_assignment(self, row: Row) -> None:
        """Take an assignment, or report why not."""
        uid = ""
        try:
            found, task, resource = identifier(row), identifier(row, "TaskUID"), identifier(row, "ResourceUID")
            uid = found or ""
            if found is None or task is None:
                self._report.skip("assignment", uid, "missing_uid", "an assignment has no UID or no TaskUID")
                return
            if uid in self._assignments:
                self._report.skip("assignment", uid, "duplicate_uid", "another assignment before it has the same UID")
                return
            assignment = Assignment(
                source_id=uid,
                task_source_id=task,
                resource_source_id=resource,
                units=number(row, "Units", Decimal(1), Decimal(0), MAX_UNITS),
                work_minutes=minutes(row, "Work", MAX_WORK_MINUTES) or 0,
                actual_work_minutes=minutes(row, "ActualWork", MAX_WORK_MINUTES) or 0,
                remaining_work_minutes=minutes(row, "RemainingWork", MAX_WORK_MINUTES) or 0,
                cost=money(row, "Cost"),
                actual_cost=money(row, "ActualCost"),
                start=moment(row, "Start"),
                finish=moment(row, "Finish"),
            )
        except FieldError as error:
            self._report.skip("assignment", uid, "invalid_field", str(error))
            return
        if len(self._assignments) >= MAX_ASSIGNMENTS:
            raise PlanFileError("plan_too_large", f"more than {MAX_ASSIGNMENTS} assignments")
        self._assignments[uid] = assignment

    def finish(
        self, tasks: Mapping[str, object], calendars: Mapping[str, object]
    ) -> tuple[tuple[Resource, ...], tuple[Assignment, ...]]:
        """All resources, and the assignments that join a known task with a known resource or with nobody."""
        resources: list[Resource] = []
        for resource in self._resources.values():
            calendar = resource.calendar_source_id
            if calendar is None or calendar in calendars:
                resources.append(resource)
                continue
            # Material and cost have no calendar, though the file numbers one.
            if int(calendar) > 0 and resource.type is ResourceType.WORK:
                detail = "its calendar is unknown; the project's takes its place"
                self._report.skip("resource", resource.source_id, "unknown_calendar", detail)
            resources.append(replace(resource, calendar_source_id=None))
        assignments: list[Assignment] = []
        for assignment in self._assignments.values():
            taken = self._settled(assignment, tasks)
            if taken is not None:
                assignments.append(taken)
        return tuple(resources), tuple(assignments)

    def _settled(self, assignment: Assignment, tasks: Mapping[str, object]) -> Assignment | None:
        uid = assignment.resource_source_id
        if assignment.task_source_id not in tasks:
            detail = "its task is not among the tasks taken"
            self._report.skip("assignment", assignment.source_id, "unknown_task", detail)
            return None
        if uid is None or (uid in self._blank and uid not in self._resources):
            return replace(assignment, resource_source_id=None)
        resource = self._resources.get(uid)
        if resource is None:
            detail = "its resource is not among the resources taken"
            self._report.skip("assignment", assignment.source_id, "unknown_resource", detail)
            return None
        if resource.type is ResourceType.WORK:
            return assignment
        # A quantity of material is written as if it were hours.
        return replace(assignment, work_minutes=0, actual_work_minutes=0, remaining_work_minutes=0)


def _rates(row: Row, as_of: datetime | None) -> Row:
    """The row of the resource's first rate table that is in force, else the resource's own."""
    for rate in row.each("Rates", "Rate"):
        first, end = moment(rate, "RatesFrom"), moment(rate, "RatesTo")
        in_force = as_of is not None and (first is None or first <= as_of) and (end is None or as_of < end)
        if in_force and integer(rate, "RateTable", 0) == 0:
            return rate
    return row


def _rate(row: Row, field: str) -> Decimal | None:
    """Money per hour (or per unit of material) in major units; the rate's format only says how it is shown."""
    if field not in row.texts:
        return None
    return number(row, field, Decimal(0), Decimal(0), MAX_RATE)
