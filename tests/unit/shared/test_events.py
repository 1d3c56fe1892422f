"""The envelope: what is written reads back, and nothing else is taken for an event."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from shared.events import EntityEvent, Received, Unreadable, envelope, organization_of, schema, subject_of

TYPE = "pmo.projects.task.progressed.v1"
ORGANIZATION = UUID("0197f3f0-0000-7000-8000-000000000001")
AGGREGATE = UUID("0197f3f0-0000-7000-8000-000000000002")
EVENT = UUID("0197f3f0-0000-7000-8000-000000000003")
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


class TaskImage(BaseModel):
    """A task as the API answers it."""

    id: UUID
    name: str


class TaskProgressed(EntityEvent[TaskImage]):
    """Somebody reported progress of a task."""

    type: ClassVar[str] = TYPE


def written(text: str = '{"id": 1}', changes: dict[str, object] | None = None) -> tuple[str, bytes]:
    """An envelope with its subject; changes replace attributes."""
    body = envelope(
        id=EVENT,
        type=TYPE,
        organization_id=ORGANIZATION,
        aggregate_id=AGGREGATE,
        version=7,
        entity_id=EVENT,
        time=MOMENT,
        actor="user:ada",
        correlation_id="request-1",
        causation_id="",
        traceparent="",
        data=text,
    )
    if changes:
        document = orjson.loads(body) | changes
        body = orjson.dumps({key: value for key, value in document.items() if value is not ...})
    return subject_of(TYPE, ORGANIZATION, AGGREGATE), body


def test_an_event_reads_back_as_it_was_written() -> None:
    event = Received.parse(*written())
    assert event == Received(
        id=EVENT,
        type=TYPE,
        producer="projects",
        organization_id=ORGANIZATION,
        aggregate_id=AGGREGATE,
        version=7,
        time=MOMENT,
        actor="user:ada",
        correlation_id="request-1",
        causation_id="",
        traceparent="",
        data={"id": 1},
    )


def test_the_stored_data_go_into_the_envelope_untouched() -> None:
    text = '{"amount":"12.50",  "big":123456789012345678901234567890, "n":1.10}'
    assert text.encode() in written(text)[1]


def test_empty_attributes_are_left_out() -> None:
    document = orjson.loads(written()[1])
    assert "traceparent" not in document
    assert "causationid" not in document
    assert document["time"] == "2026-03-01T12:30:15.123456Z"


def test_sequences_order_as_text() -> None:
    texts = [orjson.loads(written(changes={"sequence": f"{n:020}"})[1])["sequence"] for n in (9, 10, 100)]
    assert texts == sorted(texts)


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"specversion": ...},
        {"type": "pmo.projects.task.progressed"},
        {"type": "pmo.projects.task.progressed.v0"},
        {"type": "com.example.task.progressed.v1"},
        {"type": 5},
        {"id": "no"},
        {"id": str(EVENT).upper()},
        {"id": ...},
        {"organization": str(AGGREGATE)},
        {"organization": None},
        {"partitionkey": str(ORGANIZATION)},
        {"sequence": "7"},
        {"sequence": "0" * 20},
        {"sequence": "9" * 20},
        {"sequence": "٧" * 20},
        {"sequence": -1},
        {"sequence": ...},
        {"time": "yesterday"},
        {"time": "2026-03-01T12:30:15"},
        {"actor": {"name": "ada"}},
        {"data": ...},
        {"data": [1]},
        {"data": "text"},
    ],
)
def test_what_is_not_exactly_an_event_is_unreadable(changes: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        Received.parse(*written(changes=changes))


@pytest.mark.parametrize(
    "subject", ["", "pmo", "pmo.projects", f"pmo.projects.{AGGREGATE}.{AGGREGATE}.task.progressed"]
)
def test_an_event_under_another_subject_is_unreadable(subject: str) -> None:
    with pytest.raises(Unreadable):
        Received.parse(subject, written()[1])


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_no_bytes_whatever_raise_anything_but_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        Received.parse("pmo.projects.x.y.task.progressed", body)


@given(
    version=st.integers(1, 2**63 - 1),
    time=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
    actor=st.text(max_size=30).filter(lambda text: text.isprintable()),
    data=st.dictionaries(
        st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=9) | st.none(), max_size=5
    ),
)
def test_any_event_survives_the_way(version: int, time: datetime, actor: str, data: dict[str, object]) -> None:
    body = envelope(
        id=EVENT,
        type=TYPE,
        organization_id=ORGANIZATION,
        aggregate_id=AGGREGATE,
        version=version,
        entity_id=EVENT,
        time=time,
        actor=actor,
        correlation_id="",
        causation_id="",
        traceparent="",
        data=orjson.dumps(data).decode(),
    )
    event = Received.parse(subject_of(TYPE, ORGANIZATION, AGGREGATE), body)
    assert (event.version, event.actor, event.data) == (version, actor, data)
    assert abs(event.time - time) < timedelta(microseconds=1)


def test_an_event_class_describes_itself_as_a_json_schema() -> None:
    document = schema(TaskProgressed)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"/schemas/{TYPE}.json"
    assert document["description"] == "Somebody reported progress of a task."
    image = {"id": str(EVENT), "name": "Dig"}
    valid = {"id": str(EVENT), "version": 2, "changed": ["name"], "after": image}
    Draft202012Validator(document).validate(valid)
    Draft202012Validator(document).validate(valid | {"after": None})


def test_a_malformed_type_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"pmo\.<service>"):
        type("Wrong", (EntityEvent[TaskImage],), {"type": "projects.task", "__annotations__": {"type": ClassVar[str]}})


@pytest.mark.parametrize("subject", ["", "pmo.projects.what.is.this", "a.b"])
def test_a_subject_without_an_organization_names_none(subject: str) -> None:
    assert organization_of(subject) is None
