"""Files that are no plans: the import takes the bytes, and its operation tells what is wrong with them."""

import time
import uuid
from typing import Any

import pytest

from services.local.demo import EXAMPLE_PLAN
from services.projects.domain.workbook_writing import xlsx_pieces
from tests.system.instance import DIRECTOR, Caller, System, refused
from tests.system.writes import Plan

pytestmark = pytest.mark.usefixtures("unfailing")

CANARY = "kanarienvogel"
NAMESPACE = "http://schemas.microsoft.com/project"
BOMB = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(10))


def project(inside: str, before: str = "") -> bytes:
    """A file with something in it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<Project xmlns="{NAMESPACE}">{inside}</Project>'.encode()


def tasks(*links: tuple[int, int], outline: str = "1", duration: str = "PT8H0M0S") -> str:
    """Three tasks, with links (from, to) between them."""
    rows = ""
    for uid in (1, 2, 3):
        before = "".join(
            f"<PredecessorLink><PredecessorUID>{first}</PredecessorUID><Type>1</Type></PredecessorLink>"
            for first, then in links
            if then == uid
        )
        rows += (
            f"<Task><UID>{uid}</UID><ID>{uid}</ID><Name>T{uid}</Name><OutlineLevel>{outline}</OutlineLevel>"
            f"<Duration>{duration}</Duration>{before}</Task>"
        )
    return f"<Name>Loop</Name><StartDate>2026-01-05T08:00:00</StartDate><Tasks>{rows}</Tasks>"


UNREADABLE = {
    "row_23_empty": b"",
    "row_24_truncated": EXAMPLE_PLAN.read_bytes()[:20_000],
    "row_24_not_xml": CANARY.encode() * 1000,
    "row_24_html": f"<html><body>{CANARY}</body></html>".encode(),
    "row_13_invalid_utf_8": project(f"<Name>{CANARY}").replace(b"<Name>", b"<Name>\xff\xfe"),
    "row_15_nul": project(f"<Name>{CANARY}\x00</Name>"),
    "row_15_nul_by_reference": project(f"<Name>{CANARY}&#0;</Name>"),
    "row_11_nesting_1000": project("<a>" * 1000 + "</a>" * 1000),
    "row_12_nesting_100000": project("<a>" * 100_000),
    "entity_bomb": project("<Name>&e10;</Name>", f'<!DOCTYPE Project [<!ENTITY e0 "{CANARY}">{BOMB}]>'),
    "entity_of_a_file": project("<Name>&x;</Name>", '<!DOCTYPE Project [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    "entity_of_a_url": project("<Name>&x;</Name>", '<!DOCTYPE p [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]>'),
    "external_subset": project("<Name>x</Name>", '<!DOCTYPE Project SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "undefined_entity": project("<Name>&kanarienvogel;</Name>"),
    "another_namespace": project("").replace(NAMESPACE.encode(), b"http://evil.example"),
    "another_encoding": project("").replace(b"UTF-8", b"UTF-7"),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(1000),
    "zip": b"PK\x03\x04" + bytes(1000),
    "attributes_without_end": project("").replace(b"<Project ", b"<Project " + b'a="b" ' * 100_000),
}


def imported(caller: Caller, content: bytes, query: str = "", kind: str = "mspdi") -> dict[str, Any]:
    """What becomes of a file."""
    headers = {"content-type": "application/xml" if kind == "mspdi" else "application/octet-stream"}
    response = caller("POST", f"/v1/imports?format={kind}{query}", content=content, headers=headers)
    if response.status_code != 202:
        return {"status": response.status_code, "problem": response.json()}
    deadline = time.monotonic() + 30
    while True:
        operation: dict[str, Any] = caller("GET", response.headers["location"]).json()
        if operation["status"] not in {"pending", "running"}:
            return operation
        assert time.monotonic() < deadline, operation
        time.sleep(0.05)


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_is_no_plan_changes_nothing_and_says_why(system: System, content: bytes) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    began = time.monotonic()
    end = imported(caller, content)
    assert end["status"] in {"failed", 422}, end
    problem = end["problem"]
    assert problem["code"] in {"plan_file_unreadable", "validation"}, problem
    assert problem["status"] == 422
    for secret in (CANARY * 3, "root:", "evil.example"):
        assert secret not in str(problem)
    assert caller("GET", "/v1/projects?include_total=true").json()["total"] == 0
    assert time.monotonic() - began < 10


TABLE = "id,name,start,predecessors\n"
WORKBOOK = b"".join(xlsx_pieces("Plan", ("id", "name", "start"), [(1, CANARY, "2026-01-05")]))
SHEET = WORKBOOK.index(b"sheet1.xml") + 30
UNREADABLE_OTHERS = {
    "csv_empty": ("csv", b""),
    "csv_nul": ("csv", f"{TABLE}1,{CANARY}\0,2026-01-05,\n".encode()),
    "csv_without_columns": ("csv", f"{CANARY},{CANARY}\n1,2\n".encode()),
    "csv_quote_without_end": ("csv", f'{TABLE}1,"{CANARY}'.encode() + b"\n" * 200_000),
    "csv_of_commas": ("csv", TABLE.encode() + b"," * 100_000),
    "csv_without_dates": ("csv", f"{TABLE}1,{CANARY},{CANARY},\n".encode()),
    "xlsx_truncated": ("xlsx", WORKBOOK[:-40]),
    "xlsx_broken": ("xlsx", WORKBOOK[:SHEET] + bytes(100) + WORKBOOK[SHEET + 100 :]),
    "xlsx_of_another_kind": ("xlsx", TABLE.encode()),
    "xer_truncated": ("xer", f"ERMHDR\t19.12\t2026-03-02\tProject\t{CANARY}\r\n%T\tTASK\r\n".encode()),
    "xer_nul": ("xer", b"ERMHDR\t19.12\r\n\0\r\n%E\r\n"),
    "mpp_of_nonsense": ("mpp", CANARY.encode() * 100),
}


@pytest.mark.parametrize(("kind", "content"), UNREADABLE_OTHERS.values(), ids=UNREADABLE_OTHERS.keys())
def test_a_file_of_another_format_that_is_no_plan_changes_nothing_and_says_why(
    system: System, kind: str, content: bytes
) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    end = imported(caller, content, kind=kind)
    assert end["status"] in {"failed", 422}, end
    problem = end["problem"]
    assert (problem["code"], problem["status"]) in {("plan_file_unreadable", 422), ("format_not_available", 422)}
    assert CANARY not in str(problem)
    assert caller("GET", "/v1/projects?include_total=true").json()["total"] == 0


@pytest.mark.parametrize(
    "row",
    [
        "1,=HYPERLINK(1),2026-01-05,",
        "1,x,2026-01-05,1;1;2FS+999999999999999999d",
        "1,x,9999-12-31,",
        "1,x,0001-01-01,",
        f"1,{'n' * 100_000},2026-01-05,",
        "1,a\u202eb\x7f,2026-01-05,",
        "99999999999999999999999999,x,2026-01-05,",
        "1,x,2026-01-05,\n2,y,,1\n3,z,,2SS-50%;1FF+1ed\n1,x,2026-01-06,3",
    ],
)
def test_a_table_with_absurd_values_is_refused_or_taken_but_nothing_fails(system: System, row: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    end = imported(caller, f"{TABLE}{row}\n".encode(), kind="csv")
    if end["status"] == "succeeded":
        identifier = end["result"]["project_id"]
        for kind in ("mspdi", "xer", "csv", "xlsx", "ics"):
            path = f"/v1/projects/{identifier}/export?format={kind}"
            response = caller("GET", path)
            assert response.status_code == 200, response.text
            again = caller("GET", path, headers={"if-none-match": response.headers["etag"]})
            assert again.status_code == 304
    else:
        assert end["problem"]["status"] == 422, end


def test_row_71_a_loop_of_tasks_in_a_file_is_named_and_nothing_hangs(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    loop = imported(caller, project(tasks((1, 2), (2, 3), (3, 1))))
    assert loop["status"] == "succeeded", loop
    schedule = caller("GET", f"/v1/projects/{loop['result']['project_id']}/schedule").json()
    assert schedule["problem"].startswith("tasks depend on each other")
    (told,) = [row for row in loop["result"]["report"]["rows"] if row.get("code") == "dependency_cycle"]
    assert sorted(told["source_id"].split(">")) == ["1", "2", "3"]
    itself = imported(caller, project(tasks((1, 1))))
    assert "self_link" in {row.get("code") for row in itself["result"]["report"]["rows"]}


@pytest.mark.parametrize(
    "inside",
    [
        tasks(outline="9" * 30),
        tasks(outline="-1"),
        tasks(duration="PT999999999999H0M0S"),
        tasks(duration="P1Y"),
        tasks(duration="NaN"),
        tasks((1, 99)),
        tasks().replace("<UID>2</UID>", "<UID>1</UID>"),
        tasks().replace("<UID>2</UID>", "<UID>99999999999999999999</UID>"),
        tasks().replace("2026-01-05T08:00:00", "0001-01-01T00:00:00"),
        tasks().replace("2026-01-05T08:00:00", "9999-12-31T23:59:59"),
        tasks().replace("<Name>T1</Name>", f"<Name>{'n' * 100_000}</Name>"),
        tasks().replace("<Name>T1</Name>", "<Name>a&#x202e;b&#x7f;</Name>"),
        "<Tasks><Task/></Tasks>",
        "<CurrencyCode>XXX</CurrencyCode>" + tasks(),
    ],
    ids=[
        "outline_of_30_digits",
        "outline_negative",
        "duration_of_a_hundred_million_years",
        "duration_of_a_year",
        "duration_not_a_number",
        "row_92_link_to_nothing",
        "row_93_uid_twice",
        "uid_of_20_digits",
        "row_66_year_one",
        "row_66_year_9999",
        "row_73_name_of_100_kb",
        "row_16_controls_in_a_name",
        "task_without_anything",
        "row_69_currency_xxx",
    ],
)
def test_a_plan_with_absurd_values_is_refused_or_taken_but_nothing_fails(system: System, inside: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    end = imported(caller, project(inside))
    if end["status"] == "succeeded":
        identifier = end["result"]["project_id"]
        for path in ("", "/tasks", "/schedule", "/kpis", "/overview"):
            response = caller("GET", f"/v1/projects/{identifier}{path}")
            assert response.status_code in {200, 404, 409}, (path, response.text)
    else:
        assert end["problem"]["status"] == 422, end


def test_row_57_an_import_of_an_unknown_format_is_refused(director: Caller, plan: Plan) -> None:
    headers = {"content-type": "application/xml"}
    for query in ("", "?format=", f"?format={CANARY}", "?format=mspdi&format=mspdi", f"?format=mspdi&{CANARY}=1"):
        response = director("POST", f"/v1/imports{query}", content=project(""), headers=headers)
        refused(response, 422, "validation", CANARY)
    response = director("POST", "/v1/imports?format=mspdi&project_id=none", content=project(""), headers=headers)
    refused(response, 404, "not_found")
    assert plan
