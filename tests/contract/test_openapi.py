"""The one OpenAPI document: valid, complete, what generators love, and exactly what the code says."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from services import contracts
from services.contracts.openapi import Contradiction, document, operations
from services.contracts.parts import PARTS
from services.gateway.proxy.routes import RouteTable, from_openapi
from services.topology import SERVICES
from shared.permissions import Permission
from shared.testing.cases import ROOT

Json = dict[str, Any]
DOCUMENT: Json = json.loads((ROOT / "shared/contracts/openapi.json").read_bytes())
OPERATIONS = {f"{method.upper()} {path}": operation for path, method, operation in operations(DOCUMENT)}
PROBLEM_REFERENCE = re.compile(r"#/components/responses/Problem\d{3}")


def test_the_committed_files_are_what_the_code_makes() -> None:
    made = {str(path): content for path, content in contracts.files()}
    stale = [
        path for path, content in made.items() if not (ROOT / path).is_file() or (ROOT / path).read_text() != content
    ]
    assert stale == [], "run `make contracts`"
    committed = {*(ROOT / "shared/contracts").rglob("*.*"), *(ROOT / "docs/problems").glob("*.md")}
    assert {str(path.relative_to(ROOT)) for path in committed} == set(made)


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_gateway_can_route_by_the_document() -> None:
    table = RouteTable(from_openapi(DOCUMENT), [service for service in SERVICES if service != "gateway"])
    assert len(table.routes) == len(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_complete(name: str) -> None:
    operation = OPERATIONS[name]
    Permission(operation["x-pmo-permission"])
    assert operation["x-pmo-service"] in {*SERVICES, "by_id_prefix"}
    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    assert operation["description"]
    assert len(operation["tags"]) == 1
    assert operation["security"]
    for parameter in operation.get("parameters", []):
        if "$ref" not in parameter:
            assert parameter.get("description"), parameter["name"]
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), parameter["name"]
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "422", "429", "500", "502", "503", "504"} <= statuses
    for status, response in operation["responses"].items():
        if status >= "400":
            assert PROBLEM_REFERENCE.fullmatch(response["$ref"]), status
    method = name.partition(" ")[0]
    if method in {"PATCH", "PUT", "DELETE"}:
        assert {"404", "412", "428"} <= statuses
        assert {"$ref": "#/components/parameters/IfMatch"} in operation["parameters"]
    if method in {"POST", "PATCH"}:
        assert {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"]


def test_a_file_with_an_etag_can_be_asked_for_when_it_has_changed() -> None:
    operation = OPERATIONS["GET /v1/projects/{project_id}/export"]
    assert {"$ref": "#/components/parameters/IfNoneMatch"} in operation["parameters"]
    assert {"200", "304"} <= operation["responses"].keys()
    assert operation["responses"]["200"]["headers"]["ETag"] == {"$ref": "#/components/headers/ETag"}


@pytest.mark.parametrize("action", ["copy", "renumber", "batch"])
def test_what_a_closed_project_refuses_is_documented(action: str) -> None:
    assert "409" in OPERATIONS[f"POST /v1/projects/{{project_id}}/tasks/{action}"]["responses"]


def test_operation_ids_are_unique_and_camel_case() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-zA-Z]+", name) for name in names)


def properties(node: object, place: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every property of every schema."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            for name, value in node["properties"].items():
                yield f"{place}/{name}", value
        for name, value in node.items():
            if name not in {"example", "examples"}:
                yield from properties(value, f"{place}/{name}")
    elif isinstance(node, list):
        for value in node:
            yield from properties(value, place)


def test_every_field_is_described() -> None:
    fields = properties(DOCUMENT["components"]["schemas"])
    bare = [place for place, value in fields if "description" not in value and set(value) != {"$ref"}]
    assert bare == []


def test_every_schema_is_described_and_none_is_fastapis_own() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert [name for name, schema in schemas.items() if "description" not in schema] == []
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    assert not [name for name in schemas if name.endswith(("-Input", "-Output")) or "[" in name or "_" in name]


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found = DOCUMENT
        for part in reference.split("/"):
            found = found[part]


def test_examples_are_valid() -> None:
    checked = 0
    for name, operation in OPERATIONS.items():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for kind, content in body.get("content", {}).items():
                if kind.endswith("json"):
                    schema = {**content["schema"], "components": DOCUMENT["components"]}
                    errors = [error.message for error in Draft202012Validator(schema).iter_errors(content["example"])]
                    assert errors == [], name
                    checked += 1
    for response in DOCUMENT["components"]["responses"].values():
        content = response["content"]["application/problem+json"]
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        Draft202012Validator(schema).validate(content["example"])
    assert checked >= len(OPERATIONS)


@pytest.mark.parametrize("change", ["schema", "operation", "operation id"])
def test_contradictions_between_services_are_errors(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("services.contracts.openapi")
    usual = module.openapi

    def changed(name: str, title: str, routers: Any) -> Json:
        own: Json = usual(name, title, routers)
        if name == "kpi":
            operation = next(iter(own["paths"].values()))["get"]
            if change == "schema":
                own["components"]["schemas"]["ProjectRead"] = {"type": "object"}
            elif change == "operation":
                own["paths"]["/v1/projects"] = {"get": operation}
            else:
                operation["operationId"] = "listProjects"
        return own

    monkeypatch.setattr(module, "openapi", changed)
    with pytest.raises(Contradiction):
        document(PARTS)


def test_a_python_client_is_generated_without_a_warning(tmp_path: Path) -> None:
    target = tmp_path / "client"
    source = ROOT / "shared/contracts/openapi.json"
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    command = [str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--fail-on-warning"]
    command += ["--path", str(source), "--config", str(tmp_path / "config.yaml"), "--meta", "none"]
    done = subprocess.run(
        [*command, "--output-path", str(target)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arning" not in done.stdout
    made = " ".join(path.read_text() for path in (target / "models").glob("*.py"))
    dropped = [name for name in DOCUMENT["components"]["schemas"] if f"class {name}" not in made]
    assert dropped == []
    assert sum(1 for _ in (target / "api").rglob("[!_]*.py")) == len(OPERATIONS)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(target)], check=True)
