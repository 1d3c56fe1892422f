"""What is asked of customers, portfolios, programmes and custom fields."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.projects.api.governed import GovernedCreate, GovernedUpdate
from services.projects.domain.hierarchy import FieldOwner, FieldStatus, FieldType, PortfolioStatus
from services.projects.domain.hierarchy_images import (
    CustomerRead,
    CustomFieldRead,
    PortfolioItemRead,
    PortfolioRead,
    ProgrammeRead,
)
from services.projects.domain.project import INITIAL, ProjectStatus
from shared.pagination import page_of
from shared.types import Description, Flag, Key, Name, Patch, Schema, absent, decimal_of


class CustomerCreate(Schema):
    """A new customer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Port authority"}]})

    name: Name
    """What people call it."""
    key: Key | None = None
    """Human key, unique among customers; given by us (CU-1, CU-2, …) if absent."""
    description: Description = ""
    """What is to be known of it."""


class CustomerUpdate(Patch):
    """Changes to a customer; absent fields keep their values."""

    name: Name = absent()
    """What people call it."""
    key: Key = absent()
    """Human key."""
    description: Description = absent()
    """What is to be known of it."""


class PortfolioCreate(GovernedCreate):
    """A new portfolio."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Harbour", "categories": ["infrastructure"]}]})

    name: Name
    """What people call it."""
    key: Key | None = None
    """Human key, unique among portfolios; given by us (PF-1, PF-2, …) if absent."""
    description: Description = ""
    """What it is for."""
    status: PortfolioStatus = PortfolioStatus.ACTIVE
    """Where it stands; proposed or active."""
    parent_id: UUID | None = None
    """The portfolio that it is part of."""

    @model_validator(mode="after")
    def _is_not_closed(self) -> "PortfolioCreate":
        if self.status is PortfolioStatus.CLOSED:
            raise PydanticCustomError("initial_status", "a portfolio starts as proposed or active")
        return self


class PortfolioUpdate(GovernedUpdate):
    """Changes to a portfolio; absent fields keep their values."""

    name: Name = absent()
    """What people call it."""
    key: Key = absent()
    """Human key."""
    description: Description = absent()
    """What it is for."""
    status: PortfolioStatus = absent()
    """Where it stands."""
    parent_id: UUID | None = None
    """The portfolio that it is part of; null: none."""


class ProgrammeCreate(GovernedCreate):
    """A new programme."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Terminal of the future"}]})

    name: Name
    """What people call it."""
    key: Key | None = None
    """Human key, unique among programmes; given by us (PG-1, PG-2, …) if absent."""
    description: Description = ""
    """What it is for."""
    status: ProjectStatus = ProjectStatus.IDEA
    """State of the life cycle; up to active. Approved and active need the right to approve."""
    portfolio_id: UUID | None = None
    """The portfolio that it is part of; absent: it stands alone."""

    @model_validator(mode="after")
    def _starts_early_in_life(self) -> "ProgrammeCreate":
        if self.status not in INITIAL:
            raise PydanticCustomError("initial_status", "a programme starts as idea, proposed, approved or active")
        return self


class ProgrammeUpdate(GovernedUpdate):
    """Changes to a programme; absent fields keep their values."""

    name: Name = absent()
    """What people call it."""
    key: Key = absent()
    """Human key."""
    description: Description = absent()
    """What it is for."""
    status: ProjectStatus = absent()
    """State of the life cycle, under the same rights as a transition."""
    portfolio_id: UUID | None = None
    """The portfolio that it is part of; null: it stands alone."""


Weight = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(gt=0, le=1000, max_digits=7, decimal_places=3, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1000}),
]


class PortfolioItemCreate(Schema):
    """A project to be put into a portfolio."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"project_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10", "weight": 2.5}]}
    )

    project_id: UUID
    """The project; it can be in other portfolios too."""
    weight: Weight = Decimal(1)
    """How much it counts in this portfolio beside the others."""


class PortfolioItemUpdate(Patch):
    """Changes to a project's place in a portfolio."""

    weight: Weight = absent()
    """How much it counts in this portfolio beside the others."""


FieldKey = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Choices = Annotated[list[Name], Field(max_length=200)]
Bound = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(ge=-(2**53), le=2**53, max_digits=20, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "number"}),
]


class CustomFieldCreate(Schema):
    """A field to be added to one kind of thing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "entity": "project",
                    "key": "risk_class",
                    "name": "Risk class",
                    "type": "choice",
                    "choices": ["low", "medium", "high"],
                    "default": "medium",
                }
            ]
        }
    )

    entity: FieldOwner
    """What is to have the field."""
    key: FieldKey
    """Its name in `custom_fields` and in filters (`custom.<key>`)."""
    name: Name
    """What people call it."""
    description: Description = ""
    """What it is for."""
    type: FieldType
    """What its values are."""
    is_required: Flag = False
    """A value must be given at creation, and cannot be cleared. Imports are not asked."""
    choices: Choices = Field(default_factory=list)
    """What can be chosen, for choice and multi_choice."""
    minimum: Bound | None = None
    """The least value, for number and integer."""
    maximum: Bound | None = None
    """The greatest value, for number and integer."""
    default: object | None = None
    """What is set at creation when nothing is given."""


class CustomFieldUpdate(Patch):
    """Changes to a field; what it is for and the type of its values never change. Values that are there stay."""

    name: Name = absent()
    """What people call it."""
    description: Description = absent()
    """What it is for."""
    status: FieldStatus = absent()
    """A retired field keeps the values that are there, and takes no new ones."""
    is_required: Flag = absent()
    """A value must be given at creation, and cannot be cleared."""
    choices: Choices = absent()
    """What can be chosen from now on."""
    minimum: Bound | None = None
    """The least value; null: none."""
    maximum: Bound | None = None
    """The greatest value; null: none."""
    default: object | None = None
    """What is set at creation when nothing is given; null: nothing."""


CustomerPage = page_of(CustomerRead, "CustomerPage")
PortfolioPage = page_of(PortfolioRead, "PortfolioPage")
PortfolioItemPage = page_of(PortfolioItemRead, "PortfolioItemPage")
ProgrammePage = page_of(ProgrammeRead, "ProgrammePage")
CustomFieldPage = page_of(CustomFieldRead, "CustomFieldPage")
