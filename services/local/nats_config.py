"""The configuration of a NATS server for this product: JetStream that syncs, and a user per service with its rights."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services import topology

ADMIN: Final = "admin"
USERS: Final = (ADMIN, *topology.SERVICES)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What differs between one machine and another; rights and limits do not."""

    store: Path
    port: int
    monitoring_port: int
    passwords: Mapping[str, str]
    host: str = "127.0.0.1"
    max_store_bytes: int = 10 * 2**30


def publish_rights(service: str) -> tuple[str, ...]:
    """The subjects a service may publish to: its own events, and the few JetStream calls its consumers need."""
    own = [topology.subjects(service), f"$JS.API.STREAM.INFO.{topology.stream(service)}"]
    for stream, durable in topology.subscriptions(service):
        own += [
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
            f"$JS.API.CONSUMER.INFO.{stream}.{durable}",
            f"$JS.ACK.{stream}.{durable}.>",
        ]
    if service in topology.LIVE_STREAM_READERS:
        for stream in map(topology.stream, topology.SERVICES):
            own += [
                f"$JS.API.STREAM.INFO.{stream}",
                f"$JS.API.CONSUMER.CREATE.{stream}.>",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
                f"$JS.API.CONSUMER.DELETE.{stream}.>",
                f"$JS.ACK.{stream}.>",
            ]
    return tuple(dict.fromkeys(own))


def subscribe_rights(service: str) -> tuple[str, ...]:
    """The subjects a service may subscribe to: the replies to its own requests, nothing else."""
    return (f"{topology.inbox_prefix(service)}.>",)


def render(config: ServerConfig) -> str:
    """The text of the server's configuration file, one key a line (the server misreads several)."""
    return "\n".join(
        [
            f"server_name: {_text('pmo')}",
            f"listen: {_text(f'{config.host}:{config.port}')}",
            f"http: {_text(f'127.0.0.1:{config.monitoring_port}')}",
            "max_payload: 1MB",
            "max_control_line: 4KB",
            "max_connections: 1024",
            "max_subscriptions: 4096",
            'write_deadline: "10s"',
            'ping_interval: "20s"',
            "ping_max: 2",
            'lame_duck_duration: "30s"',
            "jetstream {",
            f"  store_dir: {_text(str(config.store))}",
            "  sync_interval: always",
            "  max_memory_store: 64MB",
            f"  max_file_store: {config.max_store_bytes}",
            "}",
            "authorization {",
            "  timeout: 5",
            "  users: [",
            *(line for user in USERS for line in _user(user, config.passwords[user])),
            "  ]",
            "}",
            "",
        ]
    )


def _user(name: str, password: str) -> Iterable[str]:
    everything = (">",)
    yield "    {"
    yield f"      user: {_text(name)}"
    yield f"      password: {_text(password)}"
    yield "      permissions {"
    yield from _rights("publish", everything if name == ADMIN else publish_rights(name))
    yield from _rights("subscribe", everything if name == ADMIN else subscribe_rights(name))
    yield "      }"
    yield "    }"


def _rights(kind: str, subjects: tuple[str, ...]) -> Iterable[str]:
    yield f"        {kind}: ["
    yield from (f"          {_text(subject)}" for subject in subjects)
    yield "        ]"


def _text(value: str) -> str:
    # Quoted, since the format reads bare words as numbers, sizes or variables ($JS…) where it can.
    return json.dumps(value)
