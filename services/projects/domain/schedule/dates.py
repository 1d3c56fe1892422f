"""The dates of all nodes together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates by node; planned ones (`start`, `finish`) are the early ones but for tasks that go as late as possible."""

    early_start: list[int]
    early_finish: list[int]
    late_start: list[int]
    late_finish: list[int]
    start: list[int]
    finish: list[int]
    driven: dict[int, int]  # the start that links alone would give where a constraint pulled it earlier
    held: dict[int, int]  # where what is done would lie by its links, if that holds its successors back
    project_finish: int  # the latest early finish
    latest: frozenset[int]  # tasks planned at their late dates, which uses their float up
