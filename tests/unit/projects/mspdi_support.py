"""Small plans in Microsoft Project XML for the tests, and where the real ones are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import Plan, Task

SCHEDULES = Path(os.environ.get("PMO_CASES") or Path(__file__).parents[4] / "shared" / "data") / "schedules"

HEADER = "<CurrencyCode>EUR</CurrencyCode><StartDate>2026-03-02T08:00:00</StartDate><CalendarUID>1</CalendarUID>"
CALENDAR = "<Calendar><UID>1</UID><Name>Standard</Name><IsBaseCalendar>1</IsBaseCalendar></Calendar>"


def elements(**values: object) -> str:
    """Values as elements, in order."""
    return "".join(f"<{name}>{value}</{name}>" for name, value in values.items())


def task(uid: int, inner: str = "", **values: object) -> str:
    """A task row."""
    return f"<Task>{elements(UID=uid, Name=f'Task {uid}', **values)}{inner}</Task>"


def link(predecessor: int, **values: object) -> str:
    """A predecessor link, for inside of a task."""
    return f"<PredecessorLink>{elements(PredecessorUID=predecessor, **values)}</PredecessorLink>"


def document(
    tasks: str = "", resources: str = "", assignments: str = "", calendars: str = CALENDAR, header: str = HEADER
) -> bytes:
    """A whole file."""
    sections = elements(Calendars=calendars, Tasks=tasks, Resources=resources, Assignments=assignments)
    text = f'<?xml version="1.0" encoding="UTF-8"?><Project xmlns="http://schemas.microsoft.com/project">{header}'
    return f"{text}{sections}</Project>".encode()


def read(tasks: str = "", **sections: str) -> Plan:
    """The plan of a file made of these sections."""
    return read_mspdi([document(tasks, **sections)])


def read_task(inner: str = "", **values: object) -> Task:
    """The one task of a plan made of it."""
    plan = read(task(1, inner, **values))
    assert plan.skipped == ()
    return plan.tasks[0]


def codes(plan: Plan) -> list[tuple[str, str, str]]:
    """What was skipped, without the sentences."""
    return [(each.kind, each.source_id, each.code) for each in plan.skipped]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data cut into pieces."""
    return (data[begin : begin + size] for begin in range(0, len(data), size))


def real_files(*patterns: str) -> list[Any]:
    """One test parameter per file, or one that is skipped and tells the folder's name."""
    if not SCHEDULES.is_dir():
        return [pytest.param(SCHEDULES, id=patterns[0], marks=pytest.mark.skip(reason=f"no folder {SCHEDULES}"))]
    files = sorted(path for pattern in patterns for path in SCHEDULES.glob(pattern))
    assert files, f"no {patterns} in {SCHEDULES}"
    return [pytest.param(path, id=path.name) for path in files]


def needs_real_files() -> pytest.MarkDecorator:
    """Skips a test, visibly, where the folder of real cases is absent."""
    return pytest.mark.skipif(not SCHEDULES.is_dir(), reason=f"no folder {SCHEDULES}")
