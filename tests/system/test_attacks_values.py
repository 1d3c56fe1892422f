"""Rows 66 to 74 and 138: dates, money, percentages, references and names that are well-formed and still wrong."""

import json
import unicodedata
import uuid

import httpx2
import pytest

from tests.system.instance import DIRECTOR, Caller, System, dumps, refused
from tests.system.writes import INSTANTS, MONEY, PERCENTAGES, Place, Plan, place_name

pytestmark = pytest.mark.usefixtures("unfailing")

NOT_AN_INSTANT = {
    "row_66_year_one": '"0001-01-01T00:00:00Z"',
    "row_66_year_9999": '"9999-12-31T23:59:59Z"',
    "row_66_year_1899": '"1899-12-31T23:59:59Z"',
    "row_66_february_30": '"2026-02-30T00:00:00Z"',
    "row_66_naive": '"2026-03-31T17:00:00"',
    "row_66_infinity": '"infinity"',
    "row_66_minus_infinity": '"-infinity"',
    "row_66_now": '"now"',
    "row_66_seconds_since_1970": "1767225600",
    "row_66_seconds_as_text": '"1767225600"',
    "row_66_only_a_date": '"2026-03-31"',
    "row_66_with_a_space": '"2026-03-31 17:00:00Z"',
    "row_66_basic_format": '"20260331T170000Z"',
    "row_66_week": '"2026-W14-2T17:00:00Z"',
    "row_66_other_digits": '"٢٠٢٦-03-31T17:00:00Z"',
    "row_66_year_of_five_digits": '"12026-03-31T17:00:00Z"',
    "row_66_negative_year": '"-2026-03-31T17:00:00Z"',
    "row_66_hour_24": '"2026-03-31T24:00:00Z"',
    "row_68_leap_second": '"2026-06-30T23:59:60Z"',
    "row_68_offset_of_a_day": '"2026-03-31T17:00:00+24:00"',
    "row_68_zone_by_name": '"2026-03-31T17:00:00[Europe/Amsterdam]"',
}
NOT_MONEY = {
    "row_69_negative": '{"amount":"-1.00","currency":"EUR"}',
    "row_69_nan": '{"amount":"NaN","currency":"EUR"}',
    "row_69_infinite": '{"amount":"Infinity","currency":"EUR"}',
    "row_69_three_decimals": '{"amount":"1.005","currency":"EUR"}',
    "row_69_decimals_of_yen": '{"amount":"1.5","currency":"JPY"}',
    "row_69_currency_xxx": '{"amount":"1.00","currency":"XXX"}',
    "row_69_currency_in_small_letters": '{"amount":"1.00","currency":"eur"}',
    "row_69_currency_missing": '{"amount":"1.00"}',
    "row_69_plus": '{"amount":"+1.00","currency":"EUR"}',
    "row_69_comma": '{"amount":"1,00","currency":"EUR"}',
    "row_69_grouped": '{"amount":"1 000.00","currency":"EUR"}',
    "row_69_without_leading_zero": '{"amount":".5","currency":"EUR"}',
    "row_69_line_break": '{"amount":"1.00\\n","currency":"EUR"}',
    "row_69_a_quadrillion": '{"amount":"1000000000000000.00","currency":"EUR"}',
    "row_69_just_a_number": "12.5",
    "row_69_just_a_text": '"12.50 EUR"',
}
NOT_A_PERCENTAGE = {
    "row_70_minus_one": "-1",
    "row_70_a_little_less_than_nothing": "-0.0001",
    "row_70_101": "101",
    "row_70_a_little_more_than_all": "100.0001",
    "row_70_four_decimals": "50.0001",
    "row_70_text": '"50"',
    "row_70_with_sign": '"50%"',
}


def cases(raw: dict[str, str], places: tuple[Place, ...]) -> list[object]:
    """Every raw value at every place."""
    return [pytest.param(place, text, id=f"{row}-{place_name(place)}") for row, text in raw.items() for place in places]


@pytest.mark.parametrize(
    ("place", "raw"),
    [*cases(NOT_AN_INSTANT, INSTANTS), *cases(NOT_MONEY, MONEY), *cases(NOT_A_PERCENTAGE, PERCENTAGES)],
)
def test_a_value_out_of_range_is_refused(director: Caller, plan: Plan, place: Place, raw: str) -> None:
    write, way = place
    problem = refused(write.send(director, plan, write.with_(way, raw)), 422, "validation", "1767225600", "infinity")
    errors = problem["errors"]
    assert isinstance(errors, list)
    assert all(error["pointer"].startswith("/" + "/".join(way)) for error in errors)


