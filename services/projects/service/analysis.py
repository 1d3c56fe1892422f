"""What the plan of a project holds beside its schedule."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from services.projects import repository
from services.projects.domain.plan import Plan
from services.projects.errors import NothingScheduled
from services.projects.service.breathing import aside
from services.projects.service.computing import UNSCHEDULABLE, given_of
from services.projects.service.schedules import refresh_if_asked
from shared.db import Transaction

T = TypeVar("T")


async def analysed(tx: Transaction, project_id: UUID, analyse: Callable[[Plan], T]) -> tuple[int, T]:
    """Return what is found in a project's plan, and the revision of its schedule that this belongs to.

    Changed by others meanwhile, the plan is read anew; the third time what is found stands. Raises NothingScheduled.
    """
    for _ in range(2):
        revision, found, is_current = await _analysed(tx, project_id, analyse)
        if is_current:
            return revision, found
    revision, found, _ = await _analysed(tx, project_id, analyse)
    return revision, found


async def _analysed(tx: Transaction, project_id: UUID, analyse: Callable[[Plan], T]) -> tuple[int, T, bool]:
    await refresh_if_asked(tx, project_id)
    position = await repository.position(tx, project_id)
    given = await given_of(tx, project_id)
    revision = await tx.fetchint(
        "select version from schedule where organization_id = $1 and id = $2", tx.organization_id, project_id
    )

    def found() -> T:
        return analyse(given.plan())

    try:
        result = await aside(len(given.rows), found)
    except UNSCHEDULABLE as error:
        raise NothingScheduled(str(error)[:500]) from error
    return revision or 0, result, await repository.position(tx, project_id) == position
