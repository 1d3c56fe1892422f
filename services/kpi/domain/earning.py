"""How the budgets of a plan are earned that do not follow from the progress of their own tasks.

Earned value by technique (EIA-748 guideline 12; NASA EVM Implementation Handbook): level of effort earns what is
planned, apportioned effort the part that its base has earned; all else follows from what is stated of the task itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Earning:
    """What is to be known of a plan's techniques beside the facts; money in minor units."""

    apportioned: Mapping[UUID, int] = field(default_factory=dict)
    """Task that earns by its own progress -> the budgets of those that are apportioned to it, however far."""
    without_budget: int = 0
    """Tasks with a duration that no baseline gives a budget."""
    without_technique: int = 0
    """Tasks that nothing is earned by: no technique, or apportioned to one that is none."""


NOTHING_SPECIAL: Final = Earning()


def apportioned_to(tasks: Sequence[tuple[UUID, UUID, int]]) -> dict[UUID, int]:
    """Return what is apportioned to each task in the end, of (task, base, budget); a circle goes nowhere."""
    bases = {task: base for task, base, _ in tasks}
    found: dict[UUID, int] = {}
    for task, _, budget in tasks:
        seen, at = {task}, bases[task]
        while at in bases and at not in seen:
            seen.add(at)
            at = bases[at]
        if at not in bases:
            found[at] = found.get(at, 0) + budget
    return found
