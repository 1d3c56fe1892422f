"""The outline of a table's rows: by their levels, or by the codes of a work breakdown."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.projects.domain.outline import check_depth
from services.projects.domain.plan import Task


def nested_by_level(rows: Iterable[tuple[int, Task | None]], numbers: Mapping[str, int]) -> dict[str, Task]:
    """Each row below the last one before it of a lower level; one that was left out gives its own to what is above.

    PlanFileError names the number of a row that would stand too deep.
    """
    above: list[Task] = []
    parents: dict[str, str | None] = {}
    taken: list[Task] = []
    for level, task in rows:
        while above and above[-1].outline_level >= level:
            above.pop()
        if task is not None:
            check_depth(len(above) + 1, numbers[task.source_id])
            parents[task.source_id] = above[-1].source_id if above else None
            above.append(task)
            taken.append(task)
    return _placed(taken, parents, {task.source_id: task.outline_level for task in taken})


def nested_by_code(tasks: Iterable[Task], numbers: Mapping[str, int]) -> dict[str, Task]:
    """Each row below the one whose code its own begins with (`1.2` above `1.2.3`), those of a parent together.

    Rows that share a code with others, as Primavera's activities share that of their WBS node, are no outline.
    """
    rows = list(tasks)
    codes: dict[str, str] = {}
    for task in rows:
        code = task.wbs.rstrip(".")
        if code and codes.setdefault(code, task.source_id) != task.source_id:
            codes = {}
            break
    parents = {task.source_id: _parent(task.wbs.rstrip("."), codes) for task in rows}
    below: dict[str | None, list[Task]] = {}
    for task in rows:
        below.setdefault(parents[task.source_id], []).append(task)
    ordered: list[Task] = []
    levels: dict[str, int] = {}
    stack = [(task, 1) for task in reversed(below.get(None, ()))]
    while stack:
        task, level = stack.pop()
        check_depth(level, numbers[task.source_id])
        ordered.append(task)
        levels[task.source_id] = level
        stack += [(child, level + 1) for child in reversed(below.get(task.source_id, ()))]
    return _placed(ordered, parents, levels)


def _parent(code: str, codes: dict[str, str]) -> str | None:
    while code := code.rpartition(".")[0]:
        if code in codes:
            return codes[code]
    return None


def _placed(rows: list[Task], parents: dict[str, str | None], levels: dict[str, int]) -> dict[str, Task]:
    summaries = set(parents.values())
    return {
        task.source_id: replace(
            task,
            position=place,
            parent_source_id=parents[task.source_id],
            outline_level=levels[task.source_id],
            is_summary=task.source_id in summaries or levels[task.source_id] == 0,
        )
        for place, task in enumerate(rows)
    }
