"""The schema and the document: migrations, answers against their models, queries against their indexes."""

import httpx2
import orjson
from fastapi.routing import APIRoute

from services.local.postgres import Postgres
from services.resources.domain.events import EVENTS
from services.resources.domain.images import LoadRead, LoadSummaryRead, OverAllocationRead, ResourceRead
from services.resources.main import NAME, ROUTERS, TITLE
from services.resources.models import METADATA, TABLES
from services.resources.service.load import work_load
from services.resources.settings import Settings
from shared.db import Database
from shared.migrations import draft, migrate
from shared.service import openapi
from shared.testing.capture import recorded
from tests.service.resources.story import Listener, Project, assignment, person, plan, task

PLAN = plan([task("1", "2026-03-02 08:00", "2026-03-03 17:00")], [person("1")], [assignment("1", "1", "1", 1440)])


async def test_migrations_go_up_without_drift_down_and_up_again(settings: Settings, postgres: Postgres) -> None:
    copy = await postgres.clone("resources", "pmo_resources_migrated", template="pmo_resources_template")
    try:
        assert await draft(METADATA, copy.owner) == ""
        await migrate("resources", copy.owner, "base")
        assert "create_table" in await draft(METADATA, copy.owner)
        await migrate("resources", copy.owner)
        assert await draft(METADATA, copy.owner) == ""
    finally:
        await postgres.drop(copy.name)


async def test_every_table_is_closed_to_other_organizations(database: Database) -> None:
    async with database.connection() as connection:
        secured = await connection.fetch(
            "select relname from pg_class where relrowsecurity and relforcerowsecurity and relkind = 'r'"
        )
    assert {row["relname"] for row in secured} >= set(TABLES)


async def test_answers_are_what_the_document_says(listener: Listener, director: httpx2.AsyncClient) -> None:
    project = Project()
    await listener.hear(*project.imported(PLAN))
    one = project.part("resource", "1")
    ResourceRead.model_validate_json((await director.get(f"/v1/resources/{one}")).content)
    LoadRead.model_validate_json((await director.get(f"/v1/resources/{one}/load")).content)
    query = f"project_id={project.id}"
    LoadSummaryRead.model_validate_json((await director.get(f"/v1/load-summary?{query}")).content)
    (item,) = (await director.get(f"/v1/over-allocations?{query}")).json()["items"]
    OverAllocationRead.model_validate_json(orjson.dumps(item))


async def test_published_events_are_what_the_catalogue_says(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    await work_load(quiet.database, quiet.context, str(project.id))
    catalogue = {event.type: event for event in EVENTS}
    ((kind, data),) = await recorded(quiet.database, quiet.organization)
    catalogue[kind].model_validate_json(orjson.dumps(data))


def test_every_operation_is_documented() -> None:
    document = openapi(NAME, TITLE, ROUTERS)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    operations = [operation for operation in operations if operation["tags"] != ["dead-letters"]]
    assert {operation["operationId"] for operation in operations} == {
        "listResources",
        "getResource",
        "getResourceLoad",
        "listOverAllocations",
        "getLoadSummary",
    }
    for operation in operations:
        assert operation["description"]
        assert operation["x-pmo-permission"] == "resource.read"
        for parameter in operation["parameters"]:
            assert parameter.get("description"), parameter["name"]
    rates = {"standard_rate", "overtime_rate", "cost_per_use"}
    assert not rates & set(document["components"]["schemas"]["ResourceRead"]["required"])
    assert all(isinstance(route, APIRoute) for router in ROUTERS for route in router.routes)
