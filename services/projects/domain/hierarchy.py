"""What projects hang in: the states of portfolios, what is declared, and the kinds of fields."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Health(StrEnum):
    """How something stands, as declared."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class PortfolioStatus(StrEnum):
    """Where a portfolio stands."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    CLOSED = "closed"


PORTFOLIO_MOVES: Final = MappingProxyType(
    {
        PortfolioStatus.PROPOSED: frozenset({PortfolioStatus.ACTIVE, PortfolioStatus.CLOSED}),
        PortfolioStatus.ACTIVE: frozenset({PortfolioStatus.CLOSED}),
        PortfolioStatus.CLOSED: frozenset({PortfolioStatus.ACTIVE}),
    }
)
"""The moves there are; a portfolio can be taken up again."""


class FieldOwner(StrEnum):
    """What an organization can add fields to."""

    PORTFOLIO = "portfolio"
    PROGRAMME = "programme"
    PROJECT = "project"
    TASK = "task"
    INTAKE_REQUEST = "intake_request"


class FieldType(StrEnum):
    """What the values of a field are."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    USER = "user"
    URL = "url"


class FieldStatus(StrEnum):
    """Whether a field takes values."""

    ACTIVE = "active"
    RETIRED = "retired"  # what is there stays and can be cleared; nothing new comes
