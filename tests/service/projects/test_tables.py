"""Tables of tasks through the API: what a table does not say of a project stays, and the same table changes nothing."""

import io
import json
from typing import Any
from uuid import UUID

import httpx2
import openpyxl
import pytest

from shared.testing.http import Api
from tests.service.projects.test_custom_fields_api import define
from tests.service.projects.test_imports import EXAMPLE, ended, imported

CSV = {"Content-Type": "text/csv"}
TABLE = """id,name,duration,start,predecessors,outline_level,resources,% complete
1,Foundation,,,,1,,
2,Dig,5d,2026-03-02,,2,Ann[50%];Bob,40
3,Pour,3d,,2FS+1d,2,Bob,0
4,Inspect,0d,,3,1,,0
"""


async def table(client: httpx2.AsyncClient, content: str | bytes, kind: str = "csv", **query: str) -> dict[str, Any]:
    """Import a table and return the operation's result."""
    body = content.encode() if isinstance(content, str) else content
    params = {"format": kind, **query}
    headers = CSV if kind == "csv" else {"Content-Type": "application/octet-stream"}
    operation = await ended(client, await client.post("/v1/imports", params=params, content=body, headers=headers))
    assert operation["status"] == "succeeded", operation["problem"]
    result: dict[str, Any] = operation["result"]
    return result


def actions(result: dict[str, Any]) -> set[str]:
    return {action for counts in result["report"]["summary"].values() for action in counts}


async def rows(client: httpx2.AsyncClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await client.get(f"{path}?limit=200{cursor}")).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def test_a_table_becomes_a_project_and_again_changes_nothing(director: httpx2.AsyncClient) -> None:
    dry = await table(director, TABLE, dry_run="true")
    assert (dry["project_id"], dry["report"]["summary"]["task"]) == (None, {"created": 4})
    first = await table(director, TABLE)
    assert first["report"]["summary"] == {
        "calendar": {"created": 1}, "task": {"created": 4}, "dependency": {"created": 2}, "resource": {"created": 2},
        "assignment": {"created": 3},
    }  # fmt: skip
    again = await table(director, TABLE)
    assert (again["project_id"], again["position"]) == (first["project_id"], first["position"])
    assert actions(again) == {"unchanged"}
    items = await rows(director, f"/v1/projects/{first['project_id']}/schedule")
    dates = {item["source_id"]: (item["early_start"][:10], item["early_finish"][:10]) for item in items}
    assert dates["2"] == ("2026-03-02", "2026-03-06")
    assert dates["3"] == ("2026-03-10", "2026-03-12")


async def test_a_table_of_some_columns_leaves_the_rest_of_a_project_as_it_is(director: httpx2.AsyncClient) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    path = f"/v1/projects/{project}"
    before = {task["source_id"]: task for task in await rows(director, f"{path}/tasks")}
    links, calendars = await rows(director, f"{path}/dependencies"), await rows(director, f"{path}/calendars")
    lines = ["Key,Title"] + [f"{uid},{task['name']}" for uid, task in before.items()]
    changed = "\n".join(lines).replace(before["25"]["name"], "Another name")
    mapping = json.dumps({"id": "Key", "name": "Title"})
    result = await table(director, changed, project_id=project, mapping=mapping)
    assert result["report"]["summary"]["task"] == {"unchanged": len(before) - 1, "updated": 1}
    assert result["report"]["summary"].keys() == {"task"}
    after = {task["source_id"]: task for task in await rows(director, f"{path}/tasks")}
    same = before["25"].keys() - {"name", "version", "updated_at"}
    assert after["25"]["name"] == "Another name"
    assert {key: after["25"][key] for key in same} == {key: before["25"][key] for key in same}
    assert await rows(director, f"{path}/dependencies") == links
    assert await rows(director, f"{path}/calendars") == calendars
    assert actions(await table(director, changed, project_id=project, mapping=mapping)) == {"unchanged"}


