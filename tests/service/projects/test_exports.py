"""Exports through the API: what goes out comes back as the same plan, in every format that can be imported."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import ResourceType
from services.projects.domain.primavera import read_xer
from shared.testing.cases import cases
from shared.testing.http import Api
from tests.service.projects.test_imports import EXAMPLE, imported
from tests.service.projects.test_tables import actions, rows
from tests.unit.projects import xer_support as xer

XER_FILES = sorted(cases("schedules").glob("*.xer")) if cases("schedules").is_dir() else []
DATES = ("early_start", "early_finish", "late_start", "late_finish", "total_float_minutes", "free_float_minutes")
FORMATS = ("mspdi", "xer", "csv", "xlsx")


async def export(client: httpx2.AsyncClient, project: str, kind: str, **headers: str) -> httpx2.Response:
    return await client.get(f"/v1/projects/{project}/export?format={kind}", headers=headers)


async def schedule_of(client: httpx2.AsyncClient, project: str) -> dict[str, dict[str, Any]]:
    return {item["source_id"]: item for item in await rows(client, f"/v1/projects/{project}/schedule")}


async def links_of(client: httpx2.AsyncClient, project: str) -> set[tuple[Any, ...]]:
    names = {task["id"]: task["source_id"] for task in await rows(client, f"/v1/projects/{project}/tasks")}
    return {
        (names[each["predecessor_id"]], names[each["successor_id"]], each["type"], each["lag"], each["lag_unit"])
        for each in await rows(client, f"/v1/projects/{project}/dependencies")
    }


def stated(tasks: Iterable[dict[str, Any]], leave: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """What the tasks say, by their ids in the file, but for what is each project's own."""
    own = {
        "id",
        "project_id",
        "parent_id",
        "calendar_id",
        "version",
        "created_at",
        "updated_at",
        "progress_at",
        "position",
        *leave,
    }
    return {task["source_id"]: {name: task[name] for name in task.keys() - own} for task in tasks}


