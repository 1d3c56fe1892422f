"""Routes come from the merged document, and a path finds the operation that the document means."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.proxy.routes import (
    BY_ID_PREFIX,
    FORWARDED,
    NEVER_FORWARDED,
    Route,
    RoutesError,
    RouteTable,
    from_openapi,
)
from shared.errors import MethodNotAllowed, NotFound

DOCUMENT: Mapping[str, object] = {
    "components": {"parameters": {"WaitFor": {"name": "X-Custom", "in": "header"}}},
    "paths": {
        "/v1/projects": {
            "parameters": [{"$ref": "#/components/parameters/WaitFor"}],
            "get": {
                "x-pmo-service": "projects",
                "x-pmo-permission": "project.read",
                "parameters": [
                    {"name": "X-Own", "in": "header"},
                    {"name": "Authorization", "in": "header"},
                    {"name": "X-Forwarded-For", "in": "header"},
                    {"name": "limit", "in": "query"},
                ],
            },
            "post": {"x-pmo-service": "projects", "x-pmo-permission": "project.create"},
        },
        "/v1/imports": {
            "post": {"x-pmo-service": "projects", "x-pmo-max-body-bytes": 52428800, "x-pmo-deadline-ms": 60000}
        },
        "/v1/projects/{project_id}": {"get": {"x-pmo-service": "projects"}},
        "/v1/projects/{project_id}/kpis": {"get": {"x-pmo-service": "kpi"}},
        "/v1/operations/{id}": {"get": {"x-pmo-service": "by_id_prefix"}},
        "/v1/stream": {"get": {"x-pmo-service": "gateway", "x-pmo-stream": True, "x-pmo-scope": "subscribe"}},
        "/openapi.json": {"get": {"x-pmo-service": "gateway", "x-pmo-public": True}},
    },
}
SERVICES = ("projects", "resources", "kpi")


def table() -> RouteTable:
    """The document's routes."""
    return RouteTable(from_openapi(DOCUMENT), SERVICES)


def one(operation: Mapping[str, object], template: str = "/v1/x") -> Mapping[str, object]:
    """A document with one operation."""
    return {"paths": {template: {"get": operation}}}


def test_an_operations_limits_and_rights_come_from_the_document() -> None:
    routes = {(route.method, route.template): route for route in table().routes}
    imports = routes["POST", "/v1/imports"]
    assert (imports.max_body, imports.deadline, imports.service) == (52428800, 60.0, "projects")
    assert routes["GET", "/v1/projects"].key_scopes == {"read"}
    assert routes["POST", "/v1/projects"].key_scopes == frozenset()
    assert routes["GET", "/v1/stream"].key_scopes == {"subscribe"}
    assert routes["GET", "/openapi.json"].public
    assert not routes["GET", "/v1/projects"].public


def test_declared_headers_are_forwarded_but_never_the_dangerous_ones() -> None:
    route = next(route for route in table().routes if (route.method, route.template) == ("GET", "/v1/projects"))
    assert set(route.forwarded) == {name.encode() for name in FORWARDED | {"x-own", "x-custom"}}
    assert FORWARDED.isdisjoint(NEVER_FORWARDED)


@pytest.mark.parametrize(
    ("path", "template", "service"),
    [
        ("/v1/projects", "/v1/projects", "projects"),
        ("/v1/projects/PRJ-42", "/v1/projects/{project_id}", "projects"),
        ("/v1/projects/x/kpis", "/v1/projects/{project_id}/kpis", "kpi"),
        ("/v1/operations/kpi-1", "/v1/operations/{id}", "kpi"),
        ("/v1/operations/gateway-1", "/v1/operations/{id}", "gateway"),
    ],
)
def test_a_path_finds_its_operation(path: str, template: str, service: str) -> None:
    route, found = table().match("GET", path)
    assert (route.template, found) == (template, service)


@pytest.mark.parametrize(
    "path",
    ["/", "", "/v1", "/v1/projects/", "/v1/projects//kpis", "/v1/projects/x/y", "/V1/projects", "/v1/operations/x"],
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        table().match("GET", path)


def test_head_goes_with_get_but_not_on_a_stream() -> None:
    assert table().match("HEAD", "/v1/projects")[0].method == "GET"
    for method, path, allowed in (
        ("HEAD", "/v1/stream", "GET, OPTIONS"),
        ("DELETE", "/v1/projects", "GET, HEAD, OPTIONS, POST"),
        ("HEAD", "/v1/imports", "OPTIONS, POST"),
    ):
        with pytest.raises(MethodNotAllowed) as refused:
            table().match(method, path)
        assert refused.value.headers["Allow"] == allowed


def test_a_fixed_segment_goes_before_a_parameter_and_falls_back_to_it() -> None:
    templates = ("/v1/a/{id}/x", "/v1/a/new", "/v1/a/{id}", "/v1/a/new/y", "/docs/{rest:path}")
    routes = RouteTable([Route(method="GET", template=t, service="gateway") for t in templates], ())
    for path, template in (
        ("/v1/a/new", "/v1/a/new"),
        ("/v1/a/old", "/v1/a/{id}"),
        ("/v1/a/new/x", "/v1/a/{id}/x"),
        ("/v1/a/new/y", "/v1/a/new/y"),
        ("/docs/assets/a.js", "/docs/{rest:path}"),
    ):
        assert routes.match("GET", path)[0].template == template


@pytest.mark.parametrize(
    "document",
    [
        one({}),
        one({"x-pmo-service": "billing"}),
        one({"x-pmo-service": "projects", "x-pmo-scope": "everything"}),
        one({"x-pmo-service": "projects", "x-pmo-permission": "everything"}),
        one({"x-pmo-service": "projects", "x-pmo-max-body-bytes": 0}),
        one({"x-pmo-service": "projects", "x-pmo-max-body-bytes": "1"}),
        one({"x-pmo-service": "projects", "x-pmo-deadline-ms": True}),
        one({"x-pmo-service": "projects"}, "/v1/{a}:{b}"),
        {"paths": {"/v1/{a}": one({"x-pmo-service": "kpi"})["paths"], "/x": {"get": {"x-pmo-service": 1}}}},
    ],
)
def test_a_document_that_cannot_be_routed_is_refused_at_start(document: Mapping[str, object]) -> None:
    with pytest.raises(RoutesError):
        RouteTable(from_openapi(document), SERVICES)


segments = st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), min_size=1, max_size=4)


@given(st.lists(segments, min_size=1, max_size=8), st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4))
def test_a_path_matches_iff_some_template_does(templates: list[list[str]], path: list[str]) -> None:
    distinct = {tuple("{}" if part.startswith("{") else part for part in template): template for template in templates}
    routes = [Route(method="GET", template="/" + "/".join(t), service="gateway") for t in distinct.values()]
    fits = [
        "/" + "/".join(template)
        for template in distinct.values()
        if len(template) == len(path) and all(t.startswith("{") or t == p for t, p in zip(template, path, strict=True))
    ]
    try:
        assert RouteTable(routes, ()).match("GET", "/" + "/".join(path))[0].template in fits
    except NotFound:
        assert not fits


def test_an_id_prefix_must_name_a_service() -> None:
    routes = RouteTable([Route(method="GET", template="/v1/o/{id}", service=BY_ID_PREFIX)], ["kpi"])
    assert routes.match("GET", "/v1/o/kpi-1")[1] == "kpi"
    for path in ("/v1/o/projects-1", "/v1/o/by_id_prefix-1", "/v1/o/-1"):
        with pytest.raises(NotFound):
            routes.match("GET", path)