@pytest.mark.parametrize("kind", ["csv", "mspdi"])
async def test_our_own_file_changes_nothing_and_rows_made_by_hand_are_recognized_in_it(
    director: httpx2.AsyncClient, kind: str
) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    path = f"/v1/projects/{project}"
    tasks = await rows(director, f"{path}/tasks")
    leaf = next(task for task in tasks if task["source_id"] == "25")
    for body in ({"name": "By hand", "parent_id": leaf["parent_id"]}, {"name": "Named", "source_id": "JIRA-7"}):
        made = (await director.post(f"{path}/tasks", json=body)).json()
        link = {"predecessor_id": leaf["id"], "successor_id": made["id"]}
        assert (await director.post(f"{path}/dependencies", json=link)).status_code == 201
    before = await rows(director, f"{path}/tasks"), await rows(director, f"{path}/dependencies")
    content = (await director.get(f"{path}/export?format={kind}")).content
    result = (await imported(director, content, f"&project_id={project}", kind=kind))["result"]
    assert actions(result) <= {"unchanged", "skipped"}, result["report"]["summary"]
    assert (await rows(director, f"{path}/tasks"), await rows(director, f"{path}/dependencies")) == before


async def test_what_hangs_on_a_task_made_by_hand_stays_when_the_file_comes_again(director: httpx2.AsyncClient) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    path = f"/v1/projects/{project}"
    leaf = (await director.get(f"{path}/tasks?source_id=25")).json()["items"][0]
    made = (await director.post(f"{path}/tasks", json={"name": "By hand"})).json()
    link = {"predecessor_id": leaf["id"], "successor_id": made["id"]}
    link = (await director.post(f"{path}/dependencies", json=link)).json()
    report = (await imported(director, EXAMPLE.read_bytes()))["result"]["report"]
    assert "deleted" not in report["summary"]["dependency"]
    assert (await director.get(f"{path}/dependencies/{link['id']}")).status_code == 200


async def test_rows_that_cannot_be_read_are_told_by_row_and_column_and_are_not_gone(
    director: httpx2.AsyncClient,
) -> None:
    project = (await table(director, TABLE))["project_id"]
    broken = TABLE.replace("3,Pour,3d", "3,Pour,three").replace("0d,,3,", "0d,,three,")
    result = await table(director, broken, project_id=project)
    told = [(row["row"], row["column"], row["code"]) for row in result["report"]["rows"] if row["action"] == "skipped"]
    assert told == [(4, "C", "invalid_field"), (5, "E", "invalid_field")]
    assert "deleted" not in actions(result)
    assert len(await rows(director, f"/v1/projects/{project}/dependencies")) == 2


DUE = "2026-03-31"
KINDS = ("activity_type", "is_milestone", "percent_complete_type", "secondary_constraint_type", "ev_technique")
FULL = """id,name,duration,start,activity_type,percent_complete_type,secondary_constraint_type,\
secondary_constraint_date,expected_finish,leveling_delay_minutes,ev_technique,is_fixed_work
1,Dig,5d,2026-03-02,resource_dependent,units,finish_no_later_than,2026-03-20,2026-03-18,60,zero_hundred,yes
2,Watch,5d,,level_of_effort,,,,,,level_of_effort,
3,Gate,0d,,finish_milestone,physical,,,,,,
4,Inspect,2d,,,,,,,,fifty_fifty,
"""


