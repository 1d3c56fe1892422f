"""The dates and floats that Microsoft Project stored in real plans, and those that books print for small networks."""

import json
import os
from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import Link, LinkType, Plan, Task
from services.projects.domain.primavera import read_xer
from services.projects.domain.schedule import ScheduledTask, critical_path
from shared.working_time import minute_of, moment_of
from tests.unit.projects.primavera_support import primavera_plan
from tests.unit.projects.schedule_support import ROUND_THE_CLOCK

CASES: Final = Path(os.environ.get("PMO_CASES") or Path(__file__).parents[4] / "shared" / "data")
LINKS: Final = {
    "FS": LinkType.FINISH_TO_START,
    "SS": LinkType.START_TO_START,
    "FF": LinkType.FINISH_TO_FINISH,
    "SF": LinkType.START_TO_FINISH,
}
DATES: Final = ("early_start", "early_finish", "late_start", "late_finish")
START: Final = datetime.fromisoformat("2026-01-01")


def load(name: str) -> Any:
    """A file of the real cases; None where the folder is absent."""
    return json.loads((CASES / name).read_text(encoding="utf-8")) if CASES.is_dir() else None


def each(cases: list[Any]) -> pytest.MarkDecorator:
    absent = pytest.param(None, id="cases", marks=pytest.mark.skip(reason=f"no folder {CASES}"))
    named = [pytest.param(case, id=case["id"]) for case in cases]
    return pytest.mark.parametrize("case", named if CASES.is_dir() else [absent])


def plans(*patterns: str) -> pytest.MarkDecorator:
    absent = pytest.param(CASES, id="plans", marks=pytest.mark.skip(reason=f"no folder {CASES}"))
    paths = sorted(path for pattern in patterns for path in (CASES / "schedules").glob(pattern))
    files = [pytest.param(path, id=path.name) for path in paths]
    assert files or not CASES.is_dir()
    return pytest.mark.parametrize("path", files or [absent])


