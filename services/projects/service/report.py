"""What a merge did, row by row."""

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

    def note(self, kind: str, source_id: str, action: str, identifier: UUID | None = None, **reason: str) -> None:
        """Report what happened to one row of the file."""
        self.counts.setdefault(kind, Counter())[action] += 1
        row: Row = {"kind": kind, "source_id": source_id, "action": action}
        if identifier is not None:
            row["id"] = identifier
        self.rows.append({**row, **reason})

    @property
    def report(self) -> Row:
        """The report: counts by kind and action, then every row."""
        return {"summary": {kind: dict(counts) for kind, counts in self.counts.items()}, "rows": self.rows}
