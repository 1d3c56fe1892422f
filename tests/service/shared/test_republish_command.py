"""`pmo republish` as operators run it: what it needs, what it makes, and how it says where it broke off."""

import pytest
from nats.js.errors import NotFoundError
from uuid_utils.compat import uuid7

from services import run
from shared.lifecycle import running
from shared.republish import Selection
from shared.settings import SettingsError
from shared.testing.capture import stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import DURABLE, PRODUCER, STREAM, Flow


def environment(flow: Flow) -> dict[str, str]:
    """The variables of the command for one service."""
    return {
        "PMO_DATABASE_URL": flow.produced_urls.app,
        "PMO_RELAY_DATABASE_URL": flow.produced_urls.relay,
        "PMO_NATS_ADMIN_URL": flow.broker.url(),
    }


async def test_it_fills_a_stream_that_is_gone_and_makes_its_consumers(
    flow: Flow, capsys: pytest.CaptureFixture[str]
) -> None:
    project = uuid7()
    async with running(flow.relay()):
        await flow.write(project, "one", "two")
        await eventually(flow.nothing_pending)
        streams = flow.admin.client.jetstream()
        await streams.delete_stream(STREAM)
        await run.republish((PRODUCER,), environment(flow), Selection())
        await eventually(flow.nothing_pending)
    assert [letter.headers["Pmo-Version"] for letter in await stored(flow.admin, STREAM)] == ["1", "2"]
    assert (await streams.consumer_info(STREAM, DURABLE)).num_pending == 2
    assert f"2 of 2 events queued, up to {flow.organization}/{project}/2" in capsys.readouterr().err


async def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        await run.republish(("projects", "kpi"), {"PMO_KPI_DATABASE_URL": "postgresql://somewhere"}, Selection())
    named = {mistake.partition(":")[0] for mistake in wrong.value.mistakes}
    assert named == {
        "PMO_PROJECTS_DATABASE_URL",
        "PMO_PROJECTS_RELAY_DATABASE_URL",
        "PMO_KPI_RELAY_DATABASE_URL",
        "PMO_NATS_ADMIN_URL",
    }


async def test_a_database_that_is_away_is_told_with_how_to_go_on(flow: Flow) -> None:
    away = {**environment(flow), "PMO_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/nowhere"}
    with pytest.raises(run.Interrupted, match="Go on with: pmo republish projects"):
        await run.republish((PRODUCER,), away, Selection())


async def test_with_nats_away_all_is_queued_all_the_same(flow: Flow) -> None:
    async with running(flow.relay()):
        await flow.write(uuid7(), "one")
        await eventually(flow.nothing_pending)
    await flow.admin.client.jetstream().delete_stream(STREAM)
    refused = {**environment(flow), "PMO_NATS_ADMIN_URL": "nats://admin:wrong@127.0.0.1:1"}
    with pytest.raises(run.Interrupted, match=r"all is queued.*\n.*pmo migrate projects"):
        await run.republish((PRODUCER,), refused, Selection())
    assert await flow.pending() == 1
    with pytest.raises(NotFoundError):
        await flow.admin.client.jetstream().stream_info(STREAM)
    await run.republish((PRODUCER,), environment(flow), Selection())
