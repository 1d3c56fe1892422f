"""What a table says of the fields that the organization has added to tasks."""

from collections.abc import Hashable, Mapping

import asyncpg
import orjson

from services.projects.domain import custom_fields as rules
from services.projects.domain.custom_fields import Definition, Mistake
from services.projects.domain.sheets.custom import value_of
from services.projects.domain.sheets.values import CellError
from services.projects.domain.tables import PREFIX
from services.projects.entities import TASK
from services.projects.service import custom_fields
from services.projects.service.breathing import breathe
from services.projects.service.columns import Row, prose_of
from services.projects.service.merge_rows import RowMerge


async def settle_custom_fields(
    merge: RowMerge, wanted: Mapping[Hashable, tuple[str, Row]], present: Mapping[Hashable, asyncpg.Record]
) -> None:
    """Set the custom fields of every wanted task, if the file has any; a bad value is reported and left out."""
    keys = {key for task in merge.plan.tasks for key in task.custom_fields or ()}
    if not keys:
        return
    known = {each.key: each for each in await custom_fields.definitions(merge.tx, TASK)}
    for key in sorted(keys - known.keys()):
        detail = f"{PREFIX}{key}: tasks have no such field; the column is left out"
        merge.merged.note("file", "", "skipped", reason={"code": "unknown_custom_field", "detail": detail})
    for number, task in enumerate(merge.plan.tasks):
        await breathe(number)
        row = present.get(task.source_id)
        before: dict[str, object] = {} if row is None else orjson.loads(row["custom_fields"])
        given, mistakes = _read(known, task.custom_fields or {}, before)
        for each in mistakes:
            reason: Row = {"code": each.code, "detail": f"{PREFIX}{each.key}: {each.detail}; it is left out"}
            merge.merged.note(TASK.name, task.source_id, "skipped", reason=reason)
        after = {key: value for key, value in {**before, **given}.items() if value is not None}
        text = "{}" if row is None else row["custom_fields"]
        wanted[task.source_id][1]["custom_fields"] = text if after == before else orjson.dumps(after).decode()


def _is_same(old: object, new: object) -> bool:
    return old == new or (isinstance(old, str) and isinstance(new, str) and prose_of(old) == prose_of(new))


def _read(
    known: Mapping[str, Definition], texts: Mapping[str, object], before: Mapping[str, object]
) -> tuple[dict[str, object], list[Mistake]]:
    """What is other than before, and what cannot be."""
    given: dict[str, object] = {}
    mistakes: list[Mistake] = []
    for key, text in texts.items():
        if key not in known:
            continue
        try:
            value = None if text is None else value_of(known[key], str(text))
        except CellError as error:
            mistakes.append(Mistake(key, "custom_field_type", str(error)))
            continue
        if not _is_same(before.get(key), value):
            given[key] = value
    if given:
        mistakes += rules.changed(known.values(), given)[1]
    wrong = {each.key for each in mistakes}
    return {key: value for key, value in given.items() if key not in wrong}, mistakes
