"""Baselines 1 to 10 of a file: each is kept as a baseline of its own, and written back into its place."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

from services.projects.domain.baselines import BaselineStatus
from services.projects.domain.outline import STEP
from services.projects.domain.plan import Baseline, Plan, Task
from services.projects.entities import BASELINE
from services.projects.repository import baselines as rows
from services.projects.service.report import Merged
from shared import entity
from shared.db import Transaction

REASON: Final = "It came with a file."


async def keep_file_baselines(
    tx: Transaction, merged: Merged, plan: Plan, tasks: Mapping[object, UUID], quantum: Decimal
) -> None:
    """Keep the baselines 1 to 10 of a plan; one that is there with the same figures already stays as it is.

    One that has other figures is kept beside the older one, which the file has overwritten and the project has not.
    """
    numbers = sorted({number for task in plan.tasks for number in task.baselines})
    for number in numbers:
        held = {
            tasks[task.source_id]: (task, _rounded(task.baselines[number], quantum))
            for task in plan.tasks
            if number in task.baselines
        }
        known = await rows.of_file(tx, merged.project_id, number)
        if known is not None and await rows.figures(tx, known["id"]) == {
            identifier: asdict(baseline) for identifier, (_, baseline) in held.items()
        }:
            merged.note("baseline", str(number), "unchanged", known["id"])
            continue
        written = await entity.create(tx, BASELINE, _baseline(tx, merged.project_id, number, held), fact="imported")
        await rows.keep(tx, written.id, [_row(tasks, each, baseline) for each, baseline in held.values()])
        merged.note("baseline", str(number), "created", written.id)


def _rounded(baseline: Baseline, quantum: Decimal) -> Baseline:
    cost = (baseline.cost or Decimal(0)).quantize(quantum, ROUND_HALF_EVEN)
    return Baseline(baseline.start, baseline.finish, baseline.duration_minutes or 0, baseline.work_minutes or 0, cost)


def _baseline(
    tx: Transaction, project_id: UUID, number: int, held: Mapping[UUID, tuple[Task, Baseline]]
) -> dict[str, object]:
    """The columns of a baseline, with what its tasks come to: a summary sums up others."""
    leaves = [baseline for task, baseline in held.values() if not task.is_summary]
    found = [baseline for _, baseline in held.values()]
    return {
        "project_id": project_id,
        "name": f"Baseline {number}",
        "status": BaselineStatus.IMPORTED,
        "reason": REASON,
        "requested_by": tx.context.actor,
        "decided_by": None,
        "decided_at": datetime.now(UTC),
        "schedule_revision": 0,
        "start": min((each.start for each in found if each.start is not None), default=None),
        "finish": max((each.finish for each in found if each.finish is not None), default=None),
        "tasks": len(held),
        "work_minutes": sum(each.work_minutes or 0 for each in leaves),
        "cost": sum((each.cost or Decimal(0) for each in leaves), Decimal(0)),
        "file_number": number,
    }


def _row(tasks: Mapping[object, UUID], task: Task, baseline: Baseline) -> tuple[object, ...]:
    parent = None if task.parent_source_id is None else tasks.get(task.parent_source_id)
    place = (tasks[task.source_id], parent, task.position * STEP, task.name, task.wbs)
    return (
        *place,
        task.is_summary,
        task.is_milestone,
        baseline.start,
        baseline.finish,
        baseline.duration_minutes,
        baseline.work_minutes,
        baseline.cost,
    )


async def file_baselines(tx: Transaction, project_id: UUID) -> Mapping[str, Mapping[int, Baseline]]:
    """Return by task the baselines that came with files, of each number the last."""
    found: dict[str, dict[int, Baseline]] = {}
    for row in await rows.tasks_of_files(tx, project_id):
        figures = (row[name] for name in rows.FIGURES)
        found.setdefault(str(row["id"]), {})[row["file_number"]] = Baseline(*figures)
    return found
