"""What a file no longer holds leaves nothing behind that hangs on it, and takes nothing that others need."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Context, Database
from shared.testing.http import Api
from tests.service.projects.test_baselines import decided, taken
from tests.service.projects.test_dependencies import PATCH
from tests.service.projects.test_imports import EXAMPLE, imported
from tests.service.projects.test_tables import rows, table

FORMATS = ("mspdi", "xer", "csv", "xlsx", "ics")


def without(kind: str, uid: str, content: str) -> str:
    """The file without a row."""
    shorter, count = re.subn(rf"<{kind}>\s*<UID>{uid}</UID>.*?</{kind}>", "", content, flags=re.DOTALL)
    assert count == 1
    return shorter


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = await Database.connect(settings.database_url, size=1)
    yield opened
    await opened.close()


async def hanging(client: httpx2.AsyncClient, database: Database, organization: UUID, path: str) -> dict[str, int]:
    """How many links and assignments of the project name a task that there is not."""
    here = {row["id"] for row in await rows(client, f"{path}/tasks")}
    links = await rows(client, f"{path}/dependencies")
    loose = [row for row in links if not {row["predecessor_id"], row["successor_id"]} <= here]
    async with database.transaction(Context(organization, "test"), read_only=True) as tx:
        shares = await tx.fetchint(
            "select count(*) from assignment a where organization_id = $1 and project_id = $2"
            " and not exists (select from task t where t.organization_id = $1 and t.id = a.task_id)",
            organization,
            UUID(path.rpartition("/")[2]),
        )
    return {"dependencies": len(loose), "assignments": shares}


async def exported(client: httpx2.AsyncClient, path: str) -> list[int]:
    return [(await client.get(f"{path}/export?format={each}")).status_code for each in FORMATS]


async def test_links_and_assignments_go_with_the_tasks_of_a_file(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    content = EXAMPLE.read_text()
    path = f"/v1/projects/{(await imported(director, content.encode()))['result']['project_id']}"
    links = await rows(director, f"{path}/dependencies")
    (task,) = (await director.get(f"{path}/tasks?source_id=25")).json()["items"]
    lost = [row for row in links if task["id"] in {row["predecessor_id"], row["successor_id"]}]
    assert lost
    report = (await imported(director, without("Task", "25", content).encode()))["result"]["report"]
    deleted = {row["kind"] for row in report["rows"] if row["action"] == "deleted"}
    assert deleted == {"task", "dependency", "assignment"}
    assert report["summary"]["dependency"]["deleted"] == len(lost)
    assert await hanging(director, database, organization, path) == {"dependencies": 0, "assignments": 0}
    assert await exported(director, path) == [200] * len(FORMATS)
    again = (await imported(director, content.encode()))["result"]["report"]["summary"]
    assert (again["task"]["created"], again["dependency"]["created"]) == (1, len(lost))


@pytest.mark.parametrize("says_links", [True, False])
async def test_links_go_with_the_rows_of_a_table_even_if_it_says_nothing_of_links(
    director: httpx2.AsyncClient, database: Database, organization: UUID, says_links: bool
) -> None:
    project = (await director.post("/v1/projects", json={"name": "Quay"})).json()["id"]
    path = f"/v1/projects/{project}"
    whole = "id,name,duration,predecessors\n1,Dig,2d,\n2,Pour,1d,1\n3,Cure,5d,2\n"
    await table(director, whole, project_id=project)
    shorter = "id,name,duration,predecessors\n1,Dig,2d,\n3,Cure,5d,\n"
    if not says_links:
        shorter = "id,name,duration\n1,Dig,2d\n3,Cure,5d\n"
    report = (await table(director, shorter, project_id=project))["report"]["summary"]
    assert (report["task"]["deleted"], report["dependency"]["deleted"]) == (1, 2)
    assert await hanging(director, database, organization, path) == {"dependencies": 0, "assignments": 0}
    assert await exported(director, path) == [200] * len(FORMATS)


async def test_a_link_to_a_task_made_by_hand_goes_with_the_task_of_the_file(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    content = EXAMPLE.read_text()
    path = f"/v1/projects/{(await imported(director, content.encode()))['result']['project_id']}"
    (task,) = (await director.get(f"{path}/tasks?source_id=25")).json()["items"]
    made = (await director.post(f"{path}/tasks", json={"name": "By hand"})).json()
    link = {"predecessor_id": task["id"], "successor_id": made["id"]}
    assert (await director.post(f"{path}/dependencies", json=link)).status_code == 201
    await imported(director, without("Task", "25", content).encode())
    assert await hanging(director, database, organization, path) == {"dependencies": 0, "assignments": 0}


async def test_a_calendar_that_leaves_the_file_stays_while_others_work_by_it(director: httpx2.AsyncClient) -> None:
    content = EXAMPLE.read_text()
    path = f"/v1/projects/{(await imported(director, content.encode()))['result']['project_id']}"
    calendars = {row["source_id"]: row for row in await rows(director, f"{path}/calendars")}
    crew = calendars["15"]
    made = {"name": "By hand", "duration_minutes": 480, "calendar_id": crew["id"]}
    task: dict[str, Any] = (await director.post(f"{path}/tasks", json=made)).json()
    shorter = without("Calendar", "15", content)
    shorter = re.sub(r"<CalendarUID>15</CalendarUID>", "<CalendarUID>1</CalendarUID>", shorter)
    report = (await imported(director, shorter.encode()))["result"]["report"]
    assert [row for row in report["rows"] if row["kind"] == "calendar" and row["action"] == "deleted"] == []
    assert crew in await rows(director, f"{path}/calendars")
    headers = {**PATCH, "If-Match": f'"{task["version"]}"'}
    freed = await director.patch(f"{path}/tasks/{task['id']}", json={"calendar_id": None}, headers=headers)
    assert freed.status_code == 200
    await imported(director, shorter.replace("<Name>Marine works</Name>", "<Name>Marine work</Name>").encode())
    assert crew["id"] not in {row["id"] for row in await rows(director, f"{path}/calendars")}


@pytest.mark.parametrize("way", ["import", "delete", "batch"])
async def test_who_earned_in_proportion_to_a_task_that_is_gone_earns_as_usual(
    director: httpx2.AsyncClient, way: str
) -> None:
    project = (await director.post("/v1/projects", json={"name": "Quay"})).json()["id"]
    path = f"/v1/projects/{project}/tasks"
    await table(director, "id,name,duration\n1,Base,5d\n2,Part,5d\n3,Rest,1d\n", project_id=project)
    base, part, _ = await rows(director, path)
    made = (await director.post(path, json={"name": "By hand"})).json()
    technique = {"kind": "apportioned", "base_task_id": base["id"]}
    for one in (part, made):
        headers = {**PATCH, "If-Match": f'"{one["version"]}"'}
        answer = await director.patch(f"{path}/{one['id']}", json={"ev_technique": technique}, headers=headers)
        assert answer.status_code == 200, answer.text
    if way == "import":
        report = (await table(director, "id,name,duration\n2,Part,5d\n3,Rest,1d\n", project_id=project))["report"]
        told = [row for row in report["rows"] if row.get("code") == "technique_invalid"]
        assert [row["source_id"] for row in told] == ["2"]
    elif way == "delete":
        assert (await director.delete(f"{path}/{base['id']}", headers={"If-Match": '"1"'})).status_code == 204
    else:
        item = {"action": "delete_task", "id": base["id"], "version": 1}
        assert (await director.post(f"{path}/batch", json={"mode": "atomic", "items": [item]})).status_code == 200
    assert [row["ev_technique"] for row in await rows(director, path)] == [None, None, None]


async def test_an_approved_baseline_is_replaced_by_no_file(
    service: Api, organization: UUID, director: httpx2.AsyncClient
) -> None:
    manager = service.as_(organization, "project_manager", subject="pm")
    content = EXAMPLE.read_text()
    project = (await imported(manager, content.encode()))["result"]["project_id"]
    path = f"/v1/projects/{project}"
    assert (await decided(director, await taken(manager, path))).status_code == 200
    held = await rows(manager, f"{path}/tasks")
    assert any(row["baseline_cost"] is not None for row in held)
    again = (await imported(manager, content.encode()))["result"]["report"]
    told = [row for row in again["rows"] if row["kind"] == "baseline"]
    assert [(row["source_id"], row["action"], row["code"]) for row in told] == [("0", "skipped", "baseline_in_force")]
    assert again["summary"]["task"].keys() == {"unchanged"}
    assert await rows(manager, f"{path}/tasks") == held
    without_any = re.sub(r"<Baseline>.*?</Baseline>", "", content, flags=re.DOTALL)
    longer = without_any.replace("</Tasks>", f"{NEW_TASK}</Tasks>")
    report = (await imported(manager, longer.encode()))["result"]["report"]
    assert [row for row in report["rows"] if row["kind"] == "baseline"] == []
    after = {row["id"]: row for row in await rows(manager, f"{path}/tasks")}
    figures = [name for name in held[0] if name.startswith("baseline_")]
    assert figures
    assert [{name: after[row["id"]][name] for name in figures} for row in held] == [
        {name: row[name] for name in figures} for row in held
    ]
    (new,) = (row for row in after.values() if row["source_id"] == "999")
    assert {new[name] for name in figures} == {None}


NEW_TASK = (
    "<Task><UID>999</UID><ID>999</ID><Name>New</Name><OutlineLevel>1</OutlineLevel><Duration>PT8H0M0S</Duration></Task>"
)
