"""What is given to operators speaks of metrics, labels and sections that exist: alert rules, dashboard, scraping."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser as promql
import pytest
import yaml

from services import topology
from shared.telemetry import REGISTRY
from shared.testing.cases import ROOT

FOLDER: Final = ROOT / "deploy" / "observability"
ALERTS: Final[list[dict[str, Any]]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: Final[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS: Final[list[dict[str, Any]]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SCRAPED: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())

for _service in topology.SERVICES:
    importlib.import_module(f"services.{_service}.main")
importlib.import_module("shared.spans")

SERIES: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
EXISTING: Final[dict[str, Any]] = {
    family.name + suffix: REGISTRY._names_to_collectors[family.name]
    for family in REGISTRY.collect()
    for suffix in SERIES[family.type]
}
"""Name of a series -> the metric in the code."""
VALUES: Final = {
    "service": set(topology.SERVICES),
    "consumer": {topology.durable(c, p) for c, producers in topology.CONSUMES.items() for p in producers},
    "outcome": {"sent", "lost"},
    "state": {"used", "idle", "most"},
}
"""The values that some labels can have."""


def targets() -> Iterator[tuple[str, dict[str, str]]]:
    """Every scraped target with its labels."""
    for job in SCRAPED["scrape_configs"]:
        for group in job["static_configs"]:
            for target in group["targets"]:
                yield target, {"job": job["job_name"], "instance": target, **group.get("labels", {})}


TARGET_LABELS: Final = frozenset.union(*(frozenset(labels) for _, labels in targets()))


def labels_of(series: str) -> frozenset[str]:
    """The labels of a series, with those that scraping adds."""
    if series == "up":
        return TARGET_LABELS
    own = frozenset(EXISTING[series]._labelnames)
    return own | TARGET_LABELS | ({"le"} if series.endswith("_bucket") else set())


def parsed(expression: str) -> promql.Expr:
    """An expression with the dashboard's variables filled in; raises ValueError."""
    for variable, value in {"$__rate_interval": "5m", "$__range": "3h", "$service": ".*"}.items():
        expression = expression.replace(variable, value)
    return promql.parse(expression)


def series() -> set[str]:
    """Every series that an alert or a panel asks for."""
    found: set[str] = set()

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector) and node.name is not None:
            found.add(node.name)
        return True

    for expression in [a["expr"] for a in ALERTS] + [t["expr"] for panel in PANELS for t in panel["targets"]]:
        promql.walk(parsed(expression), visit)
    return found


def mistakes(expression: str, shown: str = "") -> list[str]:
    """What an expression, and the text that shows its result, say that does not exist."""
    found: list[str] = []
    known: set[str] = set()
    grouped: set[str] = set()

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            select(node)
        elif isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)
        return True

    def select(node: promql.VectorSelector) -> None:
        if node.name is None or (node.name != "up" and node.name not in EXISTING):
            found.append(f"there is no metric {node.name}")
            return
        labels = labels_of(node.name)
        known.update(labels)
        for matcher in node.matchers.matchers:
            if matcher.name not in labels:
                found.append(f"{node.name} has no label {matcher.name}")
            elif matcher.op == promql.MatchOp.Equal and matcher.value not in VALUES.get(matcher.name, {matcher.value}):
                found.append(f"{matcher.name} is never {matcher.value}")

    try:
        promql.walk(parsed(expression), visit)
    except ValueError as error:
        return [f"no PromQL: {error}"]
    found += [f"nothing has the label {label}" for label in sorted(grouped - known)]
    # What an aggregation leaves is what it groups by.
    left = grouped or known
    used = set(re.findall(r"\$labels\.(\w+)|\{\{\s*(\w+)\s*\}\}", shown))
    found += [f"the result has no label {label}" for pair in used for label in pair if label and label not in left]
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_exists_and_says_what_to_do(alert: dict[str, Any]) -> None:
    notes = alert["annotations"]
    assert mistakes(alert["expr"], notes["summary"] + notes.get("description", "")) == []
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert re.fullmatch(r"\d+[smh]", alert.get("for", "0s"))
    page, _, section = notes["runbook"].partition("#")
    assert section in anchors(ROOT / page)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_shows_what_exists(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        assert mistakes(target["expr"], target["legendFormat"]) == []


def test_panels_have_names_and_places_of_their_own() -> None:
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_dashboards_choices_are_of_labels_that_exist() -> None:
    asked = [choice["query"]["query"] for choice in DASHBOARD["templating"]["list"] if choice["type"] == "query"]
    assert asked
    for query in asked:
        match = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
        assert match is not None
        assert match[2] in labels_of(match[1])


def test_every_process_is_scraped_and_no_target_hides_a_label_of_ours() -> None:
    assert sorted(labels["component"] for _, labels in targets()) == sorted(topology.SERVICES)
    ours = {label for metric in EXISTING.values() for label in metric._labelnames}
    assert not ours & TARGET_LABELS
    assert SCRAPED["rule_files"] == ["alerts.yml"]


def test_every_metric_of_ours_is_explained_and_shown() -> None:
    """A metric that nobody would look at is not kept, and one that an alert or panel shows is in the documentation."""
    told = (ROOT / "docs" / "operations.md").read_text()
    names = {metric._name for metric in EXISTING.values()}
    missing = [name for name in sorted(names) if not re.search(rf"`{name}(_total)?`", told)]
    assert missing == []
    asked = {EXISTING[name]._name for name in series() - {"up"}}
    assert sorted(names - asked) == []


def test_the_collectors_parts_are_all_there() -> None:
    collector = yaml.safe_load((FOLDER / "collector.yml").read_text())
    assert collector["service"]["pipelines"].keys() == {"traces"}
    for kind, names in collector["service"]["pipelines"]["traces"].items():
        assert set(names) == set(collector[kind])
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")


@pytest.mark.parametrize(
    ("expression", "shown", "mistake"),
    [
        ("pmo_outbox_depth > 1", "", "there is no metric pmo_outbox_depth"),
        ("rate(pmo_request_seconds[5m])", "", "there is no metric pmo_request_seconds"),
        ("pmo_request_seconds_count{code='500'}", "", "pmo_request_seconds_count has no label code"),
        ("sum by (queue) (pmo_outbox_pending)", "", "nothing has the label queue"),
        ("sum by (service) (rate(pmo_request_seconds_count[5m]))", "{{ route }}", "the result has no label route"),
        ("pmo_consumer_pending{consumer='kpi-on-resources'}", "", "consumer is never kpi-on-resources"),
        ("sum by (le) (pmo_request_seconds_count)", "", "nothing has the label le"),
        ("up{component='kpi'} == 0", "{{ $labels.queue }}", "the result has no label queue"),
        ("sum by (", "", "no PromQL: unclosed left parenthesis"),
    ],
)
def test_a_mistake_is_found(expression: str, shown: str, mistake: str) -> None:
    assert mistakes(expression, shown) == [mistake]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
