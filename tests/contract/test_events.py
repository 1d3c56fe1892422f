"""Event schemas: one for each type, valid, and within a major version only added to."""

import json
import subprocess
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.contracts.compatible import breaks
from services.contracts.parts import PARTS
from shared.events import Event, data_schema, parse_type, schema
from shared.testing.cases import ROOT

Json = dict[str, Any]
EVENTS = {event.type: event for part in PARTS for event in part.events}
FOLDER = "shared/contracts/events"


def latest_release() -> str | None:
    """Return the tag of the latest release; None before the first."""
    done = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_type_belongs_to_its_service_and_its_schema_is_valid(event: type[Event]) -> None:
    (owner,) = [part.name for part in PARTS if event in part.events]
    assert parse_type(event.type).service == owner
    document = schema(event)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == data_schema(event.type)
    assert event.__doc__


def test_every_subscription_is_to_a_published_type() -> None:
    for part in PARTS:
        for producer, subscriptions in part.subscriptions.items():
            for subscription in subscriptions:
                assert subscription.type in EVENTS
                assert parse_type(subscription.type).service == producer


def test_since_the_last_release_schemas_were_only_added_to() -> None:
    release = latest_release()
    if release is None:
        pytest.skip("there is no release yet to compare with")
    broken = {}
    for name, event in EVENTS.items():
        path = f"{release}:{FOLDER}/{name}.json"
        done = subprocess.run(["git", "show", path], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0 and (found := breaks(json.loads(done.stdout), schema(event))):
            broken[name] = found
    assert broken == {}


OLD: Json = {
    "type": "object",
    "required": ["id", "state"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"type": "string", "enum": ["open", "closed"]},
        "cost": {"anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}]},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {"Money": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "string"}}}},
}


def changed(path: str, value: object) -> Json:
    """Return the old schema with one thing otherwise; None removes it."""
    new: Json = json.loads(json.dumps(OLD))
    *parents, last = path.split("/")
    place = new
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/note", {"type": "string"}),
        ("required", ["id", "state", "items"]),
        ("properties/state/enum", ["open", "closed", "late"]),
        ("properties/id/description", "Ours."),
        ("$defs/Money/properties/currency", {"type": "string"}),
    ],
)
def test_additions_are_compatible(path: str, value: object) -> None:
    assert breaks(OLD, changed(path, value)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/id", None),
        ("properties/id/type", "integer"),
        ("properties/id/format", "date"),
        ("required", ["id"]),
        ("properties/state/enum", ["open"]),
        ("properties/items/items/type", "integer"),
        ("properties/cost/anyOf", [{"type": "string"}, {"type": "null"}]),
        ("$defs/Money/properties/amount/type", "number"),
        ("$defs/Money/properties/amount", None),
    ],
)
def test_changes_are_not(path: str, value: object) -> None:
    assert breaks(OLD, changed(path, value)) != []
