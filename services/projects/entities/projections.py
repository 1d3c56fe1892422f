"""What a task can be shown with: its dates, sums, progress and variance, all of one revision of the schedule."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from services.projects.entities.plan import TASK
from shared.entity import Entity


def _object(fields: Mapping[str, str], there: str = "s.start") -> str:
    pairs = ", ".join(f"'{name}', {sql}" for name, sql in fields.items())
    return f"case when {there} is null then null else json_build_object('revision', h.version, {pairs}) end"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"s.{name}" for name in names}


def _local(*names: str) -> dict[str, str]:
    return {name: f"pmo_local(s.{name}, p.time_zone)" for name in names}


def _money(*names: str) -> dict[str, str]:
    return {name: f"pmo_money(s.{name}, p.currency)" for name in names}


PROJECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "schedule": _object(
            {
                **_local("early_start", "early_finish", "late_start", "late_finish"),
                **_plain("total_float_minutes", "free_float_minutes", "is_critical"),
            },
            "s.id",
        ),
        "rollup": _object(
            {
                **_local("start", "finish"),
                **_plain("duration_minutes", "tasks"),
                **_plain("work_minutes", "actual_work_minutes", "remaining_work_minutes"),
                **_money("cost", "actual_cost"),
            }
        ),
        "progress": _object(_plain("percent_complete", "percent_work_complete")),
        "baseline_variance": _object(
            {
                "start_minutes": "s.start_variance_minutes",
                "finish_minutes": "s.finish_variance_minutes",
                "duration_minutes": "s.duration_variance_minutes",
                "work_minutes": "s.work_variance_minutes",
                "cost": "pmo_money(s.cost_variance, p.currency)",
            },
            "s.cost_variance",
        ),
    }
)
"""Name to SQL; null while the task is not scheduled, or has no baseline."""

_JOIN: Final = (
    f"{TASK.join} left join schedule_item s on s.organization_id = t.organization_id and s.id = t.id"
    " left join schedule h on h.organization_id = t.organization_id and h.id = t.project_id"
)


@lru_cache(maxsize=64)
def expanded(names: tuple[str, ...]) -> Entity:
    """Return tasks with projections."""
    return replace(TASK, image={**TASK.image, **{name: PROJECTIONS[name] for name in names}}, join=_JOIN)