def disagreements(plan: Plan, stored: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By how many minutes each stored task lies off; nothing where all agree."""
    differing = {}
    for task, found in zip(plan.tasks, critical_path(plan).tasks, strict=True):
        expected = stored.get(task.source_id)
        if expected is None:
            continue
        off = {
            name: minute_of(getattr(found, name)) - minute_of(datetime.fromisoformat(expected[name])) for name in DATES
        }
        off["total"] = found.total_float_minutes - round(expected.get("total_slack", 0))
        off["free"] = found.free_float_minutes - round(expected.get("free_slack", 0))
        off["critical"] = found.is_critical - expected.get("critical", found.total_float_minutes <= 0)
        if any(off.values()):
            differing[task.source_id] = {name: minutes for name, minutes in off.items() if minutes}
    return differing


@plans("MSP_*.mspdi.xml")
def test_dates_and_floats_of_all_tasks_are_microsoft_projects(path: Path) -> None:
    stored = json.loads(path.with_name(path.name.replace(".mspdi.xml", ".expected.json")).read_text(encoding="utf-8"))
    reproducible = {uid: task for uid, task in stored["tasks"].items() if uid not in stored["tasks_our_cpm_differs_on"]}
    assert reproducible
    assert disagreements(read_mspdi([path.read_bytes()]), reproducible) == {}


@plans("*.xer")
def test_dates_and_floats_of_all_tasks_are_primaveras(path: Path) -> None:
    """Of all: even of those that an independent computation could not reproduce."""
    case = json.loads(path.with_suffix(".case.json").read_text(encoding="utf-8"))
    stored = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))["tasks"]
    assert len(stored) == len(case["tasks"])
    assert disagreements(primavera_plan(case), stored) == {}


@plans("*.xer")
def test_dates_and_floats_of_all_tasks_as_the_file_is_read_are_primaveras(path: Path) -> None:
    """With the resources that the inputs in plain JSON leave out, and their calendars."""
    stored = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))["tasks"]
    (plan,) = read_xer([path.read_bytes()]).plans.values()
    assert disagreements(plan, stored) == {}


@pytest.mark.parametrize("folder", ["psplib_j30", "psplib_j60_odd"])
def test_networks_without_resources_last_as_long_as_psplib_states(folder: str) -> None:
    if not CASES.is_dir():
        pytest.skip(f"no folder {CASES}")
    differing = {}
    paths = sorted((CASES / "rcpsp" / folder).glob("*.sm"))
    for path in paths:
        durations, relations, stated = psplib(path.read_text(encoding="latin-1"))
        finish = critical_path(network(durations, relations)).project_finish
        found = minute_of(finish) - minute_of(START)
        if found != stated:
            differing[path.name] = (found, stated)
    assert len(paths) >= 240
    assert differing == {}


@plans("mpxj_fixtures/*relations.xml", "mpxj_fixtures/*-mspdi.xml")
def test_every_link_and_lag_unit_gives_the_dates_that_microsoft_project_wrote(path: Path) -> None:
    namespace = "{http://schemas.microsoft.com/project}"
    stored = {}
    for row in ElementTree.parse(path).iter(f"{namespace}Task"):
        texts = {each.tag.removeprefix(namespace): each.text or "" for each in row}
        if "EarlyStart" in texts and texts["OutlineLevel"] != "0":  # that one is the project itself
            dates = {name: texts[name.title().replace("_", "")] for name in DATES}
            slacks = {"total_slack": int(texts["TotalSlack"]) // 10, "free_slack": int(texts["FreeSlack"]) // 10}
            stored[texts["UID"]] = {**dates, **slacks, "critical": texts["Critical"] == "1"}
    assert disagreements(read_mspdi([path.read_bytes()]), stored) == {}


def network(durations: dict[str, int], relations: Iterable[tuple[Any, ...]]) -> Plan:
    """A network in abstract units of time: minutes of a calendar around the clock."""
    return Plan(
        source_guid=None,
        name="Network",
        currency="EUR",
        start=START,
        status_date=None,
        calendar_source_id="24",
        calendars=(ROUND_THE_CLOCK,),
        tasks=tuple(Task(name, at, name, duration_minutes=durations[name]) for at, name in enumerate(durations)),
        links=tuple(Link(before, after, LINKS[kind], lag) for before, after, kind, lag in relations),
    )


def psplib(text: str) -> tuple[dict[str, int], list[tuple[Any, ...]], int]:
    """Durations, relations and MPM time (the length without regard to resources) of a file of PSPLIB."""
    lines = [line.split() for line in text.splitlines()]

    def block(title: str, skip: int) -> Iterable[list[str]]:
        begin = next(at for at, line in enumerate(lines) if " ".join(line).startswith(title)) + skip
        return takewhile(lambda line: line and not line[0].startswith("*"), lines[begin:])

    durations = {row[0]: int(row[2]) for row in block("REQUESTS/DURATIONS", 3)}
    relations = [(row[0], after, "FS", 0) for row in block("PRECEDENCE RELATIONS", 2) for after in row[3:]]
    return durations, relations, int(next(iter(block("PROJECT INFORMATION", 2)))[5])


def figures(found: ScheduledTask) -> dict[str, int]:
    origin = minute_of(START)
    moments = [getattr(found, name) for name in DATES]
    dates = dict(zip(("ES", "EF", "LS", "LF"), (minute_of(moment) - origin for moment in moments), strict=True))
    return {**dates, "TF": found.total_float_minutes, "FF": found.free_float_minutes}


published: Any = load("evm/published_examples.json") or {"cpm": [], "cpm_relation_types": {"cases": []}}
relation_types: Any = load("cpm_micro/relation_type_cases.json") or []


@each(published["cpm"])
def test_published_networks_have_their_printed_dates_and_floats(case: dict[str, Any]) -> None:
    schedule = critical_path(network(case["durations"], case["relations"]))
    expected = case["expected"]
    found = {task.source_id: figures(task) for task in schedule.tasks}
    for name in found[next(iter(found))].keys() & expected.keys():
        assert {task: found[task][name] for task in expected[name]} == expected[name]
    if "duration" in expected:
        assert schedule.project_finish == moment_of(minute_of(START) + expected["duration"])
    if "critical" in expected:
        assert [task.source_id for task in schedule.tasks if task.is_critical] == expected["critical"]


def printed(case: dict[str, Any]) -> tuple[int, dict[str, dict[str, int]]]:
    """A relation case of either collection: its duration, and dates by activity."""
    expected = case["expected"]
    if "activities" in expected:
        return expected["duration"], expected["activities"]
    short = dict(zip(DATES, ("ES", "EF", "LS", "LF"), strict=True))
    activities = {name: {short[key]: at for key, at in dates.items()} for name, dates in expected.items()}
    return case["expected_duration"], activities


def floored(case: dict[str, Any]) -> bool:
    """False where the source lets activities start before the project."""
    return all(dates["ES"] >= 0 for dates in printed(case)[1].values())


@each([case for case in (*relation_types, *published["cpm_relation_types"]["cases"]) if floored(case)])
def test_every_link_type_and_lag_gives_the_printed_dates(case: dict[str, Any]) -> None:
    duration, expected = printed(case)
    relations = [tuple(link if isinstance(link, list) else link.values()) for link in case["relations"]]
    durations = case.get("durations") or {name: a["duration"] for name, a in case["activities"].items()}
    schedule = critical_path(network(durations, relations))
    found = {task.source_id: figures(task) for task in schedule.tasks}
    # Where the source lets late dates pass the project's finish, ours stop there: only early dates can be compared.
    capped = any(dates["LF"] > duration for dates in expected.values())
    names = ("ES", "EF") if capped else ("ES", "EF", "LS", "LF")
    assert {task: {name: found[task][name] for name in names} for task in expected} == {
        task: {name: dates[name] for name in names} for task, dates in expected.items()
    }
    assert max(dates["LF"] for dates in found.values()) == max(dates["EF"] for dates in found.values())
