"""Every real plan, exported in each format that promises it and imported back into its project, changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.testing.cases import cases
from tests.service.projects.test_exports import stated
from tests.service.projects.test_imports import imported
from tests.service.projects.test_tables import actions, rows

FOLDER = cases("schedules")
KINDS = ("tasks", "dependencies", "calendars", "baselines")
OWN_FORMAT = {"mspdi": "mspdi", "xer": "xer", "pmxml": "xer"}


def kind_of(path: Path) -> str | None:
    """What a file of the folder is, by its name and first bytes; None if it is no plan of a kind that comes back."""
    if path.suffix in {".xer", ".pmxml"}:
        return path.suffix[1:]
    head = path.read_bytes()[:2000] if path.suffix == ".xml" else b""
    return "mspdi" if b"schemas.microsoft.com/project" in head else "pmxml" if b"APIBusinessObjects" in head else None


def trips() -> Iterator[Any]:
    """Each plan with each format that promises to bring it back."""
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and (kind := kind_of(path)):
            for export in (OWN_FORMAT[kind], "csv", "xlsx"):
                yield pytest.param(path, kind, export, id=f"{path.name}-{export}")


async def state(client: httpx2.AsyncClient, project: str) -> dict[str, Any]:
    """All that a project holds, by kind and id, with its versions."""
    path = f"/v1/projects/{project}"
    found = {kind: {row["id"]: row for row in await rows(client, f"{path}/{kind}")} for kind in KINDS}
    return {"project": (await client.get(path)).json(), **found}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real cases is absent")
@pytest.mark.parametrize(("path", "kind", "export"), list(trips()))
async def test_a_real_plan_comes_back_into_its_project_without_change(
    director: httpx2.AsyncClient, path: Path, kind: str, export: str
) -> None:
    operation = await imported(director, path.read_bytes(), kind=kind)
    assert operation["status"] == "succeeded", operation["problem"]
    for imported_project in operation["result"]["projects"]:
        project = imported_project["project_id"]
        before = await state(director, project)
        file = await director.get(f"/v1/projects/{project}/export?format={export}")
        again = (await imported(director, file.content, f"&project_id={project}", kind=export))["result"]
        assert actions(again) <= {"unchanged", "skipped"}, again["report"]["summary"]
        assert again["position"] == imported_project["position"]  # not an event, of whatever kind of row
        assert await state(director, project) == before


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real cases is absent")
@pytest.mark.parametrize(
    ("path", "kind"), [pytest.param(*each.values[:2], id=each.id) for each in trips() if each.values[2] == "csv"]
)
async def test_a_real_plan_as_a_table_is_the_same_tasks_elsewhere(
    director: httpx2.AsyncClient, path: Path, kind: str
) -> None:
    for imported_project in (await imported(director, path.read_bytes(), kind=kind))["result"]["projects"]:
        origin = f"/v1/projects/{imported_project['project_id']}"
        file = (await director.get(f"{origin}/export?format=csv")).content
        body = {"name": "Elsewhere", "currency": (await director.get(origin)).json()["currency"]}
        other = (await director.post("/v1/projects", json=body)).json()["id"]
        assert (await imported(director, file, f"&project_id={other}", kind="csv"))["status"] == "succeeded"
        here = stated(await rows(director, f"{origin}/tasks"))
        there = stated(await rows(director, f"/v1/projects/{other}/tasks"))
        assert there.keys() == here.keys()
        for uid, task in here.items():
            if task["percent_complete"] == 100 and task["actual_finish"] is None:  # in a table that is finished
                task["actual_finish"] = there[uid]["actual_finish"]
            assert there[uid] == task
