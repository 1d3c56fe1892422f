"""Metrics that facts have changed are published, once, with what has changed."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.kpi.domain.events import EVENTS, MetricsChanged
from services.kpi.service.evaluation import EVALUATE, evaluate
from shared import worker
from shared.db import Context
from shared.testing.capture import recorded
from shared.testing.eventually import eventually
from tests.service.kpi.story import Story, later, plan


async def published(story: Story, project_id: object) -> list[dict[str, Any]]:
    """What was published of a project."""
    events = await recorded(story.kpi, story.organization)
    found = []
    for name, data in events:
        assert name == MetricsChanged.type
        assert isinstance(data, dict)
        MetricsChanged.model_validate(data)
        assert data["project_id"] == str(project_id)
        found.append(data)
    return found


async def evaluated(story: Story, project_id: object) -> list[dict[str, Any]]:
    """What was published after one more evaluation."""
    assert await evaluate(story.kpi, Context(story.organization, "worker:evaluate"), str(project_id)) is None
    return await published(story, project_id)


async def test_an_import_publishes_all_metrics_as_a_read_gives_them(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    (event,) = await evaluated(story, project_id)
    present = await story.kpis(project_id)
    assert event["metrics"] == {name: metric.as_json() for name, metric in present.metrics.items()}
    assert event["changed"] == list(present.metrics)
    assert datetime.fromisoformat(event["as_of"]) == present.as_of


async def test_only_a_changed_value_is_published_again(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    await evaluated(story, project_id)
    assert len(await evaluated(story, project_id)) == 1
    await story.patch(project_id, name="Quay wall")
    await story.push(project_id, "1", later(-50), 10)
    await story.tell(project_id)
    assert len(await evaluated(story, project_id)) == 1
    await story.push(project_id, "1", later(0), 60, "7100.00")
    await story.tell(project_id)
    _, event = await evaluated(story, project_id)
    assert "actual_cost" in event["changed"]
    assert "cost_performance_index" in event["changed"]
    assert not {"planned_value", "earned_value", "budget_at_completion", "earned_schedule"} & set(event["changed"])


async def test_a_new_project_of_which_nothing_is_known_publishes_nothing(story: Story) -> None:
    project_id = await story.create()
    await story.tell(project_id)
    assert await evaluated(story, project_id) == []
    await story.bring(plan(), project_id)
    await story.tell(project_id)
    assert len(await evaluated(story, project_id)) == 1


async def test_a_deleted_project_publishes_nothing(story: Story) -> None:
    project_id = await story.bring(plan())
    await story.tell(project_id)
    await story.delete(project_id)
    await story.tell(project_id)
    assert await evaluated(story, project_id) == []


async def test_an_import_in_pieces_is_evaluated_once_it_is_whole(story: Story) -> None:
    project_id = await story.bring(plan())
    events = await story.events(project_id)
    (imported,) = [event for event in events if event.type.endswith("plan.imported.v1")]
    await story.hear([event for event in events if event is not imported])
    await _done(story)
    first, last = ({**imported.data, "chunk": number, "chunks": 2} for number in (1, 2))
    items = imported.data["items"]
    assert isinstance(items, list)
    await story.hear([replace(imported, data={**first, "items": items[:-1]})])
    assert not await _pending(story)
    await story.hear([replace(imported, data={**last, "items": items[-1:]})])
    assert await _pending(story)


async def test_the_running_service_publishes_by_itself(live: Story) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)

    async def one() -> list[dict[str, Any]]:
        return await published(live, project_id)

    (event,) = await eventually(one)
    assert event["metrics"]["earned_value"]["value"] == "6000.00"


def test_every_event_is_declared() -> None:
    assert [event.type for event in EVENTS] == ["pmo.kpi.metrics.changed.v1"]


async def _pending(story: Story) -> bool:
    return not await worker.settled(story.kpi, Context(story.organization, "test"), [EVALUATE], 0.05)


async def _done(story: Story) -> None:
    async with story.kpi.transaction(Context(story.organization, "test")) as tx:
        await tx.execute("delete from work_pending where organization_id = $1", story.organization)
