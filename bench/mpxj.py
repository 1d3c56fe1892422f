"""Our critical path against MPXJ's Microsoft scheduler on one plan file: the same dates, and how many times the CPU.

Left out of the plan is what MPXJ schedules otherwise than Microsoft Project's files have it: lags between tasks on
different calendars in the backward pass, and constraints on instants without work, where it leaves the task.
"""

import gc
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench.plans import mspdi_of, plan
from bench.report import Finding
from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import ConstraintType, Plan, Task
from services.projects.domain.schedule import Schedule, critical_path

SIZES: Final = (1_000, 10_000)
ROUNDS: Final = 12
WARM: Final = 6
"""Rounds that count: the last ones, when Java has compiled what it uses much."""
LEAST: Final = 10.0
JAVA: Final = shutil.which("java") or "java"
PROGRAM: Final = Path(__file__).parent / "MicrosoftSchedule.java"


def missing() -> str | None:
    """What keeps MPXJ from being run, if anything."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        return "no JDK (java and javac) is installed"
    return "the extra `mpxj` is not installed" if find_spec("mpxj") is None else None


def findings() -> list[Finding]:
    """Schedule each size by both; AssertionError if a date differs."""
    found = []
    for size in SIZES:
        text = mspdi_of(_agreed(plan(size)))
        theirs, rows = _theirs(text)
        made = read_mspdi([text.encode()])
        measured = []
        for _ in range(WARM):
            gc.collect()
            began = time.thread_time()
            schedule = critical_path(made)
            measured.append((time.thread_time() - began) * 1000)
        mine = _rows(schedule)
        differing = [(name, mine[name], rows.get(name)) for name in mine if mine[name] != rows.get(name)]
        assert not differing, f"MPXJ has other dates: {differing[:3]}"
        ours, warm = statistics.median(measured), statistics.median(theirs[-WARM:])
        figures = {"ours ms": ours, "MPXJ warm ms": warm, "MPXJ first ms": theirs[0]}
        found.append(
            Finding("mpxj", f"{size:,} tasks, same dates, MPXJ / ours", figures, value=warm / ours, least=LEAST)
        )
    return found


def _agreed(made: Plan) -> Plan:
    def moved(task: Task) -> Task:
        if task.constraint_date is None:
            return task
        if task.calendar_source_id is not None:
            return replace(task, constraint_type=ConstraintType.AS_SOON_AS_POSSIBLE, constraint_date=None)
        return replace(task, constraint_date=task.constraint_date - timedelta(days=task.constraint_date.weekday()))

    return replace(made, tasks=tuple(map(moved, made.tasks)), links=tuple(replace(link, lag=0) for link in made.links))


def _rows(schedule: Schedule) -> dict[str, list[str]]:
    def said(*moments: object) -> list[str]:
        return [str(moment).replace(" ", "T")[:16] for moment in moments]

    return {
        task.source_id: [
            *said(task.early_start, task.early_finish, task.late_start, task.late_finish),
            str(task.total_float_minutes),
        ]
        for task in schedule.tasks
    }


def _theirs(text: str) -> tuple[list[float], dict[str, list[str]]]:
    spec = find_spec("mpxj")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    jars = Path(spec.submodule_search_locations[0]) / "lib" / "*"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.xml"
        file.write_text(text, encoding="utf-8")
        told = subprocess.run(
            [
                shutil.which("java") or "java",
                "-Xmx1g",
                "-Xss64m",
                "-cp",
                str(jars),
                str(PROGRAM),
                str(file),
                str(ROUNDS),
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    lines = [line.split() for line in told.splitlines()]
    rounds = [float(line[1]) for line in lines if line[0] == "round"]
    return rounds, {line[1]: line[2:] for line in lines if line[0] == "task"}
