"""What is done of the work of assignments when progress was stated of their tasks since the assignments came."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from services.projects.domain.plan import Assignment, Plan, ResourceType, Task
from services.projects.domain.shares import at_percent


def moved(plan: Plan, stated: Collection[str]) -> Plan:
    """Return a plan whose assignments tell of the tasks named what these do: as in Microsoft Project, work moves along.

    The work of people, and what is done of it, is shared out as theirs was, to the minute; that of machines, which is
    in no task's work, is done by the same percent. Material and cost have none.
    """
    tasks = {task.source_id: task for task in plan.tasks if task.source_id in stated}
    resources = {each.source_id: each for each in plan.resources}
    idle = {name for name, each in resources.items() if each.type is not ResourceType.WORK}
    machines = {name for name, each in resources.items() if each.is_equipment}
    people: dict[str, list[Assignment]] = {}
    found: dict[str, Assignment] = {}
    for each in plan.assignments:
        task = tasks.get(each.task_source_id)
        if task is None or each.resource_source_id in idle:
            continue
        if each.resource_source_id in machines:
            done = at_percent(task.percent_work_complete, each.work_minutes)
            found[each.source_id] = replace(each, actual_work_minutes=done.actual, remaining_work_minutes=done.rest)
        else:
            people.setdefault(task.source_id, []).append(each)
    for name, theirs in people.items():
        found |= {each.source_id: each for each in _shared_out(tasks[name], theirs)}
    return replace(plan, assignments=tuple(found.get(each.source_id, each) for each in plan.assignments))


def _shared_out(task: Task, assignments: Sequence[Assignment]) -> Iterator[Assignment]:
    """The assignments with the task's actual and remaining work, each with the part that it had of all work."""
    whole = sum(each.work_minutes for each in assignments)
    actual = sum(each.actual_work_minutes for each in assignments)
    if not whole or (actual, whole - actual) == (task.actual_work_minutes, task.remaining_work_minutes):
        return
    upto = 0
    for each in assignments:
        before, upto = upto, upto + each.work_minutes
        done, rest = (
            total * upto // whole - total * before // whole
            for total in (task.actual_work_minutes, task.remaining_work_minutes)
        )
        yield replace(each, work_minutes=done + rest, actual_work_minutes=done, remaining_work_minutes=rest)
