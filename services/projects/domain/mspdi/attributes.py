"""What Microsoft Project has no field for: kept in custom fields of its files, by whose aliases it is known again.

A custom field is defined once in a file, by the number of the field (`Text30`) and an alias; tasks name the number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from services.projects.domain.ev_techniques import technique_read, technique_text
from services.projects.domain.fields import FieldError, Report, Row
from services.projects.domain.mspdi.values import moment
from services.projects.domain.plan import MILESTONES, SPANNING, ActivityType, ConstraintType, Task
from services.projects.domain.progress import PercentCompleteType

Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A custom field of tasks: what we call it, and which of Microsoft Project's it takes."""

    alias: str
    name: str
    number: int


ACTIVITY_TYPE: Final = Attribute("PMO activity type", "Text30", 188744016)
PERCENT_TYPE: Final = Attribute("PMO percent complete type", "Text29", 188744015)
CONSTRAINT: Final = Attribute("PMO constraint", "Text28", 188744014)
SECOND_CONSTRAINT: Final = Attribute("PMO second constraint", "Text27", 188744013)
TECHNIQUE: Final = Attribute("PMO earned value technique", "Text26", 188744012)
SECOND_DATE: Final = Attribute("PMO second constraint date", "Date10", 188743954)
EXPECTED_FINISH: Final = Attribute("PMO expected finish", "Date9", 188743953)
EXTERNAL_START: Final = Attribute("PMO external early start", "Date8", 188743952)
EXTERNAL_FINISH: Final = Attribute("PMO external late finish", "Date7", 188743951)
ATTRIBUTES: Final = (
    ACTIVITY_TYPE,
    PERCENT_TYPE,
    CONSTRAINT,
    SECOND_CONSTRAINT,
    TECHNIQUE,
    SECOND_DATE,
    EXPECTED_FINISH,
    EXTERNAL_START,
    EXTERNAL_FINISH,
)
MANDATORY: Final = {
    ConstraintType.MANDATORY_START: ConstraintType.MUST_START_ON,
    ConstraintType.MANDATORY_FINISH: ConstraintType.MUST_FINISH_ON,
}
"""The constraints that the format does not have, and those that are written for them."""
MAX_TEXT: Final = 255  # characters that a text of Microsoft Project holds
_UNDATED: Final = frozenset({ConstraintType.AS_SOON_AS_POSSIBLE, ConstraintType.AS_LATE_AS_POSSIBLE})


def attributes_of(task: Task, *, earns_physically: bool) -> dict[Attribute, str | datetime]:
    """What a task says beyond Microsoft Project's own fields, of which the earned value method is one."""
    technique = technique_text(task.ev_technique)
    second = task.secondary_constraint_type
    method = PercentCompleteType.PHYSICAL if earns_physically else PercentCompleteType.DURATION
    stated: dict[Attribute, str | datetime | None] = {
        ACTIVITY_TYPE: None if task.activity_type is ActivityType.TASK else str(task.activity_type),
        PERCENT_TYPE: None if task.percent_complete_type is method else str(task.percent_complete_type),
        CONSTRAINT: str(task.constraint_type) if task.constraint_type in MANDATORY else None,
        SECOND_CONSTRAINT: None if second is ConstraintType.AS_SOON_AS_POSSIBLE else str(second),
        TECHNIQUE: technique if technique is not None and len(technique) <= MAX_TEXT else None,
        SECOND_DATE: task.secondary_constraint_date,
        EXPECTED_FINISH: task.expected_finish,
        EXTERNAL_START: task.external_early_start,
        EXTERNAL_FINISH: task.external_late_finish,
    }
    return {attribute: value for attribute, value in stated.items() if value is not None}


class AttributeReader:
    """Knows a file's custom fields of ours by their definitions, and tells tasks what they say."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._aliases: dict[str, str] = {}  # by the number of the field

    def define(self, row: Row) -> None:
        """Take the definition of a custom field."""
        alias = row.texts.get("Alias", "")
        if any(alias == each.alias for each in ATTRIBUTES):
            self._aliases[row.texts.get("FieldID", "")] = alias

    def completed(self, task: Task, rows: Iterable[Row]) -> Task:
        """The task with what its custom fields say; what cannot be read is reported and left out."""
        found = Row()
        for row in rows:
            alias = self._aliases.get(row.texts.get("FieldID", ""))
            if alias is not None and "Value" in row.texts:
                found.texts[alias] = row.texts["Value"]
        if not found.texts:
            return task
        for take in (_activity, _percent, _constraint, _second_constraint, _technique, _dates):
            try:
                task = take(task, found)
            except FieldError as error:
                self._report.skip("task", task.source_id, "invalid_field", f"{error}; it is left out")
        return task


def _activity(task: Task, row: Row) -> Task:
    kind = _member(row, ACTIVITY_TYPE, ActivityType, ActivityType.TASK)
    is_point = task.is_milestone and not task.duration_minutes
    # What has been made of it in Microsoft Project since is true: work of what was a milestone, say.
    if (kind in MILESTONES and not is_point) or (kind in SPANNING and (task.is_milestone or task.is_manual)):
        return task
    return replace(task, activity_type=kind)


def _percent(task: Task, row: Row) -> Task:
    if PERCENT_TYPE.alias not in row.texts:
        return task
    kind = _member(row, PERCENT_TYPE, PercentCompleteType, PercentCompleteType.DURATION)
    return replace(
        task,
        uses_physical_percent=kind is PercentCompleteType.PHYSICAL,
        uses_units_percent=kind is PercentCompleteType.UNITS,
    )


def _constraint(task: Task, row: Row) -> Task:
    kind = _member(row, CONSTRAINT, ConstraintType, task.constraint_type)
    return replace(task, constraint_type=kind) if MANDATORY.get(kind) is task.constraint_type else task


def _second_constraint(task: Task, row: Row) -> Task:
    kind = _member(row, SECOND_CONSTRAINT, ConstraintType, ConstraintType.AS_SOON_AS_POSSIBLE)
    date = None if kind in _UNDATED else moment(row, SECOND_DATE.alias)
    if date is None and kind not in _UNDATED:
        raise FieldError(SECOND_CONSTRAINT.alias, "needs a date")
    return replace(task, secondary_constraint_type=kind, secondary_constraint_date=date)


def _technique(task: Task, row: Row) -> Task:
    if (text := row.texts.get(TECHNIQUE.alias)) is None:
        return task
    try:
        return replace(task, ev_technique=technique_read(text))
    except ValueError:
        raise FieldError(TECHNIQUE.alias, "no known technique") from None


def _dates(task: Task, row: Row) -> Task:
    return replace(
        task,
        expected_finish=moment(row, EXPECTED_FINISH.alias),
        external_early_start=moment(row, EXTERNAL_START.alias),
        external_late_finish=moment(row, EXTERNAL_FINISH.alias),
    )


def _member(row: Row, attribute: Attribute, kinds: type[Kind], default: Kind) -> Kind:
    text = row.texts.get(attribute.alias)
    if text is None:
        return default
    try:
        return kinds(text)
    except ValueError:
        raise FieldError(attribute.alias, "no known kind") from None
