"""The operations of the running system, read from the OpenAPI document that it serves."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.system.instance import System


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    method: str
    template: str
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The operation id."""
        return str(self.document["operationId"])

    @property
    def public(self) -> bool:
        """Whether it needs no credential."""
        return self.document.get("x-pmo-public") is True

    @property
    def permission(self) -> str | None:
        """What it needs."""
        return self.document.get("x-pmo-permission")

    @property
    def scope(self) -> str | None:
        """The one scope of API keys that may call it, if it names one."""
        return self.document.get("x-pmo-scope")

    @property
    def is_list(self) -> bool:
        """Whether it answers a page of an organization's things."""
        return self.method == "GET" and self.name.startswith("list") and "{" not in self.template

    def parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return re.findall(r"\{([a-z_]+)\}", self.template)

    def path(self, values: Mapping[str, str]) -> str:
        """The path with these values."""
        return self.template.format(**values)

    def path_of_nothing(self) -> str:
        """The path with ids that nothing has."""
        values = {name: str(uuid.uuid4()) for name in self.parameters()}
        if "operation_id" in values:
            values["operation_id"] = f"projects-{values['operation_id']}"
        return self.path(values)

    def query(self, name: str) -> Mapping[str, Any] | None:
        """A query parameter, if it has it."""
        for parameter in self.document.get("parameters", []):
            if parameter.get("in") == "query" and parameter.get("name") == name:
                return dict(parameter)
        return None


def operations(system: System) -> Iterator[Operation]:
    """Every operation of the served document."""
    document = system.client.get("/openapi.json").json()
    for template, item in document["paths"].items():
        for method in ("get", "put", "post", "patch", "delete"):
            if method in item:
                yield Operation(method.upper(), template, item[method])
