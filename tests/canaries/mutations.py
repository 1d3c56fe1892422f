"""A pytest plugin that switches a safeguard off while the test runs that must notice: `-p tests.canaries.mutations`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest

import shared.bus
import shared.db
import shared.inbox
import shared.migrations
from shared.inbox import Arrival, Place
from shared.testing.eventually import eventually

Sorted = tuple[list[Arrival], list[Arrival], list[Arrival]]


def without_row_security(patch: pytest.MonkeyPatch) -> None:
    """Let the policies show every row."""
    patch.setattr(shared.migrations, "OWN_ROWS", "true")


def without_session_guard(patch: pytest.MonkeyPatch) -> None:
    """Take connections from the pool as they come."""
    patch.setattr(shared.db, "_clean", lambda connection, tag: None)


def without_version_gate(patch: pytest.MonkeyPatch) -> None:
    """Apply what is early at once, instead of having it wait for what comes before."""

    def sort_out(arrivals: Sequence[Arrival], places: dict[UUID, Place]) -> Sorted:
        ready: list[Arrival] = []
        old: list[Arrival] = []
        for arrival in arrivals:
            place = places[arrival.aggregate_id]
            (ready if arrival.version > place.version else old).append(arrival)
            place.version, place.changed = max(place.version, arrival.version), True
        return ready, [], old

    patch.setattr(shared.inbox, "_sort_out", sort_out)


def without_inbox(patch: pytest.MonkeyPatch) -> None:
    """Apply what has had its effect again."""
    right = shared.inbox._sort_out

    def sort_out(arrivals: Sequence[Arrival], places: dict[UUID, Place]) -> Sorted:
        ready, early, old = right(arrivals, places)
        return [*old, *ready], early, []

    patch.setattr(shared.inbox, "_sort_out", sort_out)


def without_dedupe(patch: pytest.MonkeyPatch) -> None:
    """Publish without the id by which the broker knows what it has."""
    publish = shared.bus.Bus.publish

    async def bare(bus: shared.bus.Bus, stream: str, subject: str, body: bytes, headers: Mapping[str, str]) -> object:
        left = {name: value for name, value in headers.items() if name != "Nats-Msg-Id"}
        return await publish(bus, stream, subject, body, left)

    patch.setattr(shared.bus.Bus, "publish", bare)


@dataclass(frozen=True, slots=True)
class Canary:
    """A safeguard that can be switched off, and the test that must fail then."""

    off: Callable[[pytest.MonkeyPatch], None]
    test: str


KERNEL: Final = "tests/service/shared"
CANARIES: Final[Mapping[str, Canary]] = {
    "row_security": Canary(
        without_row_security,
        f"{KERNEL}/test_row_security.py::test_row_91_a_statement_without_a_filter_touches_one_organization",
    ),
    "session_guard": Canary(
        without_session_guard,
        f"{KERNEL}/test_clean_sessions.py::test_an_organization_set_for_the_session_ends_the_connection_at_its_next_use"
        "[row_150_transaction]",
    ),
    "version_gate": Canary(
        without_version_gate, f"{KERNEL}/test_consumer.py::test_what_comes_out_of_order_takes_effect_in_order"
    ),
    "inbox": Canary(without_inbox, f"{KERNEL}/test_consumer.py::test_what_is_delivered_again_has_no_second_effect"),
    "dedupe": Canary(
        without_dedupe,
        f"{KERNEL}/test_relay.py::test_a_relay_that_dies_at_any_point_neither_loses_nor_doubles[1-relay.before_delete]",
    ),
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test without its safeguard."""
    canary = next((canary for canary in CANARIES.values() if canary.test == item.nodeid), None)
    with pytest.MonkeyPatch.context() as patch:
        if canary is not None:
            assert eventually.__kwdefaults__ is not None
            patch.setitem(eventually.__kwdefaults__, "seconds", 2.0)  # what never comes is not waited for
            canary.off(patch)
        return (yield)
