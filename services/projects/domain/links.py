"""Links that a file states, seen beside the tasks that were taken of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from services.projects.domain.fields import Report
from services.projects.domain.plan import Link, LinkType, Task


def settle_links(
    links: Iterable[Link], tasks: Mapping[str, Task], report: Report, external: Collection[str] = ()
) -> Iterator[Link]:
    """Those that can be, in order; the others are reported. Tasks are by id, a parent before its children."""
    seen: set[tuple[str, str, LinkType]] = set()
    last = _last_below(tasks)

    def is_above(upper: str, lower: str) -> bool:
        return tasks[upper].position < tasks[lower].position <= last[upper]

    for link in links:
        key = (link.predecessor, link.successor, link.type)
        if link.predecessor in external:
            code, detail = "cross_project_link", "the predecessor belongs to another project"
        elif link.predecessor not in tasks or link.successor not in tasks:
            end = "predecessor" if link.predecessor not in tasks else "successor"
            code, detail = "unknown_task", f"the {end} is not among the tasks taken"
        elif link.predecessor == link.successor:
            code, detail = "self_link", "a task cannot wait for itself"
        elif is_above(link.predecessor, link.successor) or is_above(link.successor, link.predecessor):
            code, detail = "ancestor_link", "a task cannot wait for its own summary task, nor this for it"
        elif key in seen:
            code, detail = "duplicate_link", "the same link stands before it"
        else:
            seen.add(key)
            yield link
            continue
        report.skip("link", f"{link.predecessor}>{link.successor}", code, detail)


def _last_below(tasks: Mapping[str, Task]) -> dict[str, int]:
    """For each task the position of the last task below it, else its own."""
    last = {uid: task.position for uid, task in tasks.items()}
    for uid in reversed(list(tasks)):
        parent = tasks[uid].parent_source_id
        if parent is not None:
            last[parent] = max(last[parent], last[uid])
    return last
