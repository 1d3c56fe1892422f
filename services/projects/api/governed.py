"""What requests about portfolios, programmes and projects have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.projects.domain.hierarchy import Health
from services.projects.service.custom_fields import PREFIX
from shared.types import Description, Name, Patch, Schema, SourceId, Wanted, absent


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "names one twice")
    return values


Categories = Annotated[list[Annotated[Name, Field(max_length=100)]], Field(max_length=50), AfterValidator(_distinct)]
CustomFields = Annotated[
    dict[str, object], Field(max_length=200, description="Values of the organization's own fields, by their keys.")
]


class HealthDeclaration(Schema):
    """How something stands in the words of who is responsible for it."""

    status: Health
    """Declared, whatever the figures say."""
    note: Description = ""
    """Why."""


class GovernedCreate(Schema):
    """What something new has in common with the others."""

    owner: SourceId | None = None
    """Subject of who manages it; the caller if absent."""
    sponsor: SourceId | None = None
    """Subject of who answers for it and its money."""
    customer_id: UUID | None = None
    """Whom it is done for."""
    health: HealthDeclaration | None = None
    """How it stands."""
    categories: Categories = Field(default_factory=list)
    """What it is counted among."""
    custom_fields: CustomFields = Field(default_factory=dict)


class GovernedUpdate(Patch):
    """What can be changed of all of them."""

    owner: SourceId = absent()
    """Subject of who manages it."""
    sponsor: SourceId | None = None
    """Subject of who answers for it and its money; null clears."""
    customer_id: UUID | None = None
    """Whom it is done for; null clears."""
    health: HealthDeclaration | None = None
    """How it stands, as of now; null: nobody says."""
    categories: Categories = absent()
    """What it is counted among."""
    custom_fields: CustomFields = absent()
    """What is absent keeps its value, null clears."""

    def changes(self) -> dict[str, object]:
        """Return only what the caller named."""
        named = super().changes()
        if isinstance(declared := named.get("health"), HealthDeclaration):
            named["health"] = declared.model_dump()
        return named


@dataclass(frozen=True, slots=True)
class GovernedFilters:
    """What all of them can be filtered by."""

    owner: str | None
    sponsor: str | None
    customer_id: UUID | None
    health: Sequence[str] | None
    category: Sequence[str] | None
    name: str | None
    key: str | None


HealthWanted = Literal["green", "amber", "red", "undeclared"]


async def _governed_filters(
    owner: Annotated[Wanted | None, Query(max_length=200, description="Subject of who manages it.")] = None,
    sponsor: Annotated[Wanted | None, Query(max_length=200, description="Subject of who answers for it.")] = None,
    customer_id: Annotated[UUID | None, Query(description="Done for this customer.")] = None,
    health: Annotated[list[HealthWanted] | None, Query(description="Any of these, as declared.")] = None,
    category: Annotated[list[str] | None, Query(description="In any of these categories.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
    key: Annotated[str | None, Query(max_length=20, description="Human key.")] = None,
) -> GovernedFilters:
    return GovernedFilters(owner, sponsor, customer_id, health, category, name, key)


Governed = Annotated[GovernedFilters, Depends(_governed_filters)]

CUSTOM_QUERY: Final = {"x-pmo-query-prefix": PREFIX}
"""Declares that an operation takes filters by the organization's own fields."""


async def _custom_filters(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name.startswith(PREFIX)]


Custom = Annotated[list[tuple[str, str]], Depends(_custom_filters)]
"""The filters by fields of the organization's own, such as custom.risk=high; one given twice asks for either."""
