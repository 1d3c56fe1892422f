"""Which services there are and who listens to whom: the one place that migrations, rights and `pmo up` read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SERVICES: Final = ("projects", "resources", "kpi", "gateway")

CONSUMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "projects": ("gateway",),
        "resources": ("projects",),
        "kpi": ("projects",),
        "gateway": ("projects", "resources", "kpi"),
    }
)
"""Consuming service -> the services whose streams it reads with a durable consumer."""

AUDITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"resources": ("projects",), "kpi": ("projects",)})
"""Service -> the services that it compares its copy of their aggregates with."""

LIVE_STREAM_READERS: Final = ("gateway",)
"""Services that also read every stream with short-lived consumers, one per watching client."""


def stream(service: str) -> str:
    """The JetStream stream that holds a service's events."""
    return service.upper()


def subjects(service: str) -> str:
    """The subjects a service alone may publish."""
    return f"pmo.{service}.>"


def durable(consumer: str, producer: str) -> str:
    """The durable consumer through which one service reads another's stream."""
    return f"{consumer}-on-{producer}"


def inbox_prefix(service: str) -> str:
    """The prefix of the private reply subjects of a service's connections."""
    return f"_INBOX_{service}"


def subscriptions(consumer: str) -> tuple[tuple[str, str], ...]:
    """The (stream, durable) pairs that a service reads."""
    return tuple((stream(producer), durable(consumer, producer)) for producer in CONSUMES[consumer])


def readers(producer: str) -> tuple[str, ...]:
    """The durables that read a service's stream, to be made with it."""
    return tuple(durable(consumer, producer) for consumer in SERVICES if producer in CONSUMES[consumer])


def questions(owner: str) -> str:
    """The subject of questions to an owner by those who audit their copy."""
    return f"pmo-audit.{owner}"


def is_audited(service: str) -> bool:
    """Whether anybody asks a service about its aggregates."""
    return any(service in owners for owners in AUDITS.values())
