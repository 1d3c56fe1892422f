"""Rows 118 to 130: events that other systems push, and what may not get from them into the event flow."""

import json
import uuid
from collections.abc import Iterator

import pytest

from tests.system.instance import DIRECTOR, Caller, System, refused
from tests.system.ways import settled
from tests.system.writes import CLOUD_EVENT, INGEST, Plan

pytestmark = pytest.mark.usefixtures("unfailing")

PATH = "/v1/ingest/events"
BATCH = "application/cloudevents-batch+json"


def event(**changed: object) -> dict[str, object]:
    """An event that is accepted but for what is changed; None leaves an attribute out."""
    return {name: value for name, value in (dict(INGEST.body) | changed).items() if value is not None}


def about(project: str, task: str, percent: float, at: str) -> dict[str, object]:
    """What an event says of a task."""
    return {"project": {"id": project}, "task": {"id": task}, "percent_complete": percent, "at": at}


@pytest.fixture(scope="module")
def untouched(director: Caller) -> Iterator[Caller]:
    """The director of an organization that took none of a module's events."""
    yield director
    assert director("GET", PATH).json()["items"] == []


NO_EVENTS = {
    "row_121_without_id": event(id=None),
    "row_121_without_source": event(source=None),
    "row_121_without_type": event(type=None),
    "row_121_without_specversion": event(specversion=None),
    "row_121_specversion_0_3": event(specversion="0.3"),
    "row_121_specversion_number": event(specversion=1.0),
    "row_121_specversion_2": event(specversion="2.0"),
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_what_is_no_cloudevent_is_refused(untouched: Caller, body: dict[str, object]) -> None:
    refused(untouched("POST", PATH, json=body, headers={"content-type": CLOUD_EVENT}), 400, "event_invalid")


def test_row_121_a_header_of_65_kilobytes_is_refused(system: System, untouched: Caller) -> None:
    head = system.head_of("POST", PATH, untouched.token, content_type="application/json", ce_id="i" * 65_000)
    refused(system.send(head), 431, "headers_too_large", "iiiiiiii")


def test_row_121_a_batch_of_10001_is_refused(untouched: Caller) -> None:
    batch = [{"specversion": "1.0", "id": str(n)} for n in range(10_001)]
    refused(untouched("POST", PATH, json=batch, headers={"content-type": BATCH}), 413, "too_many_items")


@pytest.mark.parametrize("media_type", [CLOUD_EVENT, BATCH], ids=["row_122_structured", "row_122_batch"])
def test_attributes_in_both_the_headers_and_the_body_are_refused(untouched: Caller, media_type: str) -> None:
    body = event() if media_type == CLOUD_EVENT else [event()]
    headers = {"content-type": media_type, "ce-id": "1", "ce-specversion": "1.0"}
    refused(untouched("POST", PATH, json=body, headers=headers), 400, "event_invalid")


@pytest.mark.parametrize("attribute", ["source", "subject", "id", "type"])
@pytest.mark.parametrize(
    "text",
    ["a\r\nPUB pmo.projects.x 1", "a\x00b", "x" * 5_000],
    ids=["row_125_crlf", "row_125_nul", "row_125_5000_characters"],
)
def test_an_attribute_that_no_broker_takes_is_refused(untouched: Caller, attribute: str, text: str) -> None:
    response = untouched("POST", PATH, json=event(**{attribute: text}), headers={"content-type": CLOUD_EVENT})
    refused(response, 422, ("validation", "event_type_unknown"), "pmo.projects.x", "xxxxxxxx")


@pytest.mark.parametrize(
    "text",
    ["a.b.c", "*", ".", "..", "pmo.projects.*"],
    ids=["row_125_dots", "row_125_star", "row_125_dot", "row_125_two_dots", "row_125_subject_with_star"],
)
def test_no_part_of_a_subject_comes_from_an_event(system: System, text: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    body = event(id=text, source=text, subject=text)
    response = caller("POST", PATH, json=body, headers={"content-type": CLOUD_EVENT})
    assert response.status_code == 202, response.text
    told = settled(caller, f"{PATH}/{response.json()['items'][0]['id']}")  # it has passed the broker both ways
    assert (told["status"], told["source"], told["event_id"]) == ("rejected", text, text)


def test_row_125_what_no_uri_holds_is_no_source(untouched: Caller) -> None:
    for text in (">", "a>b", "a b", "pmo.projects.>"):
        response = untouched("POST", PATH, json=event(source=text), headers={"content-type": CLOUD_EVENT})
        refused(response, 422, "validation")


@pytest.mark.parametrize("attribute", ["ce-id", "ce-source", "ce-subject"])
@pytest.mark.parametrize(
    "text", ["a%0D%0Ab", "a%0Ab", "a%00"], ids=["row_126_crlf", "row_126_line_feed", "row_126_nul"]
)
def test_a_line_break_in_a_header_of_an_event_is_refused(untouched: Caller, attribute: str, text: str) -> None:
    headers = {f"ce-{name}": str(value) for name, value in event().items() if name != "data"}
    headers |= {attribute: text, "content-type": "application/json"}
    refused(untouched("POST", PATH, json=event()["data"], headers=headers), 422, "validation")


def test_row_118_the_same_event_again_is_the_same(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    plan = Plan.make(caller)
    body = event(data=about(plan.project, plan.task, 30, "2026-03-31T17:00:00Z"))
    answers = [caller("POST", PATH, json=body, headers={"content-type": CLOUD_EVENT}) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {202}
    (identifier,) = {answer.json()["items"][0]["id"] for answer in answers}
    assert settled(caller, f"{PATH}/{identifier}")["status"] == "applied"
    task = caller("GET", f"/v1/projects/{plan.project}/tasks/{plan.task}").json()
    assert (task["percent_complete"], len(caller("GET", PATH).json()["items"])) == (30, 1)


def test_row_119_another_event_with_the_same_id_is_a_conflict(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    assert caller("POST", PATH, json=event(), headers={"content-type": CLOUD_EVENT}).status_code == 202
    other = event(data=about(str(uuid.uuid4()), str(uuid.uuid4()), 10, "2026-03-31T17:00:00Z"))
    refused(caller("POST", PATH, json=other, headers={"content-type": CLOUD_EVENT}), 409, "event_conflict")
    assert len(caller("GET", PATH).json()["items"]) == 1


def test_row_123_an_event_of_an_unknown_project_is_taken_and_answered_for(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    response = caller("POST", PATH, json=event(), headers={"content-type": CLOUD_EVENT})
    told = settled(caller, f"{PATH}/{response.json()['items'][0]['id']}")
    assert (told["status"], told["reason"]["code"]) == ("rejected", "unknown_project")


def test_row_123_an_event_of_another_organization_is_forbidden(untouched: Caller) -> None:
    body = event(organization=str(uuid.uuid4()))
    refused(untouched("POST", PATH, json=body, headers={"content-type": CLOUD_EVENT}), 403, "forbidden")


def test_row_123_an_older_fact_changes_nothing_whatever_its_order_of_arrival(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    plan = Plan.make(caller)
    for number, (percent, at) in enumerate(((60, "2026-03-31T17:00:00Z"), (20, "2026-03-30T17:00:00Z"))):
        body = event(id=f"fact-{number}", data=about(plan.project, plan.task, percent, at))
        response = caller("POST", PATH, json=body, headers={"content-type": CLOUD_EVENT})
        told = settled(caller, f"{PATH}/{response.json()['items'][0]['id']}")
        assert told["status"] == "applied", json.dumps(told)
        task = caller("GET", f"/v1/projects/{plan.project}/tasks/{plan.task}").json()
        assert task["percent_complete"] == 60
