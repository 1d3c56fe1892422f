"""The resources that a table's rows name: `Ann[50%];Bob`, known by their names."""

import re
from decimal import Decimal
from typing import Final

from services.projects.domain.fields import MAX_ASSIGNMENTS, MAX_NAME, MAX_RESOURCES, MAX_UNITS, Row, label
from services.projects.domain.plan import Assignment, Resource
from services.projects.domain.sheets.values import between, number
from services.projects.domain.xml_guard import PlanFileError

_ITEM: Final = re.compile(r'(?:"[^"]*"|[^";])+')
_COMMA_ITEM: Final = re.compile(r'(?:"[^"]*"|\[[^\]]*\]|[^",;])+')
_UNITS: Final = re.compile(r"(?P<name>.*?)\s*\[(?P<units>[^\[\]]*)\]", re.DOTALL)
MAX_NAMED: Final = 200
"""Resources of one task."""


class People:
    """Collects resources and assignments row by row."""

    def __init__(self, *, by_comma: bool, decimal_comma: bool) -> None:
        self._item = _COMMA_ITEM if by_comma else _ITEM
        self._comma = decimal_comma
        self.resources: dict[str, Resource] = {}  # by their names, as they are compared
        self.assignments: list[Assignment] = []

    def read(self, task: str, minutes: int, text: str) -> None:
        """Take who works on a task of so many minutes; CellError where the cell says no share."""
        shares: dict[str, tuple[str, Decimal]] = {}
        for item in self._item.findall(text)[:MAX_NAMED]:
            name, units = item.strip()[: 2 * MAX_NAME], Decimal(1)
            if match := _UNITS.fullmatch(name):
                name, units = match["name"], self._units(match["units"])
            row = Row()
            row.texts["name"] = name.strip().strip('"')
            if found := label(row, "name"):
                key = found.casefold()
                shares[key] = (found, units + (shares[key][1] if key in shares else Decimal(0)))
        for key, (name, units) in shares.items():
            resource = self.resources.setdefault(key, Resource(f"name:{key}", name))
            work = int(minutes * units)
            assignment = Assignment(
                f"{task}:{key}", task, resource.source_id, units, work_minutes=work, remaining_work_minutes=work
            )
            self.assignments.append(assignment)
        if len(self.resources) > MAX_RESOURCES or len(self.assignments) > MAX_ASSIGNMENTS:
            raise PlanFileError("plan_too_large", f"more than {MAX_RESOURCES} resources or {MAX_ASSIGNMENTS} shares")

    def _units(self, text: str) -> Decimal:
        amount = re.split(r"\s", text.strip(), maxsplit=1)[0]
        value = number(amount, comma=self._comma)
        return between(value / 100 if "%" in text else value, Decimal(0), MAX_UNITS)
