"""A process of its own with relay, consumer and worker, to be killed by the faults that its environment names."""

import asyncio
import os

from shared.bus import Bus
from shared.consumer import Consumer
from shared.db import Database
from shared.faults import arm_from_environment
from shared.lifecycle import running
from shared.relay import Relay
from shared.worker import Worker
from tests.service.shared.flow import CONSUMER, PRODUCER, Ear


async def main() -> None:
    """Run until killed."""
    environ = os.environ
    arm_from_environment(environ)
    consumed = await Database.connect(environ["CONSUMED_APP"])
    async with (
        Bus(environ["PRODUCER_NATS"], name="victim producer").open() as producer_bus,
        Bus(environ["CONSUMER_NATS"], name="victim consumer").open() as consumer_bus,
    ):
        consumer = Consumer(
            consumed,
            consumer_bus,
            service=CONSUMER,
            producer=PRODUCER,
            subscriptions=[Ear().subscription],
        )
        worker = Worker(consumed, environ["CONSUMED_RELAY"], consumer.handlers)
        relay = Relay(environ["PRODUCED_RELAY"], producer_bus, producer=PRODUCER)
        async with running(relay, consumer, worker):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
