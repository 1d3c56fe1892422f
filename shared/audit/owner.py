"""The owner as a projection's service sees it: questions, page by page."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError

from shared.audit.answers import BEGINNING, Aggregates, Events, Organizations, Question, subject_of
from shared.audit.projection import Standing
from shared.bus import Bus
from shared.messaging import Reader

ANSWER_SECONDS: Final = 10.0

Answer = TypeVar("Answer", bound=BaseModel)


class NotAnswered(Exception):
    """The owner could not answer, or did not say what was asked for."""


class _Organizations(Reader):
    organizations: list[UUID]
    is_last: bool


class _Aggregates(Reader):
    aggregates: list[tuple[UUID, int, int]]
    is_last: bool


class Told(Reader):
    """Events of an aggregate, as the owner's relay publishes them."""

    version: int
    """The owner's last event; 0: it has no such aggregate."""
    up_to: int
    """Nothing that was asked for is missing up to this version."""
    is_whole: bool
    """Whether the owner's log has every event of the aggregate."""
    events: list[tuple[str, int, str]]
    """Type, version and body."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Asks one owner; raises BusDown if nobody answers, NotAnswered if not what was asked for."""

    bus: Bus
    producer: str

    async def organizations(self) -> AsyncIterator[UUID]:
        """Return the organizations that it has anything of."""
        after, is_last = BEGINNING, False
        while not is_last:
            page = await self._ask(Organizations(after=after), _Organizations)
            for organization_id in page.organizations:
                yield organization_id
                after = organization_id
            is_last = page.is_last

    async def aggregates(self, organization_id: UUID, entities: Sequence[str]) -> dict[UUID, Standing]:
        """Return how an organization's aggregates stand, each as of one instant."""
        found: dict[UUID, Standing] = {}
        after, is_last = BEGINNING, False
        while not is_last:
            question = Aggregates(organization_id=organization_id, entities=list(entities), after=after)
            page = await self._ask(question, _Aggregates)
            for identifier, version, hash_ in page.aggregates:
                found[identifier] = Standing(version, hash_)
                after = identifier
            is_last = page.is_last
        return found

    async def events(self, organization_id: UUID, aggregate_id: UUID, types: Sequence[str], after: int) -> Told:
        """Return the first events of an aggregate after a version, as many as fit into an answer."""
        question = Events(organization_id=organization_id, aggregate_id=aggregate_id, types=list(types), after=after)
        return await self._ask(question, Told)

    async def _ask(self, question: Question, answer: type[Answer]) -> Answer:
        body = question.model_dump_json().encode()
        message = await self.bus.request(subject_of(self.producer), body, timeout=ANSWER_SECONDS)
        try:
            return answer.model_validate(orjson.loads(message.data))
        except (ValidationError, orjson.JSONDecodeError) as error:
            raise NotAnswered(f"{self.producer} answered {message.data[:200]!r}") from error
