"""Pending work: done once at a time, again when it was asked for again or failed, and never forgotten."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from shared.db import Context, Database
from shared.faults import armed, fail, nth
from shared.lifecycle import running
from shared.testing.eventually import eventually
from shared.worker import Handler, Worker, request
from tests.service.shared.flow import Flow

KIND = "schedule"


async def ask(flow: Flow, *keys: str, kind: str = KIND, delay: float = 0.0) -> None:
    """Request work, all keys in one transaction."""
    async with flow.produced.transaction(flow.context) as tx:
        for key in keys:
            await request(tx, kind, key, delay=delay)


def worker(flow: Flow, handler: Handler, *, per_kind: int = 2) -> Worker:
    """A worker of the producer's database."""
    return Worker(flow.produced, flow.produced_urls.relay, {KIND: handler}, per_kind=per_kind)


class Log:
    """A handler that notes what it did."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.done: list[str] = []
        self.running: Counter[str] = Counter()
        self.most_at_once = 0
        self.first = asyncio.Event()
        self._seconds = seconds

    async def __call__(self, _database: Database, context: Context, key: str) -> None:
        """Note a key; two at once for one key is an error."""
        self.running[key] += 1
        self.first.set()
        self.most_at_once = max(self.most_at_once, self.running.total())
        assert self.running[key] == 1
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.running[key] -= 1
        self.done.append(key)


async def idle(flow: Flow) -> bool:
    """A check that no work is pending."""
    return await flow.count("work_pending", flow.produced) == 0


async def all_done(flow: Flow) -> None:
    """Wait until no work is pending."""

    async def check() -> bool:
        return await idle(flow)

    await eventually(check)


async def test_what_a_commit_asked_for_is_done_at_once_and_forgotten(flow: Flow) -> None:
    log = Log()
    async with running(worker(flow, log)):
        await asyncio.sleep(0.4)
        asked = time.perf_counter()
        await ask(flow, "a")
        await all_done(flow)
        assert time.perf_counter() - asked < 0.2
    assert log.done == ["a"]


async def test_what_a_rolled_back_request_asked_for_is_not_done(flow: Flow) -> None:
    log = Log()

    async def refused() -> None:
        async with flow.produced.transaction(flow.context) as tx:
            await request(tx, KIND, "never")
            raise ValueError("no")

    async with running(worker(flow, log)):
        with pytest.raises(ValueError, match="no"):
            await refused()
        await ask(flow, "a")
        await all_done(flow)
    assert log.done == ["a"]


async def test_many_requests_for_one_key_are_one_piece_of_work(flow: Flow) -> None:
    log = Log()
    for _ in range(10):
        await ask(flow, "a")
    async with running(worker(flow, log)):
        await all_done(flow)
    assert log.done == ["a"]


async def test_what_is_asked_for_during_the_work_is_done_again(flow: Flow) -> None:
    started = asyncio.Event()
    runs = 0

    async def handler(_database: Database, _context: Context, _key: str) -> None:
        nonlocal runs
        runs += 1
        started.set()
        await asyncio.sleep(0.2)

    async with running(worker(flow, handler)):
        await ask(flow, "a")
        await started.wait()
        await ask(flow, "a")
        await ask(flow, "a")
        await all_done(flow)
    assert runs == 2


async def test_a_failure_is_noted_and_tried_again(flow: Flow) -> None:
    tries = 0

    async def handler(_database: Database, _context: Context, _key: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise LookupError("not yet")

    async def failed_once() -> bool:
        async with flow.produced.transaction(flow.context) as tx:
            row = await tx.fetchrow("select attempts, error from work_pending")
        return row is not None and row["attempts"] == 1 and row["error"] == "LookupError: not yet"

    async with running(worker(flow, handler)):
        await ask(flow, "a")
        await eventually(failed_once)
        await all_done(flow)
    assert tries == 2


async def test_a_new_request_does_not_wait_for_the_pause_after_a_failure(flow: Flow) -> None:
    tries = 0

    async def handler(_database: Database, _context: Context, _key: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise LookupError("not yet")

    async with running(worker(flow, handler)):
        await ask(flow, "a")
        await asyncio.sleep(0.3)
        asked = time.perf_counter()
        await ask(flow, "a")
        await all_done(flow)
        assert time.perf_counter() - asked < 0.5
    assert tries == 2


async def test_a_handler_may_name_the_instant_of_the_next_look(flow: Flow) -> None:
    looks: list[float] = []

    async def handler(_database: Database, _context: Context, _key: str) -> datetime | None:
        looks.append(time.perf_counter())
        return datetime.now(UTC) + timedelta(seconds=0.4) if len(looks) == 1 else None

    async with running(worker(flow, handler)):
        await ask(flow, "a")
        await all_done(flow)
    assert len(looks) == 2
    assert looks[1] - looks[0] > 0.35


async def test_delayed_work_waits_for_its_time(flow: Flow) -> None:
    log = Log()
    async with running(worker(flow, log)):
        await ask(flow, "later", delay=0.5)
        await ask(flow, "now")
        await asyncio.sleep(0.2)
        assert log.done == ["now"]
        await all_done(flow)
    assert log.done == ["now", "later"]


async def test_two_workers_share_the_work_and_never_do_the_same_at_once(flow: Flow) -> None:
    log = Log(seconds=0.02)
    keys = [f"k{number}" for number in range(40)]
    await ask(flow, *keys)
    async with running(worker(flow, log), worker(flow, log)):
        await all_done(flow)
    assert sorted(log.done) == sorted(keys)
    assert 2 < log.most_at_once <= 4


async def test_one_kinds_backlog_does_not_hold_up_another(flow: Flow) -> None:
    log, quick = Log(seconds=0.1), Log()
    await ask(flow, *(f"k{number}" for number in range(30)))
    both = Worker(flow.produced, flow.produced_urls.relay, {KIND: log, "quick": quick})
    async with running(both):
        await asyncio.sleep(0.2)
        asked = time.perf_counter()
        await ask(flow, "q", kind="quick")
        await quick.first.wait()
        assert time.perf_counter() - asked < 0.3
    assert len(log.done) < 30


async def test_work_that_was_cut_off_is_done_after_a_restart(flow: Flow) -> None:
    log = Log(seconds=30)
    async with running(worker(flow, log)):
        await ask(flow, "a")
        await log.first.wait()
        stopping = time.perf_counter()
    assert time.perf_counter() - stopping < 2
    again = Log()
    async with running(worker(flow, again)):
        await all_done(flow)
    assert again.done == ["a"]


async def test_work_done_but_not_yet_forgotten_is_done_again(flow: Flow) -> None:
    log = Log()
    with armed("worker.before_delete", nth(1, fail)):
        async with running(worker(flow, log)):
            await ask(flow, "a")
            await all_done(flow)
    assert log.done == ["a", "a"]


async def test_work_of_all_organizations_is_found_and_done_in_their_own_context(flow: Flow) -> None:
    seen: list[Context] = []

    async def handler(_database: Database, context: Context, _key: str) -> None:
        seen.append(context)

    contexts = [flow.context, Context(uuid7(), "user:other")]
    for context in contexts:
        async with flow.produced.transaction(context) as tx:
            await request(tx, KIND, "same key")
    async with running(worker(flow, handler)):
        await all_done(flow)

        async def other_done() -> bool:
            return await flow.count("work_pending", flow.produced, contexts[1].organization_id) == 0

        await eventually(other_done)
    assert {context.organization_id for context in seen} == {context.organization_id for context in contexts}
