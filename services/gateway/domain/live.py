"""What a watching client is shown of an event: which it asked for, without what must not leave."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SERVICES: Final = ("projects", "resources", "kpi", "gateway")
PATTERN: Final = r"^pmo(\.[a-z_]+){0,3}(\.v[1-9][0-9]{0,3})?(\.\*)?$"
RATES: Final = frozenset({"standard_rate", "overtime_rate", "cost_per_use"})
"""What people cost is for few eyes; it never leaves by the stream."""
BULKY: Final = ("items", "removed")
_API_CLIENTS: Final = "pmo.gateway.api_client."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asked for: beginnings of types, projects; empty means all."""

    types: tuple[str, ...] = ()
    projects: frozenset[str] = frozenset()
    api_clients: bool = False
    """Whether the client may know of other systems' keys."""

    @classmethod
    def of(cls, patterns: tuple[str, ...], projects: frozenset[str], *, api_clients: bool) -> "Wanted":
        """Read patterns such as pmo.projects.task or pmo.projects.task.*."""
        return cls(tuple(re.sub(r"\.\*$", "", pattern) for pattern in patterns), projects, api_clients)

    @property
    def services(self) -> tuple[str, ...]:
        """The services whose events can be wanted at all."""
        named = {pattern.split(".")[1] for pattern in self.types if "." in pattern}
        if not self.types or "pmo" in self.types:
            return SERVICES
        return tuple(service for service in SERVICES if service in named)

    def takes_type(self, name: str) -> bool:
        """Tell whether events of a type are wanted."""
        if name.startswith(_API_CLIENTS) and not self.api_clients:
            return False
        return not self.types or any(name == one or name.startswith(one + ".") for one in self.types)

    def takes(self, event: Mapping[str, object]) -> bool:
        """Tell whether an event of a wanted type is about a wanted project."""
        if not self.projects:
            return True
        data = event.get("data")
        named = [event.get("partitionkey")]
        if isinstance(data, dict):
            named.append(data.get("project_id"))
            said = data.get("data")
            if isinstance(said, dict) and isinstance(said.get("project"), dict):
                named.append(said["project"].get("id"))
        return any(name in self.projects for name in named)


def shown(event: Mapping[str, object]) -> dict[str, object] | None:
    """Return an event as clients see it; None for all but the last chunk of what is computed in bulk.

    The last chunk goes without its items: a client that wants them reads them.
    """
    data = event.get("data")
    if not isinstance(data, dict):
        return dict(event)
    if isinstance(data.get("chunks"), int):
        if data.get("chunk") != data["chunks"]:
            return None
        data = {**data, **{name: [] for name in BULKY if name in data}}
    return {**event, "data": without_rates(data)}


def without_rates(value: object) -> object:
    """Return a value without rates, however deep they are."""
    if isinstance(value, dict):
        return {name: without_rates(inner) for name, inner in value.items() if name not in RATES}
    if isinstance(value, list):
        return [without_rates(inner) for inner in value]
    return value
