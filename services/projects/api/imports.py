"""Imports over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.projects import repository
from services.projects.api.schemas import ImportPage
from services.projects.domain.import_options import DateOrder, Options
from services.projects.domain.sheets.headers import FIELDS, is_own
from services.projects.service import imports as service
from shared import pagination
from shared.errors import FieldError, Problem, ValidationFailed
from shared.operations import OperationRead, pending_answer
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.strict_json import loads

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=Operation)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES = ("application/xml", "text/xml", "text/plain", "text/csv", XLSX, "application/octet-stream")
FormatName = Literal["mspdi", "xer", "pmxml", "csv", "xlsx", "mpp", "mpx", "planner", "gan", "pod", "pp"]
EncodingName = Literal[
    "utf-8", "utf-16", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "iso-8859-1", "gb18030", "big5", "shift_jis", "euc_kr",
]  # fmt: skip
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file's bytes; " + ", ".join(f"`{each}`" for each in MEDIA_TYPES[:-1]) + " are taken too.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES[-1:]},
    }
}


@router.post(
    "",
    status_code=202,
    response_model=OperationRead,
    **operation(
        Permission.PLAN_IMPORT,
        404,
        408,
        409,
        413,
        415,
        max_body_bytes=service.MAX_BYTES,
        deadline_ms=120_000,
        media_types=MEDIA_TYPES,
        spooled=True,
        extra=BODY,
    ),
)
async def import_plan(
    call: Current,
    format: Annotated[  # noqa: A002
        FormatName,
        Query(
            description="What kind of file: Microsoft Project XML (`mspdi`), Primavera P6 (`xer`, `pmxml`),"
            " a table of tasks (`csv`, `xlsx`); and where Java and the extra `mpxj` are installed files of Microsoft"
            " Project (`mpp`, `mpx`), Planner, GanttProject, ProjectLibre (`pod`) and Asta (`pp`)."
        ),
    ],
    project_id: Annotated[
        str | None, Query(max_length=64, description="Import into this project, whatever the file says.")
    ] = None,
    encoding: Annotated[
        EncodingName | None,
        Query(description="How an XER or CSV file is encoded, where it is neither UTF-8 nor Windows' usual."),
    ] = None,
    mapping: Annotated[
        str | None,
        Query(
            max_length=8_000,
            description="Which column of a table is which field, as a JSON object"
            f' (`{{"name": "Title", "duration": "Effort"}}`). Fields: {", ".join(FIELDS)}, custom.<key>.'
            " Without it columns are recognized by the names that Microsoft Project, Primavera and our exports use.",
        ),
    ] = None,
    date_format: Annotated[
        DateOrder | None,
        Query(description="The order of day, month and year in a table's dates that are not ISO 8601."),
    ] = None,
    sheet: Annotated[
        str | None, Query(max_length=64, description="The sheet of a workbook to read; without it the first.")
    ] = None,
    dry_run: Annotated[bool, Query(description="Report what would happen; write nothing.")] = False,
) -> Response:
    """Import a project plan.

    The file is the raw body, at most 50 MB. Its project is found by `project_id` if given, else by the file's GUID,
    else by the digest of its bytes; its rows by the file's own identifiers. The same file again changes nothing. A
    table says of a project that is there only what it has columns for; all else stays. Of a file with several projects
    each becomes one, all or none; links between them are reported. The operation at `Location` has succeeded once the
    rows, their events and the first schedule are stored; its result tells what became of every row, and the position
    that reads in other services can wait for (`PMO-Wait-For`).
    """
    columns = _mapping(mapping)
    target = None
    if project_id is not None:
        target = (await repository.project_row(call.tx, project_id, call.own_only))["id"]
    assert call.spool is not None
    operation_id = await service.accept_import(
        call.tx,
        call.spool,
        format,
        Options(encoding=encoding, mapping=columns, date_format=date_format, sheet=sheet),
        target=target,
        dry_run=dry_run,
        own_only=call.own_only is not None,
    )
    return await pending_answer(call, "projects", operation_id)


def _mapping(text: str | None) -> dict[str, str] | None:
    """Return the columns by field that a mapping names; raises ValidationFailed."""
    if text is None:
        return None
    try:
        found = loads(text.encode())
    except Problem:
        found = None
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found.values()):
        raise ValidationFailed(errors=[FieldError("query/mapping", "invalid", "not a JSON object of column names")])
    if unknown := {name for name in found.keys() - FIELDS.keys() if not is_own(str(name))}:
        detail = f"{len(unknown)} of its fields do not exist; those that do: {', '.join(FIELDS)}"
        raise ValidationFailed(errors=[FieldError("query/mapping", "unknown_field", detail)])
    return {str(field): str(name) for field, name in found.items()}


@router.get("", response_model=ImportPage, **operation(Permission.OPERATION_READ, 404))
async def list_imports(
    call: Current,
    page: Paging,
    project_id: Annotated[str | None, Query(max_length=64, description="Imports into this project.")] = None,
    status: Annotated[
        list[Literal["pending", "running", "succeeded", "failed", "cancelled"]] | None,
        Query(description="Any of these states."),
    ] = None,
) -> Response:
    """List the files that came in.

    Sorts: created_at, id; default -created_at.
    """
    identifier = None
    if project_id is not None:
        identifier = (await repository.project_row(call.tx, project_id, call.own_only))["id"]
    own = pagination.owned_by(call.own_only, "t.actor")
    filters = {"project_id": identifier, "status": status}
    return await pagination.page(call.tx, repository.IMPORTS, page, filters, restrict=own)
