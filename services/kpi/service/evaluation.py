"""Publishing a project's metrics when facts have changed them: pending work, one at a time per project."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson
import structlog

from services.kpi.domain.events import MetricsChanged
from services.kpi.repository import reading
from services.kpi.service.metrics import metrics_at
from shared import messaging
from shared.db import Context, Database
from shared.errors import NotFound

log = structlog.get_logger(__name__)

EVALUATE: Final = "evaluate"
"""The kind of pending work that compares a project's present metrics with the published ones."""


async def evaluate(database: Database, context: Context, key: str) -> datetime | None:
    """Publish a project's metrics if any value differs from what was published last; a deleted one has none."""
    project_id = UUID(key)
    async with database.transaction(context) as tx:
        try:
            present = await metrics_at(tx, key, None, None, datetime.now(UTC))
        except NotFound:
            return None
        text = await reading.last_published(tx, project_id)
        before: Mapping[str, object] = {} if text is None else orjson.loads(text)
        image = present.as_json()
        now: Mapping[str, object] = {name: metric.as_json() for name, metric in present.metrics.items()}
        changed = [name for name, metric in now.items() if before.get(name) != metric]
        if not changed:
            return None
        await reading.keep_published(tx, project_id, present.as_of, orjson.dumps(now).decode())
        if text is None and all(metric.value is None for metric in present.metrics.values()):
            # Nothing has become known of a new project.
            return None
        data = orjson.dumps({**image, "changed": changed})
        await messaging.record(tx, aggregate_id=project_id, type=MetricsChanged.type, entity_id=project_id, data=data)
    return None
