"""How PostgreSQL writes customers, portfolios, programmes and the fields that an organization adds."""

from typing import Final

from services.projects.entities.base import STAMPS, governed, plain, table, transition
from services.projects.models import (
    CustomerRow,
    CustomFieldRow,
    PortfolioItemRow,
    PortfolioRow,
    ProgrammeRow,
    ProgrammeTransitionRow,
)
from shared.entity import Entity

CUSTOMER: Final = Entity(
    "projects",
    "customer",
    table(CustomerRow),
    {**plain("id", "version", "key", "name", "description"), **STAMPS},
    root="id",
)
PORTFOLIO: Final = Entity(
    "projects",
    "portfolio",
    table(PortfolioRow),
    {**plain("id", "version", "key", "name", "description", "status", "parent_id"), **governed(), **STAMPS},
    root="id",
)
PROGRAMME: Final = Entity(
    "projects",
    "programme",
    table(ProgrammeRow),
    {**plain("id", "version", "key", "name", "description", "status", "portfolio_id"), **governed(), **STAMPS},
    root="id",
)
PROGRAMME_TRANSITION: Final = Entity(
    "projects",
    "programme",
    table(ProgrammeTransitionRow),
    {**plain("id", "version", "programme_id"), **transition()},
    root="programme_id",
)
"""A fact about a programme."""
PORTFOLIO_ITEM: Final = Entity(
    "projects",
    "portfolio_item",
    table(PortfolioItemRow),
    {**plain("id", "version", "portfolio_id", "project_id", "weight"), **STAMPS},
    root="portfolio_id",
)
"""Part of the portfolio: the weights are a statement about it, and whoever manages the project has no say in them."""
CUSTOM_FIELD: Final = Entity(
    "projects",
    "custom_field",
    table(CustomFieldRow),
    {
        **plain("id", "version", "entity", "key", "name", "description", "type", "status", "is_required", "choices"),
        **plain("minimum", "maximum"),
        "default": "t.default_value",
        **STAMPS,
    },
    root="id",
)
