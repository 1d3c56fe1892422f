"""Importing real plans: through the API, into rows, events and a schedule, and again without effect."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.testing.cases import cases
from shared.testing.http import Api
from tests.unit.projects import xer_support as xer

EXAMPLE = Path(__file__).parents[3] / "examples" / "harbour-terminal.mspdi.xml"
PLANS = sorted(cases("schedules").glob("MSP_*.mspdi.xml")) if cases("schedules").is_dir() else []
FIXTURES = sorted(path for kind in ("xer", "pmxml") for path in cases("schedules").rglob(f"*.{kind}"))
XML = {"Content-Type": "application/xml"}


async def ended(client: httpx2.AsyncClient, response: httpx2.Response) -> dict[str, Any]:
    """Follow an operation to its end."""
    assert response.status_code == 202, response.text
    for _ in range(300):
        operation: dict[str, Any] = (await client.get(response.headers["location"])).json()
        if operation["status"] not in {"pending", "running"}:
            return operation
        await asyncio.sleep(0.05)
    raise AssertionError("the operation does not end")


async def imported(client: httpx2.AsyncClient, content: bytes, query: str = "", kind: str = "mspdi") -> dict[str, Any]:
    """Import a file and return the operation."""
    headers = XML if kind == "mspdi" else {"Content-Type": "application/octet-stream"}
    response = await client.post(f"/v1/imports?format={kind}{query}", content=content, headers=headers)
    return await ended(client, response)


async def test_the_example_becomes_a_project_with_tasks_and_a_schedule(director: httpx2.AsyncClient) -> None:
    operation = await imported(director, EXAMPLE.read_bytes())
    assert operation["status"] == "succeeded", operation["problem"]
    result = operation["result"]
    project = (await director.get(f"/v1/projects/{result['project_id']}")).json()
    assert project["currency"] == "EUR"
    schedule = (await director.get(f"/v1/projects/{project['id']}/schedule?limit=200")).json()
    assert schedule["problem"] is None
    assert len(schedule["items"]) == result["report"]["summary"]["task"]["created"] - 1
    assert all(item["source_id"] != "0" for item in schedule["items"])


async def test_the_same_file_again_changes_nothing_and_names_the_same_project(director: httpx2.AsyncClient) -> None:
    first = (await imported(director, EXAMPLE.read_bytes()))["result"]
    second = (await imported(director, EXAMPLE.read_bytes()))["result"]
    assert second["project_id"] == first["project_id"]
    assert second["position"] == first["position"]
    assert {action for counts in second["report"]["summary"].values() for action in counts} <= {"unchanged", "skipped"}
    assert len((await director.get("/v1/imports")).json()["items"]) == 2


async def test_the_same_file_twice_at_once_makes_one_project(director: httpx2.AsyncClient) -> None:
    results = await asyncio.gather(*(imported(director, EXAMPLE.read_bytes()) for _ in range(2)))
    assert {r["status"] for r in results} == {"succeeded"}
    assert len({r["result"]["project_id"] for r in results}) == 1
    assert len((await director.get("/v1/projects")).json()["items"]) == 1


async def test_a_dry_run_reports_and_writes_nothing(director: httpx2.AsyncClient) -> None:
    operation = await imported(director, EXAMPLE.read_bytes(), "&dry_run=true")
    assert operation["status"] == "succeeded"
    assert operation["result"]["report"]["summary"]["task"]["created"] > 10
    assert operation["result"]["project_id"] is None
    assert (await director.get("/v1/projects")).json()["items"] == []


async def test_a_named_project_takes_the_file_whatever_it_says(director: httpx2.AsyncClient) -> None:
    made = (await director.post("/v1/projects", json={"name": "Mine", "currency": "EUR"})).json()
    operation = await imported(director, EXAMPLE.read_bytes(), f"&project_id={made['key']}")
    assert operation["result"]["project_id"] == made["id"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"this is no xml", "not_xml"),
        (b"<html></html>", "not_mspdi"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Project xmlns="http://schemas.microsoft.com/project">&a;</Project>',
         "xml_forbidden"),
        (b"", "not_xml"),
    ],
)  # fmt: skip
async def test_what_is_no_plan_is_refused_with_its_place(
    director: httpx2.AsyncClient, content: bytes, code: str
) -> None:
    response = await director.post("/v1/imports?format=mspdi", content=content, headers=XML)
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "plan_file_unreadable"
    assert response.json()["errors"][0]["code"] == code
    assert (await director.get("/v1/imports")).json()["items"] == []


async def test_a_file_cut_anywhere_is_refused_and_leaves_nothing(director: httpx2.AsyncClient) -> None:
    content = EXAMPLE.read_bytes()
    for part in range(1, 10):
        cut = content[: len(content) * part // 10]
        response = await director.post("/v1/imports?format=mspdi", content=cut, headers=XML)
        assert response.status_code == 422
        assert "line" in response.json()["detail"]
    assert (await director.get("/v1/projects")).json()["items"] == []


async def test_an_import_needs_the_permission_and_an_xml_body(service: Api, organization: UUID) -> None:
    analyst = service.as_(organization, "pmo_analyst")
    response = await analyst.post("/v1/imports?format=mspdi", content=b"<a/>", headers=XML)
    assert response.status_code == 403
    director = service.as_(organization, "pmo_director")
    response = await director.post("/v1/imports?format=mspdi", json={})
    assert response.status_code == 415
    response = await director.post("/v1/imports?format=doc", content=b"<a/>", headers=XML)
    assert response.status_code == 422


async def test_a_file_of_somebody_elses_project_is_told_to_be_and_neither_which_nor_whose(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    manager = service.as_(organization, "project_manager", subject="pm")
    problem = (await imported(manager, EXAMPLE.read_bytes()))["problem"]
    assert (problem["code"], "project_id" in problem["detail"]) == ("project_source_taken", True)
    assert project not in str(problem)
    assert (await manager.get("/v1/projects")).json()["items"] == []
    own = (await manager.post("/v1/projects", json={"name": "Mine", "currency": "EUR"})).json()["id"]
    assert (await imported(manager, EXAMPLE.read_bytes(), f"&project_id={own}"))["status"] == "succeeded"


async def test_an_operation_of_another_organization_is_not_found(director: httpx2.AsyncClient, service: Api) -> None:
    response = await director.post("/v1/imports?format=mspdi", content=EXAMPLE.read_bytes(), headers=XML)
    other = service.as_(uuid4(), "pmo_director")
    assert (await other.get(response.headers["location"])).status_code == 404


@pytest.mark.skipif(not PLANS, reason="the folder of real cases is absent")
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
async def test_the_schedule_of_a_real_plan_equals_microsoft_projects(director: httpx2.AsyncClient, plan: Path) -> None:
    operation = await imported(director, plan.read_bytes())
    assert operation["status"] == "succeeded", operation["problem"]
    expected = json.loads(plan.with_name(plan.name.replace(".mspdi.xml", ".expected.json")).read_text())
    items: dict[str, dict[str, Any]] = {}
    cursor = ""
    while True:
        path = f"/v1/projects/{operation['result']['project_id']}/schedule?limit=200{cursor}"
        page = (await director.get(path)).json()
        items |= {item["source_id"]: item for item in page["items"]}
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    left_out = {str(each) for each in expected["tasks_our_cpm_differs_on"]}
    compared = 0
    for source_id, wanted in expected["tasks"].items():
        if source_id in left_out or source_id not in items or items[source_id]["is_summary"]:
            continue
        assert items[source_id]["total_float_minutes"] == round(wanted.get("total_slack", 0)), source_id
        compared += 1
    assert compared > 0


async def test_what_was_made_by_hand_stays_when_the_file_comes_again(director: httpx2.AsyncClient) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    tasks = f"/v1/projects/{project_id}/tasks"
    made = (await director.post(tasks, json={"name": "By hand", "source_id": "JIRA-7"})).json()
    again = (await imported(director, EXAMPLE.read_bytes()))["result"]
    assert "deleted" not in again["report"]["summary"]["task"]
    assert (await director.get(f"{tasks}/{made['id']}")).status_code == 200


async def test_a_task_made_by_hand_moves_up_when_its_summary_leaves_the_file(director: httpx2.AsyncClient) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    tasks = f"/v1/projects/{project_id}/tasks"
    content = EXAMPLE.read_text()
    summaries = (await director.get(f"{tasks}?is_summary=true&limit=200")).json()["items"]
    summary = next(task for task in summaries if task["outline_level"] == 2)
    made = (await director.post(tasks, json={"name": "By hand", "parent_id": summary["id"]})).json()
    shorter, count = re.subn(rf"<Task>\s*<UID>{summary['source_id']}</UID>.*?</Task>", "", content, flags=re.DOTALL)
    assert count == 1
    result = (await imported(director, shorter.encode()))["result"]
    assert result["report"]["summary"]["task"]["deleted"] == 1
    moved = (await director.get(f"{tasks}/{made['id']}")).json()
    assert moved["parent_id"] == summary["parent_id"]
    assert moved["outline_level"] == summary["outline_level"]


@pytest.mark.parametrize(
    ("field", "value"), [("PercentComplete", "150"), ("OutlineLevel", "deep"), ("IsNull", "maybe")]
)
async def test_a_row_that_cannot_be_read_any_more_is_not_a_row_that_is_gone(
    director: httpx2.AsyncClient, field: str, value: str
) -> None:
    first = (await imported(director, EXAMPLE.read_bytes()))["result"]
    tasks = f"/v1/projects/{first['project_id']}/tasks"
    before = (await director.get(f"{tasks}?source_id=25")).json()["items"][0]
    broken, count = re.subn(
        rf"(<Task>\s*<UID>25</UID>.*?<{field}>)[^<]*(</{field}>)",
        rf"\g<1>{value}\2",
        EXAMPLE.read_text(),
        count=1,
        flags=re.DOTALL,
    )
    assert count == 1
    report = (await imported(director, broken.encode()))["result"]["report"]
    assert report["summary"]["task"]["skipped"] == 1
    assert [row for row in report["rows"] if row["action"] == "deleted"] == []
    assert (await director.get(f"{tasks}?source_id=25")).json()["items"] == [before]


async def test_a_link_that_leaves_the_file_is_reported_by_its_two_tasks(director: httpx2.AsyncClient) -> None:
    await imported(director, EXAMPLE.read_bytes())
    shorter = re.sub(r"<PredecessorLink>.*?</PredecessorLink>", "", EXAMPLE.read_text(), count=1, flags=re.DOTALL)
    report = (await imported(director, shorter.encode()))["result"]["report"]
    (gone,) = [row for row in report["rows"] if row["action"] == "deleted"]
    assert gone["kind"] == "dependency"
    assert re.fullmatch(r"\d+>\d+", gone["source_id"])


async def test_a_task_with_hand_made_tasks_below_it_stays_a_summary(director: httpx2.AsyncClient) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    tasks = f"/v1/projects/{project_id}/tasks"
    leaves = (await director.get(f"{tasks}?is_summary=false&limit=200")).json()["items"]
    leaf = next(task for task in leaves if not task["percent_complete"] and not task["is_milestone"])
    made = await director.post(tasks, json={"name": "By hand", "parent_id": leaf["id"]})
    assert made.status_code == 201, made.text
    report = (await imported(director, EXAMPLE.read_bytes()))["result"]["report"]
    assert "updated" not in report["summary"]["task"]
    assert (await director.get(f"{tasks}/{leaf['id']}")).json()["is_summary"] is True


async def test_each_project_of_an_xer_file_becomes_one_and_they_follow_each_other(
    director: httpx2.AsyncClient,
) -> None:
    content = xer.document(
        [xer.activity(1), xer.activity(2), xer.activity(3, 2, 2)],
        [xer.relationship(1, 2), xer.relationship(2, 3, proj_id=2)],
        nodes=[xer.ROOT, xer.node(2, project=2, proj_node_flag="Y")],
        projects=[xer.PROJECT, {**xer.PROJECT, "proj_id": 2, "guid": ""}],
    ).encode()
    operation = await imported(director, content, kind="xer")
    assert operation["status"] == "succeeded", operation["problem"]
    result = operation["result"]
    first, second = result["projects"]
    assert [first["source_id"], second["source_id"], result["project_id"]] == ["1", "2", first["project_id"]]
    assert result["position"] == f"{first['position']},{second['position']}"
    assert result["report"]["summary"]["task"] == {"created": 3}
    assert result["report"]["summary"]["project_link"] == {"created": 1}
    (link,) = (await director.get(f"/v1/projects/{second['project_id']}/links")).json()["items"]
    assert (link["hardness"], link["state"], link["is_driving"]) == ("hard", "accepted", True)
    for project, tasks in ((first, 2), (second, 1)):
        schedule = (await director.get(f"/v1/projects/{project['project_id']}/schedule")).json()
        assert (len(schedule["items"]), schedule["problem"]) == (tasks, None)
    again = (await imported(director, content, kind="xer"))["result"]
    assert again["position"] == result["position"]
    assert [each["project_id"] for each in again["projects"]] == [first["project_id"], second["project_id"]]
    assert {a for counts in again["report"]["summary"].values() for a in counts} <= {"unchanged", "skipped"}
    named = await imported(director, content, f"&project_id={first['project_id']}", kind="xer")
    assert named["problem"]["errors"][0]["code"] == "several_projects"


async def test_links_between_the_projects_of_a_file_follow_the_next_file(director: httpx2.AsyncClient) -> None:
    def content(*links: Mapping[str, object]) -> bytes:
        return xer.document(
            [xer.activity(1), xer.activity(2), xer.activity(3, 2, 2)],
            [xer.relationship(1, 2), *links],
            nodes=[xer.ROOT, xer.node(2, project=2, proj_node_flag="Y")],
            projects=[xer.PROJECT, {**xer.PROJECT, "proj_id": 2, "guid": "AAAAAAAAAAAAAAAAAAAAAQ"}],
        ).encode()

    async def came(*links: Mapping[str, object]) -> tuple[dict[str, int], list[int]]:
        result = (await imported(director, content(*links), kind="xer"))["result"]
        project = result["projects"][1]["project_id"]
        items = (await director.get(f"/v1/projects/{project}/links")).json()["items"]
        return result["report"]["summary"].get("project_link", {}), [item["lag"] for item in items]

    across = xer.relationship(2, 3, proj_id=2)
    assert await came(across) == ({"created": 1}, [0])
    assert await came(across) == ({"unchanged": 1}, [0])
    assert await came({**across, "lag_hr_cnt": 8}) == ({"updated": 1}, [480])
    back = xer.relationship(3, 1, pred_proj_id=2)
    assert await came({**across, "lag_hr_cnt": 8}, back) == ({"unchanged": 1, "skipped": 1}, [480])  # it closes a loop
    assert await came() == ({"deleted": 1}, [])


async def test_what_primavera_says_to_scheduling_is_kept_and_declared(director: httpx2.AsyncClient) -> None:
    content = xer.document(
        [xer.activity(1), xer.activity(2, remain_drtn_hr_cnt=24, target_drtn_hr_cnt=24), xer.activity(3),
         xer.activity(4, task_type="TT_LOE")],
        [xer.relationship(1, 4, pred_type="PR_SS"), xer.relationship(2, 4, pred_type="PR_FF")],
    ).encode()  # fmt: skip
    project = (await imported(director, content, kind="xer"))["result"]["project_id"]
    path = f"/v1/projects/{project}/schedule"
    schedule = (await director.get(path)).json()
    assert schedule["conventions"]["lag_calendar"] == "predecessor"
    first, longest, _, effort = sorted(schedule["items"], key=lambda item: str(item["source_id"]))
    assert (effort["early_start"], effort["early_finish"]) == (first["early_start"], longest["early_finish"])
    assert (effort["is_critical"], effort["free_float_minutes"]) == (False, 0)

    async def named(query: str) -> set[str]:
        return {item["source_id"] for item in (await director.get(f"{path}?{query}")).json()["items"]}

    assert await named("is_critical=true") == {"2"}
    assert await named("is_near_critical=true") == {"1", "3"}  # a level of effort holds nobody
    assert await named("is_near_critical=false") == {"2", "4"}


async def test_an_encoding_that_is_stated_is_used(director: httpx2.AsyncClient) -> None:
    content = xer.document([xer.activity(1, task_name="Мост")]).encode("cp1251")
    result = (await imported(director, content, "&encoding=windows-1251", kind="xer"))["result"]
    tasks = (await director.get(f"/v1/projects/{result['project_id']}/tasks")).json()["items"]
    assert [task["name"] for task in tasks] == ["Мост"]


@pytest.mark.skipif(not PLANS, reason="the folder of real cases is absent")
@pytest.mark.parametrize("plan", FIXTURES, ids=lambda plan: plan.name)
async def test_a_real_file_of_primavera_is_imported_and_then_unchanged(
    director: httpx2.AsyncClient, plan: Path
) -> None:
    kind = plan.suffix.removeprefix(".")
    operation = await imported(director, plan.read_bytes(), kind=kind)
    assert operation["status"] == "succeeded", operation["problem"]
    result = operation["result"]
    schedule = (await director.get(f"/v1/projects/{result['project_id']}/schedule")).json()
    assert (schedule["problem"], schedule["conventions"]["rules"]) == (None, "primavera")
    again = (await imported(director, plan.read_bytes(), kind=kind))["result"]
    assert again["position"] == result["position"]


async def exported(client: httpx2.AsyncClient, project_id: str, kind: str) -> httpx2.Response:
    """Export a project."""
    response = await client.get(f"/v1/projects/{project_id}/export?format={kind}")
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize("plan", [EXAMPLE, *PLANS], ids=lambda plan: plan.name)
async def test_an_exported_plan_imported_again_changes_nothing_and_elsewhere_is_the_same_plan(
    director: httpx2.AsyncClient, plan: Path
) -> None:
    first = (await imported(director, plan.read_bytes()))["result"]
    file = await exported(director, first["project_id"], "mspdi")
    assert file.headers["pmo-position"] == first["position"]
    again = (await imported(director, file.content, f"&project_id={first['project_id']}"))["result"]
    told = [row for row in again["report"]["rows"] if row["action"] not in {"unchanged", "skipped"}]
    assert told == []
    other = (await director.post("/v1/projects", json={"name": "Copy", "currency": "USD"})).json()
    copy = (await imported(director, file.content, f"&project_id={other['id']}"))["result"]
    schedules = [
        [
            {name: value for name, value in item.items() if name != "task_id"}
            for item in (await director.get(f"/v1/projects/{each}/schedule?limit=200")).json()["items"]
        ]
        for each in (first["project_id"], copy["project_id"])
    ]
    if plan is not EXAMPLE:  # whose time zone is another
        assert schedules[0] == schedules[1]


async def test_row_74_a_table_has_every_task_and_no_cell_that_is_a_formula(director: httpx2.AsyncClient) -> None:
    made = (await director.post("/v1/projects", json={"name": "Mine", "currency": "EUR"})).json()
    for name in ("=cmd|'/C calc'!A0", "+1", "@SUM(A1)", "plain, with a comma"):
        answer = await director.post(f"/v1/projects/{made['id']}/tasks", json={"name": name, "duration_minutes": 480})
        assert answer.status_code == 201, answer.text
    file = await exported(director, made["id"], "csv")
    assert file.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert [row["name"] for row in rows] == ["'=cmd|'/C calc'!A0", "'+1", "'@SUM(A1)", "plain, with a comma"]
    assert {row["duration_minutes"] for row in rows} == {"480"}


async def test_milestones_are_exported_as_a_calendar(director: httpx2.AsyncClient) -> None:
    result = (await imported(director, EXAMPLE.read_bytes()))["result"]
    text = (await exported(director, result["project_id"], "ics")).text
    tasks = (await director.get(f"/v1/projects/{result['project_id']}/tasks?limit=200")).json()["items"]
    milestones = [task for task in tasks if task["is_milestone"]]
    assert milestones
    assert text.count("BEGIN:VEVENT") == len(milestones)
    assert text.endswith("END:VCALENDAR\r\n")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
