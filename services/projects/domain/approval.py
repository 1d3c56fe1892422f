"""How much whoever has a role may approve: limits of money and of time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.permissions import Role


class LimitedRole(StrEnum):
    """The roles that can be limited; a PMO director approves whatever it is."""

    PMO_MANAGER = Role.PMO_MANAGER.value
    EXECUTIVE = Role.EXECUTIVE.value


@dataclass(frozen=True, slots=True)
class Limit:
    """Up to what a role approves in a currency."""

    role: str
    currency: str
    cost: Decimal
    delay_minutes: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """What an approval would bring: more cost in a currency, and a later finish in working minutes."""

    currency: str
    cost: Decimal
    delay_minutes: int


def refusal(limits: Iterable[Limit], roles: Iterable[str], change: Change) -> str | None:
    """Return why none of the roles may approve a change; None where one may.

    A role without any limit is not limited; one that has limits, but none in this currency, approves nothing in it.
    """
    by_role: dict[str, dict[str, Limit]] = {}
    for limit in limits:
        by_role.setdefault(limit.role, {})[limit.currency] = limit
    reasons = [_refusal(by_role, role, change) for role in sorted(roles)]
    return None if None in reasons else "; ".join(str(reason) for reason in reasons) + "."


def _refusal(limits: Mapping[str, Mapping[str, Limit]], role: str, change: Change) -> str | None:
    if role not in limits:
        return None
    limit = limits[role].get(change.currency)
    if limit is None:
        return f"{role} has no limit in {change.currency}"
    beyond: Sequence[str] = [
        text
        for text, is_beyond in (
            (f"{change.cost} {change.currency} more than {limit.cost}", change.cost > limit.cost),
            (
                f"{change.delay_minutes} working minutes later than {limit.delay_minutes}",
                limit.delay_minutes is not None and change.delay_minutes > limit.delay_minutes,
            ),
        )
        if is_beyond
    ]
    return f"{role}: {', '.join(beyond)}" if beyond else None
