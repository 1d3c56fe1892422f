"""Files of other planning tools, converted by MPXJ in a Java process of its own, bounded whatever they hold."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from services.projects.domain.xml_guard import PlanFileError
from services.projects.service import conversion
from shared.testing.cases import cases
from tests.service.projects.test_exports import export, links_of, schedule_of
from tests.service.projects.test_imports import EXAMPLE, imported
from tests.service.projects.test_tables import FULL, KINDS, actions, rows, table

FILES = {
    "mpxj_fixtures/mpxrecurring.mpx": 0,
    "mpxj_fixtures/planner-sample.planner": 1,
    "ganttproject_HouseBuildingSample.gan": 1,
}
needs_java = pytest.mark.skipif(shutil.which("java") is None or find_spec("mpxj") is None, reason="no Java or no MPXJ")
needs_cases = pytest.mark.skipif(not cases("schedules").is_dir(), reason="the folder of real cases is absent")
TASK = '<task id="{}" name="Dig" meeting="false" start="2026-03-02" duration="5" complete="0" expand="true">{}</task>'
WEEK = '<default-week id="1" name="default" sun="1" mon="0" tue="0" wed="0" thu="0" fri="0" sat="1"/>'


def gantt(tasks: str, doctype: str = "") -> bytes:
    """A file of GanttProject."""
    return (
        f'<?xml version="1.0"?>{doctype}<project name="p" company="" webLink="" view-date="2026-03-02" version="3.3"'
        f' locale="en"><calendars><day-types><day-type id="0"/><day-type id="1"/>{WEEK}</day-types></calendars>'
        f'<tasks empty-milestones="true"><taskproperties/>{tasks}</tasks><resources/><allocations/><vacations/>'
        '<roles roleset-name="Default"/></project>'
    ).encode()


BOMB = '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@needs_java
@needs_cases
@pytest.mark.parametrize("name", FILES)
async def test_a_file_of_another_tool_becomes_a_project_and_again_changes_nothing(
    director: httpx2.AsyncClient, name: str
) -> None:
    content, kind = (cases("schedules") / name).read_bytes(), name.rpartition(".")[2]
    operation = await imported(director, content, kind=kind)
    assert operation["status"] == "succeeded", operation["problem"]
    first = operation["result"]
    assert first["report"]["summary"].get("task", {}).get("created", 0) > FILES[name]
    again = (await imported(director, content, kind=kind))["result"]
    assert (again["project_id"], again["position"]) == (first["project_id"], first["position"])
    assert actions(again) <= {"unchanged", "skipped"}


@needs_java
async def test_custom_fields_of_ours_are_some_to_mpxj_and_come_back_from_it(director: httpx2.AsyncClient) -> None:
    project = (await table(director, FULL))["project_id"]
    path = f"/v1/projects/{project}"
    before = {task["source_id"]: task for task in await rows(director, f"{path}/tasks")}
    file = await conversion.converted((await export(director, project, "mspdi")).content, "xml")
    other = (await director.post("/v1/projects", json={"name": "Elsewhere", "currency": "USD"})).json()["id"]
    assert (await imported(director, file, f"&project_id={other}"))["status"] == "succeeded"
    there = {task["source_id"]: task for task in await rows(director, f"/v1/projects/{other}/tasks")}
    dates = ("secondary_constraint_date", "expected_finish")
    for uid, task in before.items():
        assert [there[uid][each] for each in (*KINDS, *dates)] == [task[each] for each in (*KINDS, *dates)]


@needs_java
@pytest.mark.parametrize("kind", ["mspdi", "xer"])
async def test_what_we_export_is_read_by_mpxj_as_the_same_plan(director: httpx2.AsyncClient, kind: str) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    file = (await export(director, project, kind)).content
    empty = (await director.post("/v1/projects", json={"name": "Elsewhere", "currency": "EUR"})).json()["id"]
    # MPXJ tells formats by what is in them, whatever they are called.
    operation = await imported(director, file, f"&project_id={empty}", kind="mpp")
    assert operation["status"] == "succeeded", operation["problem"]
    here, there = await schedule_of(director, project), await schedule_of(director, empty)
    leaves = {item["name"]: item for item in here.values() if not item["is_summary"]}
    found = {item["name"]: item for item in there.values() if not item["is_summary"]}
    assert found.keys() == leaves.keys()
    if kind == "mspdi":
        assert await links_of(director, empty) == await links_of(director, project)
        dates = ("early_start", "early_finish", "late_start", "late_finish", "total_float_minutes")
        for name, item in leaves.items():
            assert [found[name][each] for each in dates] == [item[each] for each in dates], name


@needs_java
@pytest.mark.parametrize(
    "content",
    [
        b"nonsense",
        b"PK\x03\x04" + bytes(1000),
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100_000),
        gantt('<task id="1">' * 200_000),
        gantt(TASK.format(1, ""))[:-20],
        gantt(TASK.format(1, "<notes>&b;</notes>"), BOMB),
    ],
    ids=["nonsense", "archive", "compound_file", "deep", "cut", "entities"],
)  # fmt: skip
async def test_what_mpxj_cannot_read_is_refused_and_leaves_nothing(
    director: httpx2.AsyncClient, content: bytes
) -> None:
    operation = await imported(director, content, kind="gan")
    assert (operation["status"], operation["problem"]["code"]) == ("failed", "plan_file_unreadable")
    assert (await director.get("/v1/projects")).json()["items"] == []


@needs_java
async def test_a_document_opens_no_file_of_the_machine(director: httpx2.AsyncClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kanarienvogel")
    plain = await imported(director, gantt(TASK.format(1, "<notes>none</notes>")), kind="gan")
    assert plain["status"] == "succeeded", plain["problem"]
    doctype = f'<!DOCTYPE p [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    operation = await imported(director, gantt(TASK.format(1, "<notes>&x;</notes>"), doctype), kind="gan")
    assert "kanarienvogel" not in str(operation)
    assert operation["problem"]["code"] == "plan_file_unreadable"


@needs_java
async def test_what_takes_more_memory_than_a_conversion_may_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "OPTIONS", ("-Xmx24m", *conversion.OPTIONS[1:]))
    conversion._command.cache_clear()
    with pytest.raises(PlanFileError, match="plan_too_large"):
        await conversion.converted(gantt("".join(TASK.format(at, "") for at in range(40_000))), "gan")
    conversion._command.cache_clear()


async def test_without_java_the_format_is_told_to_be_missing(
    director: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    conversion._command.cache_clear()
    headers = {"Content-Type": "application/octet-stream"}
    response = await director.post("/v1/imports?format=mpp", content=b"x", headers=headers)
    conversion._command.cache_clear()
    assert (response.status_code, response.json()["code"]) == (422, "format_not_available")
    assert (await director.get("/v1/imports")).json()["items"] == []
