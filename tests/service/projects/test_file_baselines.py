"""Baselines 1 to 10 of Microsoft Project's files: kept as baselines of their own, compared with, and written back."""

import re
from typing import Any

import httpx2
import pytest

from shared.testing.cases import cases
from tests.service.projects.test_exports import export
from tests.service.projects.test_imports import EXAMPLE, imported
from tests.service.projects.test_tables import rows

FIXTURE = cases("schedules") / "mpxj_fixtures" / "baselines.xml"
Json = dict[str, Any]


def baseline(number: int, start: str, finish: str, cost: int) -> str:
    """One as a file has it; money in hundredths."""
    return (
        f"<Baseline><Number>{number}</Number><Start>{start}</Start><Finish>{finish}</Finish>"
        f"<Duration>PT8H0M0S</Duration><DurationFormat>7</DurationFormat><Work>PT4H0M0S</Work><Cost>{cost}</Cost></Baseline>"
    )


def example(cost: int = 12_550) -> bytes:
    """The example, of whose task 25 the file has baselines 3 and 10 too."""
    text = EXAMPLE.read_text()
    more = baseline(3, "2026-04-01T08:00:00", "2026-04-01T17:00:00", cost)
    more += baseline(10, "2026-05-04T08:00:00", "2026-05-04T17:00:00", 100)
    changed, count = re.subn(r"(<UID>25</UID>.*?)(</Task>)", lambda m: m[1] + more + m[2], text, count=1, flags=re.S)
    assert count == 1
    return changed.encode()


async def baselines(client: httpx2.AsyncClient, project: str) -> list[Json]:
    found: list[Json] = await rows(client, f"/v1/projects/{project}/baselines")
    return found


async def test_each_is_a_baseline_to_compare_with(director: httpx2.AsyncClient) -> None:
    result = (await imported(director, example()))["result"]
    project = result["project_id"]
    assert result["report"]["summary"]["baseline"] == {"created": 2}
    third, tenth = await baselines(director, project)
    assert [(each["name"], each["file_number"], each["status"]) for each in (third, tenth)] == [
        ("Baseline 3", 3, "imported"),
        ("Baseline 10", 10, "imported"),
    ]
    assert (third["tasks"], third["work_minutes"], third["cost"]["amount"]) == (1, 240, "125.50")
    (held,) = await rows(director, f"/v1/projects/{project}/baselines/{third['id']}/tasks")
    assert (held["start"][:16], held["finish"][:16], held["duration_minutes"]) == (
        "2026-04-01T08:00",
        "2026-04-01T17:00",
        480,
    )
    variance = (await director.get(f"/v1/projects/{project}/variance?baseline={third['id']}&limit=200")).json()
    (both,) = [item for item in variance["items"] if item["presence"] == "both"]
    assert both["baseline"]["cost"]["amount"] == "125.50"
    # What is in force is another matter: nobody approved these.
    assert (await director.get(f"/v1/projects/{project}/variance?baseline=current")).status_code == 404
    path = f"/v1/projects/{project}/baselines/{third['id']}/decisions"
    decided = await director.post(path, json={"decision": "approved", "reason": "x"}, headers={"If-Match": '"1"'})
    assert decided.json()["code"] == "baseline_decided"


async def test_the_same_again_is_the_same_and_other_figures_are_another(director: httpx2.AsyncClient) -> None:
    project = (await imported(director, example()))["result"]["project_id"]
    before = await baselines(director, project)
    again = (await imported(director, example()))["result"]["report"]["summary"]
    assert again["baseline"] == {"unchanged": 2}
    assert await baselines(director, project) == before
    query = f"&project_id={project}"
    other = (await imported(director, example(cost=99_900), query))["result"]["report"]["summary"]
    assert other["baseline"] == {"created": 1, "unchanged": 1}
    found = await baselines(director, project)
    assert found[:2] == before
    assert [(each["file_number"], each["cost"]["amount"]) for each in found] == [
        (3, "125.50"), (10, "1.00"), (3, "999.00")
    ]  # fmt: skip


async def test_a_file_brings_its_baselines_whatever_names_there_are(director: httpx2.AsyncClient) -> None:
    project = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    asked = {"name": "Baseline 3", "reason": "as agreed"}
    assert (await director.post(f"/v1/projects/{project}/baselines", json=asked)).status_code == 201
    report = (await imported(director, example(), f"&project_id={project}"))["result"]["report"]
    assert report["summary"]["baseline"] == {"created": 2}
    assert [each["name"] for each in await baselines(director, project)] == ["Baseline 3", "Baseline 3", "Baseline 10"]


async def test_an_export_writes_them_back_into_their_places(director: httpx2.AsyncClient) -> None:
    project = (await imported(director, example()))["result"]["project_id"]
    content = (await export(director, project, "mspdi")).content
    again = (await imported(director, content))["result"]
    assert again["project_id"] == project
    assert again["report"]["summary"]["baseline"] == {"unchanged": 2}
    created = await director.post("/v1/projects", json={"name": "Other", "currency": "EUR", "time_zone": "UTC"})
    other = created.json()["id"]
    await imported(director, content, f"&project_id={other}")
    names = ("name", "file_number", "start", "finish", "tasks", "work_minutes", "cost")
    one, two = [[[each[name] for name in names] for each in await baselines(director, key)] for key in (project, other)]
    assert one == two


@pytest.mark.skipif(not FIXTURE.parent.is_dir(), reason=f"no {FIXTURE}")
async def test_all_ten_of_a_real_file(director: httpx2.AsyncClient) -> None:
    """Each has as many hours of work, pounds and days of duration as its number; they finish before they start."""
    project = (await imported(director, FIXTURE.read_bytes()))["result"]["project_id"]
    found = await baselines(director, project)
    assert [each["file_number"] for each in found] == list(range(1, 11))
    for number, each in enumerate(found, 1):
        assert (each["work_minutes"], each["cost"]["amount"]) == (60 * number, f"{number}.00")
        (held,) = await rows(director, f"/v1/projects/{project}/baselines/{each['id']}/tasks")
        assert held["duration_minutes"] == 450 * number
        assert (held["start"][:10], held["finish"][:10]) == (f"2001-01-{number:02}", f"2000-01-{number:02}")
