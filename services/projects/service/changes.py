"""Many changes of a plan at once: rows and history in one statement per kind, and one event in chunks for all."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import orjson

from services.projects import repository
from services.projects.domain.events import PlanChanged
from services.projects.service.chunks import chunked
from shared import bulk, entity, messaging
from shared.db import Context, Transaction
from shared.entity import Entity, Image
from shared.messaging import NewEvent
from shared.strict_json import dumps


class PlanChanges:
    """Changes of one project's plan under way; the caller holds the project's lock."""

    def __init__(self, project_id: UUID) -> None:
        self.project_id = project_id
        self._items: list[bytes] = []

    async def create(
        self,
        tx: Transaction,
        entity: Entity,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        kind: str | None = None,
    ) -> list[Image]:
        """Insert rows (`id` is the first column), told as of a kind (else the entity's); returns their images."""
        images = await bulk.insert_many(tx, entity, columns, rows, _contexts(tx, rows), action="created")
        return self._note(kind or entity.name, images)

    async def update(
        self, tx: Transaction, kind: Entity, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> list[Image]:
        """Change columns of rows (`id` is the first column); returns their images."""
        images = await bulk.update_many(tx, kind, columns, rows, _contexts(tx, rows))
        return self._note(kind.name, images, action="updated")

    async def delete(self, tx: Transaction, kind: Entity, identifiers: Sequence[UUID]) -> None:
        """Delete rows."""
        for identifier, version in await entity.delete_many(tx, kind, identifiers):
            self._items.append(plan_item(kind.name, identifier, version, "deleted", None))

    def _note(self, kind: str, images: list[Image], action: str = "created") -> list[Image]:
        self._items += (plan_item(kind, image.id, image.version, action, image.image) for image in images)
        return images

    async def record(self, tx: Transaction) -> str | None:
        """Record what was changed; returns the position of its effect, None if nothing was."""
        if not self._items:
            return None
        project = await repository.project_image(tx, self.project_id)
        events = chunked_events(PlanChanged.type, self.project_id, {"project": orjson.Fragment(project)}, self._items)
        version = await messaging.record_many(tx, aggregate_id=self.project_id, events=events)
        return f"projects:{self.project_id}@{version}"


def plan_item(kind: str, identifier: UUID, version: int, action: str, image: str | None) -> bytes:
    """Return what an event says of one row that was written."""
    after = None if image is None else orjson.Fragment(image)
    return dumps({"kind": kind, "id": identifier, "version": version, "action": action, "after": after})


def chunked_events(type_: str, entity_id: UUID, head: dict[str, object], items: Iterable[bytes]) -> list[NewEvent]:
    """Return the events that carry items in chunks, each with the same head."""
    chunks = chunked(items)
    return [
        NewEvent(
            type_,
            entity_id,
            dumps({**head, "chunk": number, "chunks": len(chunks)})[:-1] + b',"items":[' + b",".join(chunk) + b"]}",
        )
        for number, chunk in enumerate(chunks, 1)
    ]


def _contexts(tx: Transaction, rows: Sequence[Sequence[object]]) -> list[Context]:
    return [tx.context] * len(rows)
