"""The events of customers, portfolios, programmes, and of the fields that an organization adds.

Each is its own root aggregate; a project's place in a portfolio belongs to the portfolio.
"""

from typing import ClassVar, Final

from services.projects.domain.hierarchy_images import (
    CustomerRead,
    CustomFieldRead,
    PortfolioItemRead,
    PortfolioRead,
    ProgrammeRead,
)
from services.projects.domain.life_cycle_images import ProgrammeTransitionRead
from shared.events import EntityEvent, Event


class CustomerCreated(EntityEvent[CustomerRead]):
    """A customer was created."""

    type: ClassVar[str] = "pmo.projects.customer.created.v1"


class CustomerUpdated(EntityEvent[CustomerRead]):
    """A customer was changed."""

    type: ClassVar[str] = "pmo.projects.customer.updated.v1"


class CustomerDeleted(EntityEvent[CustomerRead]):
    """A customer was deleted."""

    type: ClassVar[str] = "pmo.projects.customer.deleted.v1"


class PortfolioCreated(EntityEvent[PortfolioRead]):
    """A portfolio was created."""

    type: ClassVar[str] = "pmo.projects.portfolio.created.v1"


class PortfolioUpdated(EntityEvent[PortfolioRead]):
    """A portfolio was changed."""

    type: ClassVar[str] = "pmo.projects.portfolio.updated.v1"


class PortfolioDeleted(EntityEvent[PortfolioRead]):
    """A portfolio was deleted."""

    type: ClassVar[str] = "pmo.projects.portfolio.deleted.v1"


class PortfolioItemCreated(EntityEvent[PortfolioItemRead]):
    """A project was put into a portfolio."""

    type: ClassVar[str] = "pmo.projects.portfolio_item.created.v1"


class PortfolioItemUpdated(EntityEvent[PortfolioItemRead]):
    """A project counts differently in a portfolio."""

    type: ClassVar[str] = "pmo.projects.portfolio_item.updated.v1"


class PortfolioItemDeleted(EntityEvent[PortfolioItemRead]):
    """A project was taken out of a portfolio."""

    type: ClassVar[str] = "pmo.projects.portfolio_item.deleted.v1"


class ProgrammeCreated(EntityEvent[ProgrammeRead]):
    """A programme was created."""

    type: ClassVar[str] = "pmo.projects.programme.created.v1"


class ProgrammeUpdated(EntityEvent[ProgrammeRead]):
    """A programme was changed."""

    type: ClassVar[str] = "pmo.projects.programme.updated.v1"


class ProgrammeDeleted(EntityEvent[ProgrammeRead]):
    """A programme was deleted."""

    type: ClassVar[str] = "pmo.projects.programme.deleted.v1"


class ProgrammeTransitioned(EntityEvent[ProgrammeTransitionRead]):
    """A programme moved through its life cycle; its new state comes as programme.updated."""

    type: ClassVar[str] = "pmo.projects.programme.transitioned.v1"


class CustomFieldCreated(EntityEvent[CustomFieldRead]):
    """A field of the organization's own was created."""

    type: ClassVar[str] = "pmo.projects.custom_field.created.v1"


class CustomFieldUpdated(EntityEvent[CustomFieldRead]):
    """A field of the organization's own was changed."""

    type: ClassVar[str] = "pmo.projects.custom_field.updated.v1"


class CustomFieldDeleted(EntityEvent[CustomFieldRead]):
    """A field of the organization's own was deleted."""

    type: ClassVar[str] = "pmo.projects.custom_field.deleted.v1"


HIERARCHY_EVENTS: Final[tuple[type[Event], ...]] = (
    CustomerCreated,
    CustomerUpdated,
    CustomerDeleted,
    PortfolioCreated,
    PortfolioUpdated,
    PortfolioDeleted,
    PortfolioItemCreated,
    PortfolioItemUpdated,
    PortfolioItemDeleted,
    ProgrammeCreated,
    ProgrammeUpdated,
    ProgrammeDeleted,
    ProgrammeTransitioned,
    CustomFieldCreated,
    CustomFieldUpdated,
    CustomFieldDeleted,
)
"""All of them."""
