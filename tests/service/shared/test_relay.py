"""The way of an event from the request's transaction to the consumer's handler."""

from uuid_utils.compat import uuid7

from shared.testing.capture import recorded, stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import NOTED, STREAM, Flow, note


async def test_what_is_committed_is_heard_once_and_in_order(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one", "two", "three")
        await eventually(lambda: _heard(flow, 3))
    assert await flow.heard(project) == [(1, "one"), (2, "two"), (3, "three")]
    assert await flow.pending() == 0


async def test_a_rolled_back_request_publishes_nothing(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        try:
            async with flow.produced.transaction(flow.context) as tx:
                await note(tx, project, "never")
                raise ValueError("changed my mind")
        except ValueError:
            pass
        await flow.write(project, "said")
        await eventually(lambda: _heard(flow, 1))
    assert await recorded(flow.produced, flow.organization) == [(NOTED, {"text": "said", "more": 1})]
    assert [letter.headers["Pmo-Version"] for letter in await stored(flow.admin, STREAM)] == ["1"]
    assert await flow.heard() == [(1, "said")]


async def _heard(flow: Flow, number: int) -> bool:
    return await flow.count("heard") == number
