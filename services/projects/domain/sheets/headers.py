"""Which column of a table is which field: by the sender's mapping, else by the names that tools give them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from services.projects.domain.xml_guard import PlanFileError

FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "id": ("id", "activity id", "task id", "task code", "nr", "no", "#"),
        "unique_id": ("unique id", "uid"),
        "guid": ("guid",),
        "wbs": ("wbs", "wbs code", "wbs id", "outline number"),
        "outline_level": ("outline level", "level"),
        "name": ("name", "task name", "activity name", "task", "title"),
        "duration": (
            "duration", "original duration", "planned duration", "target drtn hr cnt", "at completion duration"
        ),
        "duration_minutes": ("duration minutes",),
        "is_elapsed_duration": ("is elapsed duration",),
        "remaining_duration": ("remaining duration", "remain drtn hr cnt"),
        "work": ("work", "planned work"),
        "work_minutes": ("work minutes",),
        "predecessors": ("predecessors", "pred list"),
        "resources": ("resources", "resource names", "resource list", "assigned to", "assignees"),
        "start": ("start", "start date", "planned start"),
        "finish": ("finish", "finish date", "end", "end date", "planned finish"),
        "early_start": ("early start",),
        "constraint_type": ("constraint type", "primary constraint", "cstr type"),
        "constraint_date": ("constraint date", "primary constraint date", "cstr date"),
        "deadline": ("deadline",),
        "percent_complete": (
            "percent complete", "% complete", "% comp.", "activity % complete", "duration % complete", "complete pct"
        ),
        "physical_percent_complete": ("physical percent complete", "physical % complete", "phys complete pct"),
        "actual_start": ("actual start", "act start date"),
        "actual_finish": ("actual finish", "act end date"),
        "cost": ("cost", "total cost", "budgeted total cost"),
        "actual_cost": ("actual cost", "actual total cost"),
        "fixed_cost": ("fixed cost",),
        "priority": ("priority",),
        "is_milestone": ("is milestone", "milestone"),
        "is_active": ("is active", "active"),
        "is_manual": ("is manual", "task mode"),
        "activity_type": ("activity type",),
        "percent_complete_type": ("percent complete type", "complete pct type"),
        "percent_work_complete": ("percent work complete", "% work complete", "units % complete"),
        "secondary_constraint_type": ("secondary constraint type", "secondary constraint", "cstr type2"),
        "secondary_constraint_date": ("secondary constraint date", "cstr date2"),
        "expected_finish": ("expected finish", "expect end date"),
        "leveling_delay_minutes": ("leveling delay minutes", "leveling delay"),
        "is_fixed_duration": ("is fixed duration",),
        "is_fixed_work": ("is fixed work",),
        "ignores_resource_calendar": ("ignores resource calendar", "ignore resource calendar"),
        "ev_technique": ("ev technique",),
        "actual_duration_minutes": ("actual duration minutes",),
        "remaining_duration_minutes": ("remaining duration minutes",),
        "actual_work_minutes": ("actual work minutes",),
        "remaining_work_minutes": ("remaining work minutes",),
        "baseline_start": ("baseline start",),
        "baseline_finish": ("baseline finish",),
        "baseline_duration": ("baseline duration",),
        "baseline_duration_minutes": ("baseline duration minutes",),
        "baseline_work": ("baseline work",),
        "baseline_work_minutes": ("baseline work minutes",),
        "baseline_cost": ("baseline cost",),
        "stop": ("stop", "suspend date"),
        "resume": ("resume", "resume date"),
        "external_early_start": ("external early start", "external early start date"),
        "external_late_finish": ("external late finish", "external late end date"),
        "description": ("description", "notes"),
    }
)  # fmt: skip
"""What a table can say of a task, and the headings that are known for it."""

_KNOWN: Final = {name: field for field, names in FIELDS.items() for name in names}
_UNIT: Final = re.compile(r"\(\s*(m|min|h|hr|hrs|hours?|d|days?|w|weeks?)\s*\)$")
_OWN: Final = re.compile(r"custom\.[a-z][a-z0-9_]{0,39}", re.ASCII)
_BLANKS: Final = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field stands, and the unit of its plain numbers if the heading tells it."""

    place: int  # from 0
    unit: str | None = None

    @property
    def letter(self) -> str:
        """The column as a spreadsheet names it."""
        place, letters = self.place + 1, ""
        while place:
            place, rest = divmod(place - 1, 26)
            letters = chr(65 + rest) + letters
        return letters


def is_own(field: str) -> bool:
    """Whether a field is one that organizations add."""
    return _OWN.fullmatch(field) is not None


def columns_of(header: Sequence[str], mapping: Mapping[str, str] | None) -> dict[str, Column]:
    """The columns by field; PlanFileError if a column that was named is not there, or none is known."""
    if mapping is not None:
        return _mapped(header, mapping)
    found: dict[str, Column] = {}
    for place, text in enumerate(header):
        name, unit = _normal(text)
        field = _KNOWN.get(name) or (text.strip() if is_own(text.strip()) else None)
        if field is not None and field not in found:
            found[field] = Column(place, "h" if name.endswith("hr cnt") else unit)
    if "name" not in found and "id" not in found:
        raise PlanFileError("unknown_columns", "the first row names neither an id nor a name; send a mapping", 1, 1)
    return found


def _mapped(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, Column]:
    places: dict[str, int] = {}
    for place, text in enumerate(header):
        places.setdefault(text.strip(), place)
    loose = {text.casefold(): place for text, place in reversed(places.items())}
    found = {}
    for field, stated in mapping.items():
        name = stated.strip()
        at = places.get(name, loose.get(name.casefold()))
        if at is None:
            raise PlanFileError("unknown_column", f"the column that the mapping names for {field} is not there", 1, 1)
        found[field] = Column(at, _normal(name)[1])
    return found


def _normal(text: str) -> tuple[str, str | None]:
    name = _BLANKS.sub(" ", text.replace("(*)", "").strip().casefold())
    match = _UNIT.search(name)
    if match is None:
        return name, None
    return name[: match.start()].strip(), match[1][0]


def is_heading(texts: Mapping[str, str]) -> bool:
    """Whether a row is a second line of headings, as Primavera writes one below its own names."""
    return len(texts) > 1 and all(_normal(text)[0] in _KNOWN for text in texts.values())