PLANNED: dict[str, Any] = {"target_start_date": "2026-03-02 08:00", "target_end_date": "2026-03-06 16:00"}
DONE: dict[str, Any] = {
    "status_code": "TK_Complete",
    "act_start_date": "2026-03-02 08:00",
    "act_end_date": "2026-03-02 16:00",
}
BEGUN: dict[str, Any] = {"status_code": "TK_Active", "act_start_date": "2026-03-03 08:00", "remain_drtn_hr_cnt": 24}
LATE: dict[str, Any] = {"cstr_type": "CS_MEOB", "cstr_date": "2026-03-20 16:00"}
XER_PLAN = xer.document(
    [
        xer.activity(1, 2, **DONE, remain_drtn_hr_cnt=0),
        xer.activity(2, 2, target_drtn_hr_cnt=40, **BEGUN, **LATE, **PLANNED),
        xer.activity(3, 3, task_type="TT_FinMile", target_drtn_hr_cnt=0, **PLANNED),
        xer.activity(4, 3, task_type="TT_LOE", **PLANNED),
        xer.activity(5, 3, target_drtn_hr_cnt=16, remain_drtn_hr_cnt=16, **PLANNED),
    ],
    [
        xer.relationship(1, 2), xer.relationship(2, 3, lag_hr_cnt=4), xer.relationship(1, 4, pred_type="PR_SS"),
        xer.relationship(5, 4, pred_type="PR_FF"), xer.relationship(2, 5, pred_type="PR_SS", lag_hr_cnt=-8),
    ],
    nodes=[xer.ROOT, xer.node(2), xer.node(3)],
).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("content", "kind"), [(XER_PLAN, "xer"), (EXAMPLE.read_bytes(), "mspdi")], ids=["xer", "mspdi"]
)
async def test_a_plan_comes_back_in_its_own_format_without_change_and_elsewhere_the_same(
    director: httpx2.AsyncClient, content: bytes, kind: str
) -> None:
    project = (await imported(director, content, kind=kind))["result"]["project_id"]
    file = await export(director, project, kind)
    again = (await imported(director, file.content, f"&project_id={project}", kind=kind))["result"]
    assert actions(again) <= {"unchanged", "skipped"}, again["report"]["summary"]
    empty = (await director.post("/v1/projects", json={"name": "Elsewhere", "currency": "EUR"})).json()["id"]
    operation = await imported(director, file.content, f"&project_id={empty}", kind=kind)
    assert operation["status"] == "succeeded", operation["problem"]
    here, there = await schedule_of(director, project), await schedule_of(director, empty)
    assert {uid: [item[name] for name in DATES] for uid, item in there.items()} == {
        uid: [item[name] for name in DATES] for uid, item in here.items()
    }
    assert await links_of(director, empty) == await links_of(director, project)
    tasks = [await rows(director, f"/v1/projects/{each}/tasks") for each in (project, empty)]
    planned = ("planned_start", "planned_finish")
    found = stated(tasks[1])
    for uid, wanted in stated(tasks[0]).items():
        if kind == "mspdi" and uid in here and not wanted["is_manual"]:
            # Microsoft Project's start and finish are where a task lies now, whatever the file that it came with said.
            wanted |= dict(zip(planned, (here[uid]["early_start"], here[uid]["early_finish"]), strict=True))
        assert found[uid] == wanted


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_table_comes_back_with_its_tasks_links_and_dates(director: httpx2.AsyncClient, kind: str) -> None:
    table = b"id,name,duration,start,predecessors,outline_level,resources\n1,A,,,,1,\n2,B,5d,2026-03-02,,2,Ann[50%]\n"
    table += b'3,C,3d,,"2FS+1d",2,Ann;Bob\n4,"=D",0d,,"3;2SS-50%",1,\n5,E,2ed,2026-03-04,,1,\n'
    project = (await imported(director, table, kind="csv"))["result"]["project_id"]
    file = await export(director, project, kind)
    again = (await imported(director, file.content, f"&project_id={project}", kind=kind))["result"]
    assert actions(again) == {"unchanged"}, again["report"]["summary"]
    elsewhere = (await imported(director, file.content, kind=kind))["result"]["project_id"]
    assert elsewhere != project
    here, there = await schedule_of(director, project), await schedule_of(director, elsewhere)
    assert {uid: [item[name] for name in DATES] for uid, item in there.items()} == {
        uid: [item[name] for name in DATES] for uid, item in here.items()
    }
    assert await links_of(director, elsewhere) == await links_of(director, project)
    tasks = [await rows(director, f"/v1/projects/{each}/tasks") for each in (project, elsewhere)]
    assert stated(tasks[1]) == stated(tasks[0])


@pytest.mark.skipif(not XER_FILES, reason="the folder of real cases is absent")
@pytest.mark.parametrize("plan", XER_FILES, ids=lambda plan: plan.name)
async def test_a_real_plan_of_primavera_has_its_dates_through_the_api_and_comes_back_unchanged(
    director: httpx2.AsyncClient, plan: Path
) -> None:
    project = (await imported(director, plan.read_bytes(), kind="xer"))["result"]["project_id"]
    items = await schedule_of(director, project)
    expected = json.loads(plan.with_name(f"{plan.stem}.expected.json").read_text())
    left_out = {str(each) for each in expected["tasks_our_cpm_differs_on"]}
    compared = 0
    for uid, wanted in expected["tasks"].items():
        if uid in left_out:
            continue
        if wanted.get("early_start") is not None:
            compared += 1
            assert items[uid]["total_float_minutes"] == round(wanted.get("total_slack", 0)), uid
    assert compared > 0
    file = await export(director, project, "xer")
    again = (await imported(director, file.content, f"&project_id={project}", kind="xer"))["result"]
    assert actions(again) <= {"unchanged", "skipped"}, again["report"]["summary"]


