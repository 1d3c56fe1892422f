"""The critical path on working calendars: CPU milliseconds by size, nothing loaded or stored."""

import gc
import statistics
import time
from typing import Final

from bench.plans import plan
from bench.report import Finding
from services.projects.domain.schedule import critical_path

SIZES: Final = ((1_000, 7, None), (10_000, 5, 100.0), (100_000, 2, 1000.0))
"""Tasks, rounds, and the goal in milliseconds."""


def run() -> list[Finding]:
    """Compute each size's schedule some times; the median counts."""
    found = []
    for size, rounds, most in SIZES:
        made = plan(size)
        measured = []
        for _ in range(rounds):
            gc.collect()
            began = time.thread_time()
            critical_path(made)
            measured.append((time.thread_time() - began) * 1000)
        figures = {"links": len(made.links), "best ms": min(measured)}
        found.append(Finding("schedule", f"{size:,} tasks, ms", figures, value=statistics.median(measured), most=most))
    return found
