"""Importing plans: stored on arrival, read off the event loop, merged row by row, all in one transaction."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO, Any, Final
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.formats import CONVERTED, FORMATS, Check
from services.projects.domain.import_options import Options
from services.projects.domain.plan import Plan, PlanFile
from services.projects.domain.project import ProjectStatus
from services.projects.domain.xml_guard import PlanFileError
from services.projects.entities import IMPORT, PROJECT
from services.projects.errors import PlanFileUnreadable, ProjectSourceTaken
from services.projects.repository.keys import next_key
from services.projects.service import import_targets, merging
from services.projects.service.conversion import check_available, converted
from services.projects.service.file_links import keep_file_links
from services.projects.service.report import Imported, Merged, result_of
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


def checked(spool: IO[bytes], check: Check) -> Arrival:
    """Read an arrived file and see that it is of its format; raises PlanFileUnreadable where it is not."""
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
    tx: Transaction,
    spool: IO[bytes],
    kind: str,
    options: Options,
    *,
    target: UUID | None,
    dry_run: bool,
    own_only: bool,
) -> UUID:
    """Store a file and ask for its import; returns the operation's id."""
    if kind in CONVERTED:
        check_available()
    arrival = await asyncio.to_thread(checked, spool, FORMATS[kind].check(options))
    import_id: UUID = uuid7()
    arguments = {"import_id": str(import_id), "dry_run": dry_run, "options": asdict(options)}
    operation_id = await operations.begin(tx, "import", arguments)
    await entity.create(
        tx,
        IMPORT,
        {
            "id": import_id,
            "format": kind,
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
        arguments = await operations.arguments(tx, row["operation_id"])
        options = await _options(tx, arguments.get("options", {}), row["target_project_id"])
    author = replace(context, actor=row["actor"], correlation_id=row["request_id"])
    try:
        content = row["content"]
        if row["format"] in CONVERTED:
            content = await converted(content, row["format"])
        file = await asyncio.to_thread(FORMATS[row["format"]].read, _pieces(content), options)
        if row["target_project_id"] is not None and len(file.plans) > 1:
            detail = f"the file holds {len(file.plans)} projects, and one project was named to take it"
            raise PlanFileError("several_projects", detail)
        try:
            result = await _merge(database, author, row["id"], file, row)
        except ProjectSourceTaken:  # the same file came twice at once: now its project is there
            result = await _merge(database, author, row["id"], file, row)
    except PlanFileError as error:
        await _fail(database, author, row, unreadable(error))
    except Problem as problem:
        await _fail(database, author, row, problem)
    except _DryRun as dry:
        async with database.transaction(author) as tx:
            await _finish(tx, row, "succeeded", None, dry.result)
    else:
        log.info("plan_imported", import_id=key, project_id=result["project_id"])


async def _options(tx: Transaction, stated: dict[str, Any], target: UUID | None) -> Options:
    """Return the sender's options, with what the project that takes a file says where a table cannot."""
    options = Options(**stated)
    if target is None:
        return options
    project = await repository.project_row(tx, str(target), None)
    return replace(options, start=project["start"], minutes_per_day=project["minutes_per_day"])


async def _merge(
    database: Database, context: Context, import_id: UUID, file: PlanFile, row: "merging.Record"
) -> dict[str, object]:
    sources = {part: import_targets.source_of(plan, row["sha256"], part) for part, plan in file.plans.items()}
    keys: dict[str, str | None] = {}
    status = ProjectStatus.PROPOSED if row["own_only"] else ProjectStatus.ACTIVE  # who only has own ones cannot approve
    async with database.transaction(context) as tx:
        # Taken in a transaction of its own: the counter is everybody's, and a long import would hold it.
        for part, source in sources.items():
            found = await import_targets.find_project(tx, source, row)
            keys[part] = None if found or row["dry_run"] else await next_key(tx, PROJECT)
    async with database.transaction(context) as tx:
        merged: dict[str, Merged] = {}
        known: dict[str, UUID | None] = {}
        for part, plan in file.plans.items():
            known[part] = await import_targets.find_project(tx, sources[part], row)
            # What could not be read is told once for the whole file.
            tell = not merged
            new = merging.New(sources[part], keys[part], status)
            merged[part] = await merging.merge_plan(tx, plan, known[part], import_id, new, tell=tell)
        await keep_file_links(tx, import_targets.sees_only(row), file.cross_links, merged)
        done: list[Imported] = []
        for part, plan in file.plans.items():
            one = merged[part]
            await publish_schedule(tx, one.project_id)
            done.append(await _done(tx, part, plan, one, known[part] if row["dry_run"] else one.project_id))
        result = result_of(done, dry_run=row["dry_run"])
        if row["dry_run"]:
            raise _DryRun(result)
        await _finish(tx, row, "succeeded", done[0].project_id, result)
        return result


async def _done(tx: Transaction, part: str, plan: Plan, merged: Merged, project_id: UUID | None) -> Imported:
    version = await tx.fetchint(
        "select version from aggregate where organization_id = $1 and id = $2", tx.organization_id, merged.project_id
    )
    position = messaging.position("projects", merged.project_id, version)
    return Imported(part, plan.name, project_id, position, merged)


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
