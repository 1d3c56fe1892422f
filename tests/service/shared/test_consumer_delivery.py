"""Whatever order, number and delay of deliveries: the effect is that of each event once, in order."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from shared.db import Transaction
from shared.lifecycle import running
from shared.messaging import ReadEvent
from shared.testing.eventually import eventually
from tests.service.shared.flow import Broken, Ear, Flow, NoteRead


@dataclass(frozen=True)
class Delivery:
    """One message as it is put into the stream."""

    aggregate: int
    version: int
    pause: bool


@st.composite
def deliveries(draw: st.DrawFn) -> list[Delivery]:
    """Events of some aggregates, each delivered one to three times, shuffled, with pauses."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    events = [(a, v) for a, length in enumerate(lengths) for v in range(1, length + 1)]
    times = draw(st.lists(st.integers(1, 3), min_size=len(events), max_size=len(events)))
    copies = [event for event, number in zip(events, times, strict=True) for _ in range(number)]
    shuffled = draw(st.permutations(copies))
    return [Delivery(a, v, draw(st.booleans())) for a, v in shuffled]


class Moody(Ear):
    """A handler that fails now and then, whatever it is given."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)

    async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
        """Hear, or not."""
        await super().hear(tx, events)
        if self._chance.random() < 0.2:
            raise Broken("a bad moment")


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=deliveries(), seed=st.integers(0, 2**16), replicas=st.integers(1, 3), batch=st.sampled_from([1, 3, 128]))
async def test_shuffled_repeated_delayed_and_failing_deliveries_have_each_effect_once_in_order(
    flow: Flow, plan: list[Delivery], seed: int, replicas: int, batch: int
) -> None:
    flow.organization = uuid7()
    flow.ear = Moody(seed)
    flow.retry_seconds = (0.01,) * 40
    aggregates = [uuid7() for _ in range(4)]
    expected = {(delivery.aggregate, delivery.version) for delivery in plan}
    consumers = [flow.consumer(batch=batch) for _ in range(replicas)]
    async with running(*consumers, *(flow.worker(consumer) for consumer in consumers)):
        for delivery in plan:
            await flow.deliver(aggregates[delivery.aggregate], delivery.version)
            if delivery.pause:
                await asyncio.sleep(0.005)
        await eventually(flow.has_heard(len(expected)), seconds=20)
        await eventually(flow.nothing_unanswered)
    for number, aggregate in enumerate(aggregates):
        heard = [version for version, _ in await flow.heard(aggregate)]
        assert heard == sorted(version for a, version in expected if a == number)
    assert await flow.count("inbox_parked") == 0
    assert await flow.count("inbox_gap") == 0
    assert await flow.count("dead_letter") == 0
