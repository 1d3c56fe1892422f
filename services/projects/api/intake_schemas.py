"""What is asked of requests for projects."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from services.projects.api.governed import CustomFields
from services.projects.api.hierarchy_schemas import Weight
from services.projects.api.schemas import TimeZone
from services.projects.domain.hierarchy import FieldStatus
from services.projects.domain.intake import Direction
from services.projects.domain.intake_images import IntakeAssessmentRead, IntakeCriterionRead, IntakeRequestRead
from shared.pagination import page_of
from shared.types import Day, Description, Key, Money, Name, Patch, Schema, SourceId, absent, decimal_of

Reason = Annotated[Name, Field(max_length=500)]


class IntakeRequestCreate(Schema):
    """A new request for a project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Shore power for the ferry berths",
                    "desired_start": "2027-01-04",
                    "estimated_cost": {"amount": "2400000.00", "currency": "EUR"},
                }
            ]
        }
    )

    title: Name
    """What is asked for."""
    key: Key | None = None
    """Human key, unique among requests; given by us (RQ-1, RQ-2, …) if absent."""
    description: Description = ""
    """Why, and what it is to bring."""
    requester: SourceId | None = None
    """Subject of who asks for it; the caller if absent, and for who sees only their own."""
    customer_id: UUID | None = None
    """Whom it would be done for."""
    desired_start: Day | None = None
    """When it should begin."""
    desired_finish: Day | None = None
    """When it should be finished."""
    estimated_cost: Money | None = None
    """What it may cost."""
    estimated_benefit: Money | None = None
    """What it may bring, in the same currency."""
    custom_fields: CustomFields = Field(default_factory=dict)


class IntakeRequestUpdate(Patch):
    """Changes to a request; absent fields keep their values."""

    title: Name = absent()
    """What is asked for."""
    description: Description = absent()
    """Why, and what it is to bring."""
    customer_id: UUID | None = None
    """Whom it would be done for; null clears."""
    desired_start: Day | None = None
    """When it should begin; null clears."""
    desired_finish: Day | None = None
    """When it should be finished; null clears."""
    estimated_cost: Money | None = None
    """What it may cost; null clears."""
    estimated_benefit: Money | None = None
    """What it may bring, in the same currency; null clears."""
    custom_fields: CustomFields = absent()
    """What is absent keeps its value, null clears."""


class IntakeWithdrawalCreate(Schema):
    """Why a request is withdrawn."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The ferry line has closed."}]})

    reason: Reason
    """Why; kept in the request's history."""


class ProjectOfRequest(Schema):
    """What the project has that an approved request becomes, beside what the request says."""

    status: Literal["approved", "proposed"] = "approved"
    """In which state it begins."""
    owner: SourceId | None = None
    """Subject of who manages it; the requester if absent."""
    programme_id: UUID | None = None
    """The programme that it is part of."""
    time_zone: TimeZone = "UTC"
    """IANA time zone that its local times are in."""
    custom_fields: CustomFields = Field(default_factory=dict)


class IntakeDecisionCreate(Schema):
    """What is to become of a submitted request."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "approved", "reason": "Best score within the budget."}]}
    )

    decision: Literal["approved", "rejected", "deferred"]
    """By somebody else than who asked for it and who submitted it."""
    reason: Reason
    """Why; kept with the request and in its history."""
    project: ProjectOfRequest | None = None
    """How the project begins that an approved request becomes."""


ScoreGiven = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(ge=-1_000_000, le=1_000_000, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": -1_000_000, "maximum": 1_000_000}),
]


class CriterionScoreCreate(Schema):
    """How a request scores by one criterion."""

    criterion_id: UUID
    """The criterion."""
    score: ScoreGiven
    """On the criterion's scale."""
    note: Annotated[Description, Field(max_length=2000)] = ""
    """Why."""


Scores = Annotated[list[CriterionScoreCreate], Field(max_length=100)]


class IntakeAssessmentCreate(Schema):
    """What the caller says of a request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scores": [{"criterion_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10", "score": 7, "note": "Wanted."}],
                    "note": "Worth doing soon.",
                }
            ]
        }
    )

    scores: Scores = Field(default_factory=list)
    """By criterion; what is left out is not scored."""
    note: Annotated[Description, Field(max_length=2000)] = ""
    """What is to be said of the whole."""


class IntakeAssessmentUpdate(Patch):
    """Changes to what the caller has said of a request."""

    scores: Scores = absent()
    """All scores anew."""
    note: Annotated[Description, Field(max_length=2000)] = absent()
    """What is to be said of the whole."""

    def changes(self) -> dict[str, object]:
        """Return only what the caller named."""
        named = super().changes()
        if "scores" in named:
            named["scores"] = [score.model_dump() for score in self.scores]
        return named


class IntakeCriterionCreate(Schema):
    """Something more to assess requests by."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Strategic fit", "weight": 3, "minimum": 0, "maximum": 10}]}
    )

    name: Name
    """What people call it; unique among criteria."""
    description: Description = ""
    """How to score by it."""
    weight: Weight = Decimal(1)
    """How much it counts beside the others."""
    minimum: ScoreGiven = Decimal(0)
    """The lower end of its scale."""
    maximum: ScoreGiven = Decimal(10)
    """The upper end of its scale."""
    direction: Direction = Direction.HIGHER_IS_BETTER
    """Which end speaks for a request."""


class IntakeCriterionUpdate(Patch):
    """Changes to a criterion; the scores of undecided requests follow."""

    name: Name = absent()
    """What people call it."""
    description: Description = absent()
    """How to score by it."""
    weight: Weight = absent()
    """How much it counts beside the others."""
    minimum: ScoreGiven = absent()
    """The lower end of its scale."""
    maximum: ScoreGiven = absent()
    """The upper end of its scale."""
    direction: Direction = absent()
    """Which end speaks for a request."""
    status: FieldStatus = absent()
    """A retired criterion counts for nothing any more."""


IntakeRequestPage = page_of(IntakeRequestRead, "IntakeRequestPage")
IntakeAssessmentPage = page_of(IntakeAssessmentRead, "IntakeAssessmentPage")
IntakeCriterionPage = page_of(IntakeCriterionRead, "IntakeCriterionPage")
