"""The short form of `make chaos`: parts of a running system die while people write, and nothing is lost or doubled."""

import random
from collections.abc import Iterator
from typing import Final

import pytest

from tests.chaos import audits, scenarios, storage
from tests.chaos.crashes import crashes
from tests.chaos.scenarios import Stage
from tests.chaos.stage import standing

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

SOME: Final = ("transaction.after_commit", "relay.after_publish", "consumer.before_ack")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A system of these tests' own."""
    with standing() as (system, supervisor):
        yield Stage(system, supervisor, random.Random(20261123))


async def test_parts_that_are_killed_lose_and_double_nothing(stage: Stage) -> None:
    row = await scenarios.kills(stage, 10, 30.0)
    assert row.is_kept, row
    assert row.verdict.acknowledged > 5  # few, where the machine is busy and everything keeps dying


@pytest.mark.parametrize("way", ["flip", "truncate"])
async def test_a_stream_whose_files_rot_is_made_whole_by_publishing_again(stage: Stage, way: str) -> None:
    row = await storage.rot(stage, way)
    assert row.is_kept, row


async def test_what_is_acknowledged_survives_a_database_that_is_stopped_at_once() -> None:
    row = await storage.power_cuts(3)
    assert row.is_kept, row


async def test_a_stream_that_is_full_stops_no_write_and_loses_nothing(stage: Stage) -> None:
    row = await scenarios.broker_full(stage, 200)
    assert row.is_kept, row


async def test_services_that_die_at_fault_points_lose_and_double_nothing(stage: Stage) -> None:
    row = await crashes(stage, SOME, 2, 60.0)
    assert row.is_kept, row
    assert not row.note.startswith("0 of")


async def test_what_is_tampered_with_in_projections_is_found_and_repaired_soon_after_a_start(stage: Stage) -> None:
    row = await audits.tampered(stage, 10)
    assert row.is_kept, row


async def test_projections_that_are_rebuilt_under_load_and_from_nothing_are_what_they_were(stage: Stage) -> None:
    row = await audits.rebuilt(stage)
    assert row.is_kept, row