async def test_kinds_second_constraints_and_techniques_are_kept_by_tables_and_microsoft_project_until_they_say_else(
    director: httpx2.AsyncClient,
) -> None:
    project = (await table(director, FULL))["project_id"]
    path = f"/v1/projects/{project}"
    dig, watch, gate, inspect = await rows(director, f"{path}/tasks")
    assert [dig[each] for each in KINDS] == [
        "resource_dependent", False, "units", "finish_no_later_than", {"kind": "zero_hundred"}
    ]  # fmt: skip
    assert dig["secondary_constraint_date"].startswith("2026-03-20T17:00")
    assert dig["expected_finish"].startswith("2026-03-18T17:00")
    assert (dig["leveling_delay_minutes"], dig["is_fixed_work"]) == (60, True)
    assert (watch["activity_type"], gate["is_milestone"]) == ("level_of_effort", True)
    base: dict[str, Any] = {"ev_technique": {"kind": "apportioned", "base_task_id": dig["id"]}}
    base["description"] = "=1 & <b>\r\n\n- as dug "
    changed = await director.patch(
        f"{path}/tasks/{inspect['id']}", json=base, headers={"If-Match": f'"{inspect["version"]}"'}
    )
    assert changed.status_code == 200, changed.text
    names = "id,name\n" + "".join(f"{n},{name}\n" for n, name in enumerate(("Dig", "Watch", "Gate", "Inspect"), 1))
    assert actions(await table(director, names, project_id=project)) == {"unchanged"}
    file = (await director.get(f"{path}/export?format=csv")).content
    assert actions(await table(director, file, project_id=project)) == {"unchanged"}
    copy = (await table(director, file))["project_id"]
    there = {task["source_id"]: task for task in await rows(director, f"/v1/projects/{copy}/tasks")}
    assert there["4"]["ev_technique"] == {"kind": "apportioned", "base_task_id": there["1"]["id"]}
    assert there["4"]["description"] == "=1 & <b>\n\n- as dug"
    for task in (dig, watch, gate):
        assert [there[task["source_id"]][each] for each in KINDS] == [task[each] for each in KINDS]
    file = (await director.get(f"{path}/export?format=mspdi")).content
    assert actions((await imported(director, file, f"&project_id={project}"))["result"]) == {"unchanged"}
    other = (await director.post("/v1/projects", json={"name": "Elsewhere", "currency": "USD"})).json()["id"]
    assert (await imported(director, file, f"&project_id={other}"))["status"] == "succeeded"
    there = {task["source_id"]: task for task in await rows(director, f"/v1/projects/{other}/tasks")}
    assert there["4"]["ev_technique"] == {"kind": "apportioned", "base_task_id": there["1"]["id"]}
    assert there["4"]["description"] == "=1 & <b>\n\n- as dug"
    for task in (dig, watch, gate):
        assert [there[task["source_id"]][each] for each in KINDS] == [task[each] for each in KINDS]
    kinds = "id,activity_type\n1,\n2,\n3,\n4,level_of_effort\n"
    assert (await table(director, kinds, project_id=project))["report"]["summary"]["task"] == {"updated": 4}
    techniques = [task["ev_technique"] for task in await rows(director, f"{path}/tasks")]
    assert techniques == [{"kind": "zero_hundred"}, None, None, base["ev_technique"]]
    told = "id,ev_technique\n1,\n2,\n3,\n4,level_of_effort\n"
    await table(director, told, project_id=project)
    techniques = [task["ev_technique"] for task in await rows(director, f"{path}/tasks")]
    assert techniques == [None, None, None, {"kind": "level_of_effort"}]


