"""The metrics of real processes: what alerts and dashboard ask for is there from the start, and is true."""

from collections.abc import Mapping
from typing import Final

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services import topology
from tests.contract.test_observability import series
from tests.system.instance import System

Series = tuple[str, frozenset[tuple[str, str]]]
NOT_HERE: Final = {
    "up",  # Prometheus makes it itself
    "pmo_trace_spans_total",  # while spans are recorded
    "pmo_audit_differences_total",  # once something differed
    "pmo_audit_aggregates_total",  # after the first round
    "pmo_audit_last_round_timestamp_seconds",
}


@pytest.fixture(scope="module")
def exposed(system: System) -> dict[str, dict[Series, float]]:
    """Service -> what it shows."""
    found = {}
    for service in topology.SERVICES:
        answer = httpx2.get(f"http://127.0.0.1:{system.port_of(service)}/metrics", trust_env=False)
        assert answer.status_code == 200
        found[service] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
    return found


def of(shown: Mapping[Series, float], name: str, label: str) -> dict[str, float]:
    """Label's value -> the metric's."""
    return {dict(labels)[label]: value for (series_name, labels), value in shown.items() if series_name == name}


def test_what_alerts_and_dashboard_ask_for_is_shown(exposed: dict[str, dict[Series, float]]) -> None:
    shown = {name for service in exposed.values() for name, _ in service}
    assert sorted(series() - NOT_HERE - shown) == []


@pytest.mark.parametrize("service", topology.SERVICES)
def test_counters_of_trouble_begin_at_zero(exposed: dict[str, dict[Series, float]], service: str) -> None:
    consumers = {topology.durable(service, producer) for producer in topology.CONSUMES[service]}
    for counter in ("gaps", "parked", "dead_letters", "redeliveries"):
        assert set(of(exposed[service], f"pmo_consumer_{counter}_total", "consumer")) == consumers
    assert f"events:{topology.CONSUMES[service][0]}" in of(exposed[service], "pmo_work_failures_total", "kind")


@pytest.mark.parametrize("service", topology.SERVICES)
def test_loops_and_connections_are_shown_as_they_are(exposed: dict[str, dict[Series, float]], service: str) -> None:
    troubles = of(exposed[service], "pmo_loop_trouble", "loop")
    assert {f"bus {service}", f"relay {service}", "worker"} <= set(troubles)
    assert set(troubles.values()) == {0.0}
    connections = of(exposed[service], "pmo_database_connections", "state")
    assert connections["most"] == 10
    assert 0 <= connections["used"] + connections["idle"] <= 10


def test_the_edge_shows_what_is_under_way_and_whom_it_asks(exposed: dict[str, dict[Series, float]]) -> None:
    gateway = exposed["gateway"]
    assert gateway["pmo_gateway_in_flight", frozenset()] == 1  # the request for the metrics itself
    assert of(gateway, "pmo_gateway_circuit_open", "upstream") == {"projects": 0, "resources": 0, "kpi": 0}
