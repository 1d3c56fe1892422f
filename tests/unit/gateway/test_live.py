"""What a watching client is shown of an event."""

import pytest

from services.gateway.domain.live import SERVICES, Wanted, shown, without_rates

PROJECT, OTHER = "0190c0de-0000-7000-8000-000000000001", "0190c0de-0000-7000-8000-000000000002"


def wanted(*patterns: str, projects: frozenset[str] = frozenset()) -> Wanted:
    return Wanted.of(patterns, projects, api_clients=True)


@pytest.mark.parametrize(
    ("pattern", "name", "takes"),
    [
        ("pmo.projects.task", "pmo.projects.task.progressed.v1", True),
        ("pmo.projects.task.*", "pmo.projects.task.progressed.v1", True),
        ("pmo.projects.task.progressed.v1", "pmo.projects.task.progressed.v1", True),
        ("pmo.projects.task", "pmo.projects.task_list.created.v1", False),
        ("pmo.projects.task.progressed.v1", "pmo.projects.task.progressed.v10", False),
        ("pmo", "pmo.kpi.metrics.changed.v1", True),
        ("pmo.kpi", "pmo.projects.task.progressed.v1", False),
    ],
)
def test_a_pattern_is_the_beginning_of_a_type_in_whole_words(pattern: str, name: str, *, takes: bool) -> None:
    assert wanted(pattern).takes_type(name) is takes


def test_only_services_whose_events_can_be_wanted_are_followed() -> None:
    assert wanted().services == SERVICES
    assert wanted("pmo").services == SERVICES
    assert wanted("pmo.kpi", "pmo.projects.task").services == ("projects", "kpi")


@pytest.mark.parametrize(
    ("event", "takes"),
    [
        ({"partitionkey": PROJECT, "data": {}}, True),
        ({"partitionkey": OTHER, "data": {"project_id": PROJECT}}, True),
        ({"partitionkey": OTHER, "data": {"data": {"project": {"id": PROJECT}}}}, True),
        ({"partitionkey": OTHER, "data": {"data": {"project": {"key": "PRJ-1"}}}}, False),
        ({"partitionkey": OTHER, "data": {"project_id": OTHER}}, False),
        ({"partitionkey": OTHER, "data": None}, False),
    ],
)
def test_events_about_a_project_are_found_however_they_name_it(event: dict[str, object], *, takes: bool) -> None:
    assert wanted(projects=frozenset({PROJECT})).takes(event) is takes


def test_bulk_is_shown_once_with_empty_items() -> None:
    chunk = {"type": "x", "data": {"chunk": 1, "chunks": 2, "items": [1]}}
    assert shown(chunk) is None
    last = {"type": "x", "data": {"chunk": 2, "chunks": 2, "items": [1], "revision": 7}}
    assert shown(last) == {"type": "x", "data": {"chunk": 2, "chunks": 2, "items": [], "revision": 7}}
    assert last["data"] == {"chunk": 2, "chunks": 2, "items": [1], "revision": 7}


def test_rates_are_removed_at_any_depth() -> None:
    assert without_rates([{"a": {"standard_rate": 1, "b": [{"cost_per_use": 2, "c": 3}]}}]) == [
        {"a": {"b": [{"c": 3}]}}
    ]
