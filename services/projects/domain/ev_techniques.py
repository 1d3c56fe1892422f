"""Earned-value techniques: by which rule the progress of a task earns its budget (EIA-748 guideline 12; NASA; PMI)."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.projects.domain.progress import PercentCompleteType
from shared.types import Instant, Name, Percent, Schema, decimal_of

Quantity = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(gt=0, le=1_000_000_000, max_digits=13, decimal_places=4, allow_inf_nan=False),
    PlainSerializer(float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000}),
]
"""A number above 0, at most four decimals."""


class ZeroHundred(Schema):
    """Nothing until it is finished, then all: for what takes no longer than a reporting period."""

    kind: Literal["zero_hundred"]
    """0/100."""


class FiftyFifty(Schema):
    """Half when it starts, half when it is finished."""

    kind: Literal["fifty_fifty"]
    """50/50."""


class Split(Schema):
    """A part when it starts, the rest when it is finished."""

    kind: Literal["split"]
    """XX/YY."""
    start_percent: Annotated[Percent, PlainSerializer(float)]
    """What is earned at the actual start; 25 for 25/75."""


class WeightedMilestone(Schema):
    """A step of a task's work."""

    name: Name
    """What is achieved; once in a task."""
    weight: Quantity
    """Its part, against the sum of all weights."""
    achieved_at: Instant | None = None
    """When it was; null: not yet."""


class WeightedMilestones(Schema):
    """The weights of the milestones that are achieved, of the sum of all weights."""

    kind: Literal["weighted_milestones"]
    """Each earns its weight from the instant that it is achieved."""
    milestones: Annotated[list[WeightedMilestone], Field(min_length=1, max_length=100)]
    """At most 100."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len({each.name for each in self.milestones}) < len(self.milestones):
            raise PydanticCustomError("repeated_milestone", "two milestones have the same name")
        return self


class PercentComplete(Schema):
    """A percentage that is stated."""

    kind: Literal["percent_complete"]
    """By one of the three percents of a task."""
    basis: PercentCompleteType | None = None
    """Which one; null: the task's percent_complete_type."""


class UnitsComplete(Schema):
    """The units that are done (`units_done`), of those planned."""

    kind: Literal["units"]
    """By counting equal pieces."""
    planned: Quantity
    """How many; more done than planned earns no more than all."""


class LevelOfEffort(Schema):
    """What was planned to the instant: work that is measured by the passage of time."""

    kind: Literal["level_of_effort"]
    """Earned is planned, so it is never ahead or behind; what is told of it beside is for the rest alone."""


class Apportioned(Schema):
    """The same part of its budget as another task has earned of its own: inspection of what is built, say."""

    kind: Literal["apportioned"]
    """In proportion to a base."""
    base_task_id: UUID
    """A task of the same project that earns by its own progress, or is apportioned to one that does."""


AnyTechnique = (
    ZeroHundred
    | FiftyFifty
    | Split
    | WeightedMilestones
    | PercentComplete
    | UnitsComplete
    | LevelOfEffort
    | Apportioned
)
"""How a task earns, as it is told: events have no discriminators."""
EvTechnique = Annotated[AnyTechnique, Field(discriminator="kind")]
"""How a task earns, as it is given."""

TECHNIQUES: Final = (
    ZeroHundred,
    FiftyFifty,
    Split,
    WeightedMilestones,
    PercentComplete,
    UnitsComplete,
    LevelOfEffort,
    Apportioned,
)
LEVEL_OF_EFFORT: Final = LevelOfEffort(kind="level_of_effort")

_TECHNIQUE: Final[TypeAdapter[EvTechnique]] = TypeAdapter(EvTechnique)


class DefaultTechnique(StrEnum):
    """How the tasks of a project earn that say nothing of it themselves."""

    PERCENT_COMPLETE = "percent_complete"  # by each task's percent_complete_type
    ZERO_HUNDRED = "zero_hundred"
    FIFTY_FIFTY = "fifty_fifty"
    NONE = "none"  # they earn nothing, and are told as tasks without a technique


def as_technique(value: object) -> EvTechnique | None:
    """Return a value if it is a technique."""
    return value if isinstance(value, TECHNIQUES) else None


def technique_json(technique: EvTechnique | None) -> str | None:
    """Return a technique as it is kept."""
    return None if technique is None else _TECHNIQUE.dump_json(technique).decode()


def technique_text(technique: EvTechnique | None) -> str | None:
    """Return a technique as a file's cell says it: by its kind alone if that is all, else as JSON."""
    if technique is None or technique.model_fields_set == {"kind"}:
        return None if technique is None else technique.kind
    return _TECHNIQUE.dump_json(technique, exclude_none=True).decode()


def technique_read(text: str) -> EvTechnique:
    """Return the technique that a file's cell says; raises ValueError (of pydantic) if it is none."""
    if text.startswith("{"):
        return _TECHNIQUE.validate_json(text)
    return _TECHNIQUE.validate_python({"kind": text.strip().casefold().replace(" ", "_")})


def technique_of(text: str | None) -> EvTechnique | None:
    """Return a kept technique."""
    return None if text is None else _TECHNIQUE.validate_json(text)
