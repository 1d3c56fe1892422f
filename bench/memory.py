"""Memory as proportional set size: what each process adds to the machine's use."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from bench.report import Finding
from bench.stack import Stack

MOST_OF_FOUR: float = 330


def measure(stack: Stack) -> dict[str, float]:
    """MiB by part; a server's is that of all its processes."""
    return {name: sum(map(_pss, _family(name, pid))) / 2**20 for name, pid in stack.pids.items()}


def _family(name: str, pid: int) -> list[int]:
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))] if name == "postgres" else [pid]


def _pss(pid: int) -> float:
    if not Path("/proc").exists():
        return float(psutil.Process(pid).memory_info().rss)
    return float(getattr(psutil.Process(pid).memory_full_info(), "pss", 0))


def findings(idle: Mapping[str, float], loaded: Mapping[str, float]) -> list[Finding]:
    """Idle and after everything else was measured."""
    found = []
    for when, measured, most in (("idle", idle, MOST_OF_FOUR), ("after load", loaded, None)):
        services = sum(value for name, value in measured.items() if name not in {"postgres", "nats"})
        found.append(Finding("memory", f"four services {when}, MiB PSS", measured, value=services, most=most))
    return found
