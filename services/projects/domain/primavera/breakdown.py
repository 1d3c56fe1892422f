"""The work breakdown structure of Primavera as summary tasks, with the activities in their places."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from services.projects.domain.ev_techniques import EvTechnique, FiftyFifty, ZeroHundred
from services.projects.domain.fields import FieldError, Report, Row, identifier, integer, label
from services.projects.domain.outline import check_depth
from services.projects.domain.plan import Task
from services.projects.domain.primavera.resources import Money
from services.projects.domain.primavera.tasks import Activity
from services.projects.domain.primavera.values import guid

PREFIX: Final = "wbs:"
"""What tells a node of the breakdown from an activity: their numbers are not of one series."""
MAX_NODES: Final = 250_000
NOTHING: Final = Money()
TECHNIQUES: Final[Mapping[str, EvTechnique]] = MappingProxyType(
    {"EC_0_100": ZeroHundred(kind="zero_hundred"), "EC_50_50": FiftyFifty(kind="fifty_fifty")}
)
"""How a node's activities earn; by their percent complete where it says otherwise."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the work breakdown structure."""

    uid: str
    parent: str | None
    code: str
    name: str
    number: int
    is_root: bool
    guid: str | None
    technique: EvTechnique | None
    line: int | None


class BreakdownReader:
    """Reads nodes one by one; `tasks` puts a project's activities among them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._nodes: dict[str, dict[str, Node]] = {}  # by project, by id
        self.count = 0

    def read(self, row: Row) -> None:
        """Take a node, or report why not."""
        uid = ""
        try:
            uid = identifier(row, "wbs_id") or ""
            project = identifier(row, "proj_id")
            if not uid or project is None:
                self._report.skip("task", PREFIX + uid, "missing_uid", "a WBS node has no id or no project")
                return
            code = label(row, "wbs_short_name")
            node = Node(
                uid,
                identifier(row, "parent_wbs_id"),
                code,
                label(row, "wbs_name") or code or f"WBS {uid}",
                integer(row, "seq_num", 0),
                row.texts.get("proj_node_flag") == "Y",
                guid(row, "guid"),
                TECHNIQUES.get(row.texts.get("ev_compute_type", "")),
                row.line,
            )
        except FieldError as error:
            self._report.skip("task", PREFIX + uid, "invalid_field", str(error))
            return
        self.count += 1
        self._nodes.setdefault(project, {}).setdefault(uid, node)

    def root_name(self, project: str) -> str:
        """What the node that stands for the project itself is called; empty if there is none."""
        return next((node.name for node in self._nodes.get(project, {}).values() if node.is_root), "")

    def tasks(self, project: str, activities: dict[str, Activity], money: dict[str, Money]) -> dict[str, Task]:
        """All tasks by id, numbered from the top: of each node first its activities, then the nodes below it."""
        nodes = self._nodes.get(project, {})
        roots = {uid for uid, node in nodes.items() if node.is_root}
        below: dict[str | None, list[Node]] = {}
        for node in sorted(nodes.values(), key=lambda each: each.number):
            if node.uid not in roots:
                below.setdefault(_above(node.parent, nodes, roots), []).append(node)
        held: dict[str | None, list[Task]] = {}
        for activity in activities.values():
            held.setdefault(_above(activity.wbs_id, nodes, roots), []).append(activity.task)
        usual = next((nodes[uid].technique for uid in roots), None)
        tasks: dict[str, Task] = {}
        for summary, path in self._walk(below):
            parent = None if summary is None else PREFIX + summary.uid
            level = len(path)
            if summary is not None:
                above = PREFIX + path[-2].uid if level > 1 else None
                code = ".".join(each.code or each.uid for each in path)
                tasks[PREFIX + summary.uid] = Task(
                    PREFIX + summary.uid,
                    len(tasks),
                    summary.name,
                    above,
                    level,
                    code,
                    is_summary=True,
                    guid=summary.guid,
                )
            technique = usual if summary is None else summary.technique
            inside = held.get(None if summary is None else summary.uid, ())
            if summary is not None:
                check_depth(level + bool(inside), summary.line)
            for task in inside:
                spent = money.get(task.source_id, NOTHING)
                tasks[task.source_id] = replace(
                    task,
                    position=len(tasks),
                    parent_source_id=parent,
                    outline_level=level + 1,
                    ev_technique=task.ev_technique or technique,
                    fixed_cost=spent.fixed,
                    cost=spent.cost,
                    actual_cost=spent.actual,
                )
        self._tell_unreached(nodes, roots, tasks, activities)
        return self._without_empty(tasks)

    def _walk(self, below: dict[str | None, list[Node]]) -> Iterator[tuple[Node | None, tuple[Node, ...]]]:
        """Every node with the path to it, from the top; first no node: the project."""
        stack: list[tuple[Node | None, tuple[Node, ...]]] = [(None, ())]
        while stack:
            node, path = stack.pop()
            yield node, path
            for child in reversed(below.get(None if node is None else node.uid, ())):
                stack.append((child, (*path, child)))

    def _tell_unreached(
        self, nodes: dict[str, Node], roots: set[str], tasks: dict[str, Task], activities: dict[str, Activity]
    ) -> None:
        for uid in nodes.keys() - roots:
            if PREFIX + uid not in tasks:
                self._report.skip("task", PREFIX + uid, "invalid_outline", "a WBS node above itself")
        for uid in activities.keys() - tasks.keys():
            self._report.skip("task", uid, "invalid_outline", "it stands in no WBS node that could be taken")

    def _without_empty(self, tasks: dict[str, Task]) -> dict[str, Task]:
        kept: set[str] = set()
        for task in reversed(tasks.values()):
            if not task.is_summary or task.source_id in kept:
                kept.add(task.source_id)
                if task.parent_source_id is not None:
                    kept.add(task.parent_source_id)
        if len(kept) == len(tasks):
            return tasks
        for uid in tasks:
            if uid not in kept:
                self._report.skip("task", uid, "empty_summary", "a WBS node without any activity below it")
        remaining = (task for task in tasks.values() if task.source_id in kept)
        return {task.source_id: replace(task, position=place) for place, task in enumerate(remaining)}


def _above(uid: str | None, nodes: dict[str, Node], roots: set[str]) -> str | None:
    return None if uid is None or uid in roots or uid not in nodes else uid