@pytest.mark.parametrize("kind", [*FORMATS, "ics"])
async def test_an_export_is_told_apart_by_the_state_that_it_shows(
    service: Api, organization: UUID, director: httpx2.AsyncClient, kind: str
) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    first = await export(director, project, kind)
    assert (first.status_code, len(first.content) > 100) == (200, True)
    again = await export(director, project, kind, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    viewer = service.as_(organization, "pmo_analyst")
    other = await export(viewer, project, kind, **{"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200  # who may not see rates has another file
    await director.post(f"/v1/projects/{project}/tasks", json={"name": "New"})
    changed = await export(director, project, kind, **{"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)


@pytest.mark.parametrize("kind", ["mspdi", "csv", "xlsx"])
async def test_a_plan_made_here_comes_back_without_change(director: httpx2.AsyncClient, kind: str) -> None:
    body = {"name": "By hand", "currency": "EUR", "start": "2026-03-02T08:00:00Z"}
    project = (await director.post("/v1/projects", json=body)).json()["id"]
    path = f"/v1/projects/{project}"
    day = [{"start": "07:00", "finish": "15:00"}]
    week = dict.fromkeys(("monday", "tuesday", "saturday"), day)
    site = {"name": "Site", "week": week, "holidays": {"country": "NL"}}
    calendar = (await director.post(f"{path}/calendars", json=site)).json()["id"]
    tasks: list[str] = []
    dig = {"calendar_id": calendar, "duration_minutes": 2400}
    for name, fields in (("Phase", {}), ("Dig", dig), ("Pour", {"duration_minutes": 960})):
        parent = {"parent_id": tasks[0]} if tasks else {}
        made = await director.post(f"{path}/tasks", json={"name": name, **fields, **parent})
        assert made.status_code == 201, made.text
        tasks.append(made.json()["id"])
    link = {"predecessor_id": tasks[1], "successor_id": tasks[2], "lag": 480}
    assert (await director.post(f"{path}/dependencies", json=link)).status_code == 201
    before = [await rows(director, f"{path}/{each}") for each in ("tasks", "dependencies", "calendars")]
    file = await export(director, project, kind)
    result = (await imported(director, file.content, f"&project_id={project}", kind=kind))["result"]
    assert actions(result) <= {"unchanged", "skipped"}, result["report"]["summary"]
    assert [await rows(director, f"{path}/{each}") for each in ("tasks", "dependencies", "calendars")] == before


@pytest.mark.parametrize("kind", ["mspdi", "xer"])
async def test_progress_that_is_stated_moves_the_work_of_assignments_in_files(
    director: httpx2.AsyncClient, kind: str
) -> None:
    """Both products take what is done from the assignments: without this a file would take the progress back."""
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    source = read_mspdi([EXAMPLE.read_bytes()])
    people = {each.source_id for each in source.resources if each.type is ResourceType.WORK}
    works = [each for each in source.assignments if each.resource_source_id in people and each.work_minutes]
    untouched = {task.source_id for task in source.tasks if not task.percent_complete and not task.is_summary}
    chosen = next(each.task_source_id for each in works if each.task_source_id in untouched)
    tasks = {task["source_id"]: task for task in await rows(director, f"/v1/projects/{project}/tasks")}
    path = f"/v1/projects/{project}/tasks/{tasks[chosen]['id']}"
    headers = {"If-Match": f'"{tasks[chosen]["version"]}"', "Content-Type": "application/merge-patch+json"}
    changed = await director.patch(path, content=json.dumps({"percent_work_complete": 40}), headers=headers)
    assert changed.status_code == 200, changed.text
    file = (await export(director, project, kind)).content
    plan = read_mspdi([file]) if kind == "mspdi" else next(iter(read_xer([file]).plans.values()))
    name = next(task.source_id for task in plan.tasks if task.name == tasks[chosen]["name"])
    found = [each for each in plan.assignments if each.task_source_id == name and each.resource_source_id in people]
    assert sum(each.actual_work_minutes for each in found) == changed.json()["actual_work_minutes"] > 0
    assert sum(each.remaining_work_minutes for each in found) == changed.json()["remaining_work_minutes"]
