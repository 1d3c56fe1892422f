"""Importing a plan: stored on arrival, read off the event loop, merged row by row, all in one transaction."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Final
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from services.projects.domain.mspdi import MspdiCheck, PlanFileError, read_mspdi
from services.projects.domain.plan import Plan
from services.projects.entities import IMPORT
from services.projects.errors import PlanFileUnreadable, ProjectSourceTaken
from services.projects.service import merging
from services.projects.service.projects import next_key
from services.projects.service.schedules import publish_schedule
from shared import entity, messaging, operations, worker
from shared.db import Context, Database, Transaction
from shared.errors import FieldError, Problem
from shared.strict_json import dumps

log = structlog.get_logger(__name__)

IMPORT_WORK: Final = "import"
CHUNK: Final = 256 * 1024
MAX_BYTES: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it came in."""

    content: bytes
    sha256: str


def unreadable(error: PlanFileError) -> PlanFileUnreadable:
    """Return the problem that tells where a file breaks."""
    place = f"line {error.line}, column {error.column}: " if error.line else ""
    return PlanFileUnreadable(f"{place}{error.detail}", errors=[FieldError("", error.code, f"{place}{error.detail}")])


def checked(spool: IO[bytes]) -> Arrival:
    """Read an arrived file and see that it is well-formed MSPDI; raises PlanFileUnreadable where it is not."""
    check = MspdiCheck()
    digest = hashlib.sha256()
    parts = []
    try:
        while chunk := spool.read(CHUNK):
            check.feed(chunk)
            digest.update(chunk)
            parts.append(chunk)
        check.close()
    except PlanFileError as error:
        raise unreadable(error) from error
    return Arrival(b"".join(parts), digest.hexdigest())


async def accept_import(
    tx: Transaction, spool: IO[bytes], *, target: UUID | None, dry_run: bool, own_only: bool
) -> UUID:
    """Store a file and ask for its import; returns the operation's id."""
    arrival = await asyncio.to_thread(checked, spool)
    import_id: UUID = uuid7()
    operation_id = await operations.begin(tx, "import", {"import_id": str(import_id), "dry_run": dry_run})
    await entity.create(
        tx,
        IMPORT,
        {
            "id": import_id,
            "format": "mspdi",
            "sha256": arrival.sha256,
            "size_bytes": len(arrival.content),
            "operation_id": operation_id,
            "target_project_id": target,
            "dry_run": dry_run,
            "status": "pending",
            "actor": tx.context.actor,
            "own_only": own_only,
            "request_id": tx.context.correlation_id,
            "content": arrival.content,
        },
    )
    await worker.request(tx, IMPORT_WORK, str(import_id))
    return operation_id


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


class _DryRun(Exception):
    """Rolls a dry run back; carries what it found."""

    def __init__(self, result: dict[str, object]) -> None:
        super().__init__("dry run")
        self.result = result


async def run_import(database: Database, context: Context, key: str) -> None:
    """Work of kind `import`: bring one stored file into its project, or say why not. Runs again harmlessly."""
    async with database.transaction(context) as tx:
        row = await tx.fetchrow(
            f"select {IMPORT.columns} from plan_import t where organization_id = $1 and id = $2",
            tx.organization_id,
            UUID(key),
        )
        if row is None or row["status"] not in {"pending", "running"}:
            return
        if not await operations.running(tx, row["operation_id"]):
            await _close(tx, row, "cancelled", None)
            return
    author = replace(context, actor=row["actor"], correlation_id=row["request_id"])
    try:
        plan = await asyncio.to_thread(read_mspdi, _pieces(row["content"]))
        try:
            result = await _merge(database, author, row["id"], plan, row)
        except ProjectSourceTaken:  # the same file came twice at once: now its project is there
            result = await _merge(database, author, row["id"], plan, row)
    except PlanFileError as error:
        await _fail(database, author, row, unreadable(error))
    except Problem as problem:
        await _fail(database, author, row, problem)
    except _DryRun as dry:
        async with database.transaction(author) as tx:
            await _finish(tx, row, "succeeded", None, dry.result)
    else:
        log.info("plan_imported", import_id=key, project_id=result["project_id"])


async def _merge(
    database: Database, context: Context, import_id: UUID, plan: Plan, row: "merging.Record"
) -> dict[str, object]:
    async with database.transaction(context) as tx:
        # Taken in a transaction of its own: the counter is everybody's, and a long import would hold it.
        found = await merging.find_project(tx, plan, row)
        key = None if found or row["dry_run"] else await next_key(tx)
    async with database.transaction(context) as tx:
        project_id = await merging.find_project(tx, plan, row)
        merged = await merging.merge_plan(tx, plan, project_id, import_id, row["sha256"], key)
        await publish_schedule(tx, merged.project_id)
        version = await tx.fetchint(
            "select version from aggregate where organization_id = $1 and id = $2",
            tx.organization_id,
            merged.project_id,
        )
        result: dict[str, object] = {
            "project_id": merged.project_id,
            "position": messaging.position("projects", merged.project_id, version),
            "dry_run": row["dry_run"],
            "report": merged.report,
        }
        if row["dry_run"]:
            # The ids of a project that a dry run would have created exist nowhere.
            raise _DryRun(result | {"project_id": project_id, "position": None})
        await _finish(tx, row, "succeeded", merged.project_id, result)
        return result


async def _finish(
    tx: Transaction, row: "merging.Record", status: str, project_id: UUID | None, result: dict[str, object]
) -> None:
    await operations.succeeded(tx, row["operation_id"], dumps(result).decode())
    await _close(tx, row, status, project_id)


async def _close(tx: Transaction, row: "merging.Record", status: str, project_id: UUID | None) -> None:
    # The file itself has served its purpose: its digest stays.
    await entity.update(
        tx,
        IMPORT,
        row["id"],
        {"status": status, "project_id": project_id, "content": None},
        expected=row["version"],
        changed=["status", "project_id"],
    )


async def _fail(database: Database, context: Context, row: "merging.Record", problem: Problem) -> None:
    async with database.transaction(context) as tx:
        await operations.failed(tx, "projects", row["operation_id"], problem)
        await _close(tx, row, "failed", None)
