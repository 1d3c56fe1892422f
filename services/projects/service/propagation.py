"""Dates that go from project to project along links in force: each schedule asks its followers for their next one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from services.projects import repository
from services.projects.domain.project_links import Across, Bound
from services.projects.entities import PROJECT_LINK
from services.projects.repository import project_links as rows
from services.projects.service.projects import drop_links, request_schedule
from shared import entity
from shared.db import Context, Database, Transaction

GONE: Final = "A task of the link is gone."


async def hand_on(tx: Transaction, project_id: UUID, *, moved: Sequence[str], removed: Sequence[str]) -> None:
    """Ask for the schedules of projects whose tasks hang on what moved, and for the end of links that lost a task."""
    if moved or removed:
        for follower in await rows.followers(tx, project_id, [*moved, *removed]):
            await request_schedule(tx, follower, delay=0)
    if removed:
        await drop_links(tx, project_id)


async def keep_bounds(tx: Transaction, project_id: UUID, used: Across, bounds: Mapping[UUID, Bound]) -> None:
    """Store what links ask and leave in a schedule; whom they leave something else by that is to be scheduled anew.

    So is the project itself, where others ask or leave something else by now.
    """
    left = await rows.keep_bounds(tx, project_id, bounds)
    await ask_for_schedules(tx, left)
    if await across(tx, project_id) != used:
        await request_schedule(tx, project_id, delay=0)


async def across(tx: Transaction, project_id: UUID) -> Across:
    """Return what the links in force at either end of a project say at present."""
    return Across(tuple(await rows.incoming(tx, project_id)), tuple(await rows.outgoing(tx, project_id)))


async def ask_for_schedules(tx: Transaction, projects: Collection[UUID]) -> None:
    """Ask for the next schedules of projects; plans of closed ones stay as they are."""
    if projects:
        for project_id in await rows.changeable(tx, projects):
            await request_schedule(tx, project_id, delay=0)


async def drop_dangling(database: Database, context: Context, key: str) -> None:
    """Work of kind `project_links`: delete the links to a project of which a task is gone, for whatever reason."""
    project_id = UUID(key)
    async with database.transaction(replace(context, reason=GONE)) as tx:
        await repository.lock_aggregate(tx, project_id)
        gone = await rows.dangling(tx, project_id)
        for row in gone:
            await entity.delete(tx, PROJECT_LINK, row["id"], expected=row["version"])
        await ask_for_schedules(tx, {row["predecessor_project_id"] for row in gone})
        if gone:
            await request_schedule(tx, project_id, delay=0)