async def test_a_technique_that_cannot_be_a_tasks_is_reported_and_left_out(director: httpx2.AsyncClient) -> None:
    base = json.dumps({"kind": "apportioned", "base_task_id": str(UUID(int=7))}).replace('"', '""')
    result = await table(director, f'id,start,ev_technique\n1,2026-03-02,"{base}"\n')
    told = [row for row in result["report"]["rows"] if row["action"] == "skipped"]
    assert [(row["source_id"], row["code"]) for row in told] == [("1", "technique_invalid")]
    (task,) = await rows(director, f"/v1/projects/{result['project_id']}/tasks")
    assert task["ev_technique"] is None


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_fields_that_the_organization_has_added_go_with_tables(director: httpx2.AsyncClient, kind: str) -> None:
    for key, type_, more in (
        ("risk", "choice", {"choices": ["low", "high"]}), ("score", "integer", {"maximum": 5}), ("share", "number", {}),
        ("is_late", "boolean", {}), ("tags", "multi_choice", {"choices": ["a", "b", "c;d"]}), ("note", "text", {}),
        ("due", "date", {}),
    ):  # fmt: skip
        await define(director, key, type_, entity="task", **more)
    project = (await table(director, TABLE))["project_id"]
    path = f"/v1/projects/{project}"
    values: tuple[dict[str, object], ...] = (
        {"risk": "high", "score": 3, "share": 0.25, "is_late": True, "tags": ["a", "b"], "note": " =1", "due": DUE},
        {"tags": ["a", "c;d"], "is_late": False, "note": "two\nlines"},
    )
    for task, own in zip(await rows(director, f"{path}/tasks"), values, strict=False):
        match = {"If-Match": f'"{task["version"]}"'}
        changed = await director.patch(f"{path}/tasks/{task['id']}", json={"custom_fields": own}, headers=match)
        assert changed.status_code == 200, changed.text
    file = (await director.get(f"{path}/export?format={kind}")).content
    assert actions(await table(director, file, kind, project_id=project)) == {"unchanged"}
    copy = (await table(director, file, kind))["project_id"]
    there = [task["custom_fields"] for task in await rows(director, f"/v1/projects/{copy}/tasks")]
    assert there == [{**values[0], "note": "=1"}, values[1], {}, {}]
    lines = "id,custom.risk,Points,custom.strange\n1,,9,x\n2,none,4,\n3,low,,\n4,,,\n"
    names = {each: each for each in ("id", "custom.risk", "custom.strange")}
    mapping = json.dumps({**names, "custom.score": "Points"})
    result = await table(director, lines, project_id=project, mapping=mapping)
    told = [(row["source_id"], row["code"]) for row in result["report"]["rows"] if row["action"] == "skipped"]
    assert told == [("", "unknown_custom_field"), ("1", "greater_than_maximum"), ("2", "unknown_choice")]
    after = [task["custom_fields"] for task in await rows(director, f"{path}/tasks")]
    without_risk = {key: value for key, value in values[0].items() if key != "risk"}
    assert after == [without_risk, {**values[1], "score": 4}, {"risk": "low"}, {}]


async def test_a_workbook_is_imported_as_its_table_is(director: httpx2.AsyncClient) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in TABLE.splitlines():
        sheet.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    first = await table(director, out.getvalue(), "xlsx", sheet=sheet.title)
    assert first["report"]["summary"]["task"] == {"created": 4}
    assert actions(await table(director, out.getvalue(), "xlsx")) == {"unchanged"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("mapping=x", "invalid"), ("mapping=[]", "invalid"), ("mapping={}", "invalid"),
        ('mapping={"name":1}', "invalid"), ('mapping={"nonsense":"a"}', "unknown_field"),
        ("date_format=ydm", "literal_error"),
    ],
)  # fmt: skip
async def test_a_mapping_that_is_none_is_refused(service: Api, organization: UUID, query: str, code: str) -> None:
    director = service.as_(organization, "pmo_director")
    response = await director.post(f"/v1/imports?format=csv&{query}", content=TABLE.encode(), headers=CSV)
    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == code, response.text


async def test_what_is_no_table_is_refused_and_leaves_nothing(director: httpx2.AsyncClient) -> None:
    for kind, content in (
        ("csv", b""),
        ("csv", b"PK\x03\x04"),
        ("xlsx", b"id,name"),
        ("xlsx", b"PK\x03\x04" + bytes(99)),
    ):
        headers = {"Content-Type": "application/octet-stream"}
        response = await director.post(f"/v1/imports?format={kind}", content=content, headers=headers)
        assert (response.status_code, response.json()["code"]) == (422, "plan_file_unreadable")
    for query, content, code in (
        ("", b"colour\nred\n", "unknown_columns"),
        ('&mapping={"id":"Nr."}', TABLE.encode(), "unknown_column"),
    ):
        response = await director.post(f"/v1/imports?format=csv{query}", content=content, headers=CSV)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (422, code)
    deep = "id,start,outline_level\n" + "".join(f"{level},2026-03-02,{level}\n" for level in range(1, 103))
    mistake = (await imported(director, deep.encode(), kind="csv"))["problem"]["errors"][0]
    assert (mistake["code"], mistake["detail"][:17]) == ("outline_too_deep", "line 102, column ")
    assert (await director.get("/v1/projects")).json()["items"] == []
