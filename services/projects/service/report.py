"""What an import did, row by row."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from services.projects.service.columns import Row


@dataclass(slots=True)
class Merged:
    """What a merge did: the project, the report by row, and the items of the event."""

    project_id: UUID
    rows: list[Row] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    items: list[bytes] = field(default_factory=list)

    def note(
        self, kind: str, source_id: str, action: str, identifier: UUID | None = None, reason: Row | None = None
    ) -> None:
        """Report what happened to one row of the file."""
        self.counts.setdefault(kind, Counter())[action] += 1
        row: Row = {"kind": kind, "source_id": source_id, "action": action}
        if identifier is not None:
            row["id"] = identifier
        self.rows.append({**row, **(reason or {})})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did to one project of its file."""

    source_id: str  # the file's own of the project; empty where a file holds one without naming it
    name: str
    project_id: UUID | None  # None: a dry run would have created it
    position: str
    merged: Merged


def result_of(done: list[Imported], *, dry_run: bool) -> Row:
    """The result of an import; of several projects the first stands for all, and each row names its own."""
    summary: dict[str, Counter[str]] = {}
    rows: list[Row] = []
    for each in done:
        for kind, counts in each.merged.counts.items():
            summary.setdefault(kind, Counter()).update(counts)
        rows += each.merged.rows if len(done) == 1 else [{**row, "project": each.source_id} for row in each.merged.rows]
    return {
        "project_id": done[0].project_id,
        "position": None if dry_run else ",".join(each.position for each in done),
        "dry_run": dry_run,
        "projects": [
            {
                "source_id": each.source_id,
                "name": each.name,
                "project_id": each.project_id,
                "position": None if dry_run else each.position,
                "summary": {kind: dict(counts) for kind, counts in each.merged.counts.items()},
            }
            for each in done
        ],
        "report": {"summary": {kind: dict(counts) for kind, counts in summary.items()}, "rows": rows},
    }