@pytest.mark.parametrize(
    "text", ["2026-03-29T02:30:00+01:00", "2026-03-29T02:30:00+14:00", "2026-10-25t02:30:00-12:00"]
)
def test_row_68_any_offset_is_an_instant_also_where_the_zones_clock_jumps(system: System, text: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    body = {"name": "Clock", "time_zone": "Europe/Amsterdam", "start": text}
    assert caller("POST", "/v1/projects", json=body).status_code == 201


@pytest.mark.parametrize("field", ["constraint_date", "deadline"])
@pytest.mark.parametrize("text", ["1900-01-01T00:00:00Z", "2200-12-31T23:59:59Z"])
def test_row_66_the_first_and_the_last_instant_are_taken_and_scheduled(system: System, field: str, text: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        project = caller("POST", "/v1/projects", json={"name": "Edge", "time_zone": zone}).json()["id"]
        body = {"name": "Edge", "duration_minutes": 480, field: text}
        if field == "constraint_date":
            body["constraint_type"] = "must_start_on"
        created = caller("POST", f"/v1/projects/{project}/tasks", json=body)
        assert created.status_code in {201, 422}, created.text
        schedule = caller("GET", f"/v1/projects/{project}/schedule")
        assert schedule.status_code in {200, 409}, schedule.text


@pytest.mark.parametrize("minutes", [2_147_483_647, 10_000_000])
def test_row_09_the_longest_duration_is_scheduled_or_said_to_be_too_long(system: System, minutes: int) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    project = caller("POST", "/v1/projects", json={"name": "Long"}).json()["id"]
    body = {"name": "Long", "duration_minutes": minutes, "work_minutes": minutes}
    assert caller("POST", f"/v1/projects/{project}/tasks", json=body).status_code in {201, 422}
    schedule = caller("GET", f"/v1/projects/{project}/schedule")
    assert schedule.status_code in {200, 409}, schedule.text


def test_row_71_a_task_cannot_be_below_one_of_another_project_or_below_none(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    here, there = Plan.make(caller), Plan.make(caller)
    for parent in (there.task, str(uuid.uuid4())):
        response = caller("POST", f"/v1/projects/{here.project}/tasks", json={"name": "Child", "parent_id": parent})
        refused(response, 422, "reference_invalid", parent)


def test_row_71_no_task_can_be_moved_below_itself_or_below_its_own(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    plan = Plan.make(caller)
    tasks = f"/v1/projects/{plan.project}/tasks"
    child = caller("POST", tasks, json={"name": "Child", "parent_id": plan.task}).json()["id"]
    version = caller("GET", f"{tasks}/{plan.task}").headers["etag"]
    for parent in (plan.task, child):
        response = caller("PATCH", f"{tasks}/{plan.task}", json={"parent_id": parent}, headers={"if-match": version})
        refused(response, 422, "validation", parent)
    for own in ("id", "predecessors", "successors", "dependencies"):
        refused(caller("POST", tasks, json={"name": "Loop", own: [plan.task]}), 422, "validation", plan.task)


def test_row_71_a_loop_of_dependencies_is_refused_and_named(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    plan = Plan.make(caller)
    tasks, links = f"/v1/projects/{plan.project}/tasks", f"/v1/projects/{plan.project}/dependencies"
    summary, last = (caller("POST", tasks, json={"name": name}).json()["id"] for name in ("Summary", "Last"))
    child = caller("POST", tasks, json={"name": "Child", "parent_id": summary}).json()["id"]

    def link(before: str, after: str) -> httpx2.Response:
        return caller("POST", links, json={"predecessor_id": before, "successor_id": after})

    assert link(plan.task, summary).status_code == 201
    assert link(child, last).status_code == 201
    for before, after, loop in (
        (last, plan.task, {plan.task, summary, child, last}),
        (child, summary, {child, summary}),
        (summary, child, {child, summary}),
    ):
        response = link(before, after)
        refused(response, 409, "dependency_cycle")
        assert {error["detail"].split()[0] for error in response.json()["errors"]} == loop
    refused(link(child, child), 422, "validation", child)
    assert caller("GET", f"{links}?include_total=true").json()["total"] == 2
    assert caller("GET", f"/v1/projects/{plan.project}/schedule").json()["problem"] is None


def test_row_72_two_spellings_of_one_source_id_are_one(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    plan = Plan.make(caller)
    for path, status, code in (
        ("/v1/projects", 409, "project_source_taken"),
        (f"/v1/projects/{plan.project}/tasks", 409, "task_source_taken"),
    ):
        composed, decomposed = (unicodedata.normalize(form, "Caf\u00e9-1") for form in ("NFC", "NFD"))
        assert caller("POST", path, json={"name": "A", "source_id": decomposed}).status_code == 201
        refused(caller("POST", path, json={"name": "B", "source_id": composed}), status, code, composed)
        for spelling in (composed, decomposed):
            found = caller.client.get(path, params={"source_id": spelling}, headers=caller.authorization).json()
            assert [item["source_id"] for item in found["items"]] == [composed]


def test_row_72_a_key_is_unique_and_of_plain_letters(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    assert caller("POST", "/v1/projects", json={"name": "A", "key": "PRJ-7"}).status_code == 201
    refused(caller("POST", "/v1/projects", json={"name": "B", "key": "PRJ-7"}), 409, "project_key_taken")
    for homoglyph in ("\u0420RJ-7", "PRJ\u20107", "PRJ-\u0667", "prj-7", "PRJ-07", "PRJ-7\n"):
        refused(caller("POST", "/v1/projects", json={"name": "B", "key": homoglyph}), 422, "validation", homoglyph)


STRANGE_NAMES = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",  # joined by U+200D, as people type it
    "'; drop table project; --",
    "$$; select pg_sleep(10); $$",
    '" or ""="',
    "\\x00 \\u0000 %s %(name)s {0} ${jndi:ldap://x} {{7*7}} <script>alert(1)</script>",
    "=cmd()|'/C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "null",
    "-1",
    "\u202fNarrow\u00a0spaces",
    "e\u0301 decomposed",
    "\ufdfa" * 20,
)


@pytest.mark.parametrize("name", STRANGE_NAMES, ids=range(len(STRANGE_NAMES)))
def test_row_138_what_looks_like_a_program_is_stored_as_text(system: System, name: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    body = {"name": name, "description": name, "source_id": name, "owner": name}
    made = caller("POST", "/v1/projects", json=body)
    assert made.status_code == 201, made.text
    stored = unicodedata.normalize("NFC", name)
    read = caller("GET", f"/v1/projects/{made.json()['id']}").json()
    assert read["description"] == stored
    assert [read[field] for field in ("name", "source_id", "owner")] == [stored.strip()] * 3
    task = caller("POST", f"/v1/projects/{read['id']}/tasks", json={"name": name})
    assert task.json()["name"] == stored.strip()
    client = caller("POST", "/v1/api-clients", json={"name": name, "scopes": ["read"]})
    assert client.json()["name"] == stored.strip()
    found = caller.client.get("/v1/projects", params={"source_id": name.strip()}, headers=caller.authorization).json()
    assert [item["id"] for item in found["items"]] == [read["id"]]


def test_row_73_a_text_has_its_length_in_characters(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    assert caller("POST", "/v1/projects", json={"name": "\U0001f3d7" * 200}).status_code == 201
    refused(caller("POST", "/v1/projects", json={"name": "\U0001f3d7" * 201}), 422, "validation", "\U0001f3d7")
    grown = "\ufb2c" * 150  # normalising makes three characters of each
    response = caller("POST", "/v1/projects", json={"name": grown, "source_id": grown, "owner": grown})
    assert response.status_code in {201, 422}, response.text
    if response.status_code == 201:
        assert len(response.json()["name"]) <= 200


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/api-clients"])
def test_row_73_a_name_of_a_megabyte_is_refused(director: Caller, plan: Plan, path: str) -> None:
    assert plan
    body = {"name": "kanarienvogel" * 90_000, **({"scopes": ["read"]} if path == "/v1/api-clients" else {})}
    refused(director("POST", path, json=body), (413, 422), ("payload_too_large", "validation"), "kanarienvogel")
    body["name"] = "kanarienvogel" * 70_000
    refused(director("POST", path, json=body), 422, "validation", "kanarienvogel")


@pytest.mark.parametrize("character", ["a", '"', "\n", "\u00e9", "\U0001f3d7"])
def test_row_127_a_text_that_no_event_could_carry_is_refused(system: System, character: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    most = 65_536 // len(character.encode())
    made = caller("POST", "/v1/projects", json={"name": "A", "description": character * most})
    assert made.status_code == 201
    path = f"/v1/projects/{made.json()['id']}/tasks"
    assert caller("POST", path, json={"name": "A", "description": character * most}).status_code == 201
    refused(caller("POST", path, json={"name": "A", "description": character * (most + 1)}), 422, "validation")
    waited = caller("GET", "/v1/resources", headers={"pmo-wait-for": made.headers["pmo-position"]})
    assert waited.status_code == 200, waited.text  # the event has arrived elsewhere


def test_row_138_the_reason_of_a_change_is_text_too(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    told = (("'; drop table history; --", 201), ("\u00ff", 201), ("a\tb", 201), ("x" * 500, 201), ("x" * 4000, 422))
    for reason, status in told:
        headers = {"pmo-reason": reason, "content-type": "application/json"}
        response = caller.client.post(
            "/v1/projects",
            content=dumps({"name": "A"}),
            headers=[(k.encode(), v.encode("latin-1")) for k, v in {**caller.authorization, **headers}.items()],
        )
        assert response.status_code == status, response.text


def test_row_124_an_events_time_is_data_and_orders_nothing(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    for number, moment in enumerate(("1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z")):
        event = {
            "specversion": "1.0",
            "id": f"time-{number}",
            "source": "https://attacker.example",
            "type": "pmo.inbound.task.progressed.v1",
            "time": moment,
            "data": {
                "project": {"key": "PRJ-4711"},
                "task": {"source_id": "1"},
                "percent_complete": 1,
                "at": moment,
            },
        }
        headers = {"content-type": "application/cloudevents+json"}
        response = caller("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=headers)
        assert response.status_code == 202, response.text
