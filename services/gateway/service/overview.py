"""Use case: a project at a glance, put together from what the services answer in time."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

import orjson
import structlog

from services.gateway.internal import Reply, Services
from shared.errors import Forbidden, NotFound, Problem, UpstreamInvalid, UpstreamUnavailable

log = structlog.get_logger(__name__)

PART_SECONDS: Final = 2.5
"""How long a part is waited for; the others are not held up longer by a service that is slow."""
WAITING_SECONDS: Final = 7.0
"""The same when the caller asked to wait for a position."""

PARTS: Final[Mapping[str, tuple[str, tuple[str, ...], Mapping[str, str]]]] = {
    "project": ("projects", ("projects", "{}"), {}),
    "schedule": ("projects", ("projects", "{}", "schedule"), {"limit": "1"}),
    "load": ("resources", ("load-summary",), {"project_id": "{}"}),
    "kpis": ("kpi", ("projects", "{}", "kpis"), {}),
}
"""Part -> service, path and query; `{}` stands for the project."""


SUMMARY: Final = ("revision", "time_zone", "project_start", "project_finish", "problem")
"""What of a schedule's page is told at a glance."""


async def overview(services: Services, project: str) -> bytes:
    """Return the overview as JSON, without the parts that are missing; raises NotFound if the project is not there.

    Raises UpstreamUnavailable when no part came at all.
    """
    seconds = PART_SECONDS if services.wait_for is None else WAITING_SECONDS
    asked = [
        _part(services.get(service, _fill(path, project), _filled(query, project), seconds), seconds)
        for service, path, query in PARTS.values()
    ]
    replies = dict(zip(PARTS, await asyncio.gather(*asked), strict=True))
    _check_project(replies["project"])
    found: dict[str, object] = {}
    reasons: dict[str, str] = {}
    for name, reply in replies.items():
        if isinstance(reply, Reply) and reply.status == 200:
            found[name] = _schedule(reply.body) if name == "schedule" else orjson.Fragment(reply.body)
        else:
            found[name] = None
            reasons.setdefault(PARTS[name][0], _code(reply))
    if not any(found.values()):
        raise UpstreamUnavailable("None of the services answered.")
    if reasons:
        log.warning("overview_degraded", reasons=reasons)
    # What the caller may not see is not there for the caller; that is no failure of the service.
    degraded = sorted(service for service, code in reasons.items() if code != Forbidden.code)
    return orjson.dumps({**found, "degraded": degraded, "reasons": reasons})


def _fill(path: tuple[str, ...], project: str) -> tuple[str, ...]:
    return tuple(project if segment == "{}" else segment for segment in path)


def _filled(query: Mapping[str, str], project: str) -> dict[str, str]:
    return {name: project if value == "{}" else value for name, value in query.items()}


async def _part(asked: Awaitable[Reply], seconds: float) -> Reply | Problem:
    try:
        async with asyncio.timeout(seconds):
            reply = await asked
        if reply.status == 200:
            orjson.loads(reply.body)
    except Problem as problem:
        return problem
    except TimeoutError:
        return UpstreamUnavailable("The service is too slow.")
    except orjson.JSONDecodeError:
        return UpstreamInvalid()
    return reply


def _check_project(reply: Reply | Problem) -> None:
    """Refuse what projects refuses: it alone knows whether the project is there for this caller."""
    if isinstance(reply, Reply):
        if reply.status == 404:
            raise NotFound
        if reply.status == 403:
            raise Forbidden


def _schedule(body: bytes) -> object:
    page: dict[str, object] = orjson.loads(body)
    return {name: page.get(name) for name in SUMMARY}


def _code(reply: Reply | Problem) -> str:
    if isinstance(reply, Problem):
        return reply.code
    try:
        return str(orjson.loads(reply.body)["code"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return UpstreamInvalid.code
