"""The state of a service in its metrics: read when they are asked for, so that it costs nothing otherwise."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from prometheus_client import Gauge

from shared.db import Database
from shared.inbox import GAPS, PARKED
from shared.lifecycle import Loop
from shared.telemetry import CONSUMER_DEAD, CONSUMER_REDELIVERIES, CONSUMER_SECONDS, REGISTRY
from shared.worker import FAILURES

TROUBLE: Final = Gauge(
    "pmo_loop_trouble", "1 while a background loop cannot do its work; /readyz says why.", ["loop"], registry=REGISTRY
)
POOL: Final = Gauge(
    "pmo_database_connections", "Connections of the pool to the database.", ["state"], registry=REGISTRY
)


def show(database: Database, loops: Iterable[Loop], consumers: Iterable[str], work: Iterable[str]) -> None:
    """Let the metrics show how a service's parts stand, and its counters begin at zero.

    A counter that appears with its first failure would hide that from whoever asks by how much it has grown.
    """
    for loop in loops:
        TROUBLE.labels(loop.name).set_function(partial(_in_trouble, loop))
    POOL.labels("used").set_function(lambda: database.pool.get_size() - database.pool.get_idle_size())
    POOL.labels("idle").set_function(database.pool.get_idle_size)
    POOL.labels("most").set_function(database.pool.get_max_size)
    for consumer in consumers:
        for metric in (CONSUMER_DEAD, CONSUMER_REDELIVERIES, CONSUMER_SECONDS, GAPS, PARKED):
            metric.labels(consumer)
    for kind in work:
        FAILURES.labels(kind)


def _in_trouble(loop: Loop) -> float:
    return float(loop.trouble is not None)
