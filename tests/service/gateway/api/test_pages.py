"""What anyone may see: the document, its pages, the problems; and /metrics, which not everyone may."""

import json

import httpx2
import pytest

from services.contracts.problems import known, name_of
from services.gateway.main import create_app
from services.gateway.settings import GatewaySettings
from shared.testing.http import lifespan

from .conftest import Gateway


@pytest.mark.parametrize(
    "path", ["/openapi.json", "/asyncapi.yaml", "/docs", "/docs/swagger-ui-bundle.js", "/problems"]
)
async def test_pages_have_an_etag_and_answer_304(gateway: Gateway, path: str) -> None:
    client = gateway.client()
    answer = await client.get(path)
    assert answer.status_code == 200
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_docs_page_loads_nothing_from_elsewhere(gateway: Gateway) -> None:
    client = gateway.client()
    page = await client.get("/docs")
    assert "//" not in page.text.replace("<!doctype", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for asset in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"):
        assert asset in page.text
        assert (await client.get(asset)).status_code == 200


async def test_the_document_is_served_as_committed(gateway: Gateway) -> None:
    document = (await gateway.client().get("/openapi.json")).json()
    assert "/v1/ingest/events" in document["paths"]


async def test_event_schemas_are_where_events_say(gateway: Gateway) -> None:
    answer = await gateway.client().get("/schemas/pmo.gateway.inbound.accepted.v1.json")
    assert answer.status_code == 200
    assert answer.json()["$id"] == "/schemas/pmo.gateway.inbound.accepted.v1.json"
    assert (await gateway.client().get("/schemas/else.json")).json()["code"] == "not_found"


async def test_every_problem_has_the_page_that_its_type_names(gateway: Gateway) -> None:
    client = gateway.client()
    for problem in known():
        page = await client.get(f"/problems/{name_of(problem)}")
        assert page.status_code == 200, problem.code
        assert problem.code in page.text
    assert (await client.get("/problems/none")).status_code == 404


async def test_metrics_are_hidden_without_their_token(gateway: Gateway) -> None:
    assert (await gateway.client().get("/metrics")).status_code == 404


async def test_metrics_are_shown_to_who_has_their_token(gateway_settings: GatewaySettings) -> None:
    settings = gateway_settings.model_copy(update={"metrics_token": "letmein"})
    app = create_app(settings)
    async with lifespan(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
            shown = await client.get("/metrics", headers={"Authorization": "Bearer letmein"})
            assert "pmo_request_seconds" in shown.text
            assert (await client.get("/metrics", headers={"Authorization": "Bearer else"})).status_code == 404


async def test_health_names_its_checks(gateway: Gateway) -> None:
    assert (await gateway.client().get("/livez")).json() == {"status": "alive"}
    ready = await gateway.client().get("/readyz")
    assert ready.status_code == 200
    assert json.loads(ready.content)["checks"]["database"] == "ok"


async def test_unknown_pages_and_methods_are_problems(gateway: Gateway) -> None:
    assert (await gateway.client().get("/debug")).json()["code"] == "not_found"
    assert (await gateway.client().post("/openapi.json")).json()["code"] == "method_not_allowed"
