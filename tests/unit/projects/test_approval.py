"""Limits of approval: whom they bind, and by what."""

from decimal import Decimal

import pytest

from services.projects.domain.approval import Change, Limit, LimitedRole, refusal
from shared.permissions import GRANTS, Permission, Role

LIMITS = (
    Limit("pmo_manager", "EUR", Decimal(1000), 480),
    Limit("executive", "EUR", Decimal(5000), None),
)


@pytest.mark.parametrize(
    ("roles", "change", "expected"),
    [
        (["pmo_manager"], Change("EUR", Decimal(1000), 480), None),
        (["pmo_manager"], Change("EUR", Decimal("1000.01"), 0), "pmo_manager: 1000.01 EUR more than 1000."),
        (["pmo_manager"], Change("EUR", Decimal(-5), 481), "pmo_manager: 481 working minutes later than 480."),
        (["pmo_manager"], Change("USD", Decimal(0), 0), "pmo_manager has no limit in USD."),
        (["executive"], Change("EUR", Decimal(5000), 99_999), None),
        (["executive", "pmo_manager"], Change("EUR", Decimal(5000), 481), None),
        (["pmo_director"], Change("USD", Decimal(10**9), 10**6), None),
    ],
)
def test_a_role_approves_up_to_its_limit(roles: list[str], change: Change, expected: str | None) -> None:
    assert refusal(LIMITS, roles, change) == expected


def test_every_role_that_approves_can_be_limited_but_the_director() -> None:
    approving = {role for role in Role if Permission.BASELINE_APPROVE in GRANTS[role]}
    assert {Role(role) for role in LimitedRole} == approving - {Role.PMO_DIRECTOR}
