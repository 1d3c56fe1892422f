"""The `pmo` command."""

import asyncio
import importlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn
from uuid import UUID

import typer

from services import topology

WRONG_SETTINGS: Final = 2

app = typer.Typer(
    help="The open system of a Project Management Office.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ALL: Final = "all"


def _one_of(*names: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"there is no {name!r}; there are: {', '.join(names)}")
        return name

    return check


Data = Annotated[Path, typer.Option(help="The folder that holds everything; survives restarts.", metavar="DIR")]
DEFAULT_DATA: Final = Path(".pmo")


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="The port of the API; 0 takes any free one.", min=0, max=65535)] = 8080,
    demo: Annotated[bool, typer.Option("--demo", help="Load the example plan.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the data first.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Say one line of JSON when ready, nothing else.")] = False,
) -> None:
    """Run the whole system on this machine, PostgreSQL and NATS included; Ctrl-C stops it."""
    from services.local import up as local
    from services.local.errors import LocalRuntimeError

    try:
        asyncio.run(local.up(local.Options(data=data, port=port, demo=demo, reset=reset, json=json)))
    except LocalRuntimeError as error:
        _fail(str(error), 1)


@app.command()
def serve(
    service: Annotated[
        str,
        typer.Argument(help="|".join(topology.SERVICES), callback=_one_of(*topology.SERVICES), metavar="SERVICE"),
    ],
    grace: Annotated[int, typer.Option(help="Seconds from being told to stop until the end, at most.", min=0)] = 25,
    linger: Annotated[
        int, typer.Option(help="For so many of them it still takes requests, while it says it is not ready.", min=0)
    ] = 3,
) -> None:
    """Run one service; its settings come from the environment."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # 5 MiB that the log library takes to colour nothing
    from services import run
    from shared.settings import SettingsError

    try:
        code = run.serve(service, grace=grace, linger=linger)
    except SettingsError as error:
        _fail_settings(service, error.mistakes)
    raise typer.Exit(code)


@app.command()
def migrate(
    service: Annotated[
        str,
        typer.Argument(
            help="|".join((*topology.SERVICES, ALL)), callback=_one_of(*topology.SERVICES, ALL), metavar="SERVICE"
        ),
    ],
) -> None:
    """Bring a service's database up to date, and make its event stream with the consumers.

    Needs PMO_MIGRATION_DATABASE_URL (for `all`: PMO_PROJECTS_MIGRATION_DATABASE_URL and so on) and PMO_NATS_ADMIN_URL.
    """
    from services import run
    from shared.settings import SettingsError

    names = topology.SERVICES if service == ALL else (service,)
    try:
        asyncio.run(run.migrate(names, os.environ))
    except SettingsError as error:
        _fail_settings("migrate", error.mistakes)


@app.command()
def republish(
    service: Annotated[
        str,
        typer.Argument(
            help="|".join((*topology.SERVICES, ALL)), callback=_one_of(*topology.SERVICES, ALL), metavar="SERVICE"
        ),
    ],
    since: Annotated[
        datetime | None, typer.Option(help="Only what was written from this instant (UTC) on.", metavar="INSTANT")
    ] = None,
    organization: Annotated[UUID | None, typer.Option(help="Only events of this organization.")] = None,
    aggregate: Annotated[UUID | None, typer.Option(help="Only events of this project, resource…")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this place, as a run before has told it.")] = None,
) -> None:
    """Publish events of the log once more, as after a loss of the broker's store; the service may go on working.

    Needs PMO_DATABASE_URL and PMO_RELAY_DATABASE_URL (for `all`: PMO_PROJECTS_DATABASE_URL and so on) and
    PMO_NATS_ADMIN_URL.
    """
    from services import run
    from shared.republish import Place, Selection
    from shared.settings import SettingsError

    if after is not None and service == ALL:
        _fail("--after needs the one service whose place it is", WRONG_SETTINGS)
    try:
        place = Place.parse(after) if after is not None else None
    except ValueError:
        _fail("--after is ORGANIZATION/AGGREGATE/VERSION", WRONG_SETTINGS)
    selection = Selection(since and since.replace(tzinfo=UTC), organization, aggregate)
    names = topology.SERVICES if service == ALL else (service,)
    try:
        asyncio.run(run.republish(names, os.environ, selection, after=place))
    except SettingsError as error:
        _fail_settings("republish", error.mistakes)
    except run.Interrupted as error:
        _fail(str(error), 1)


@app.command()
def rebuild(
    service: Annotated[
        str,
        typer.Argument(help="|".join(topology.AUDITS), callback=_one_of(*topology.AUDITS), metavar="SERVICE"),
    ],
    organization: Annotated[UUID | None, typer.Option(help="Only what is kept of this organization.")] = None,
    aggregate: Annotated[UUID | None, typer.Option(help="Only what is kept of this project.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if anything differs.")] = False,
) -> None:
    """Build what a service keeps of others' data anew from their logs; the service may go on working, the others must.

    Needs PMO_DATABASE_URL, PMO_RELAY_DATABASE_URL and PMO_NATS_URL of the service.
    """
    from services import run
    from shared.audit.rebuild import Wanted
    from shared.settings import SettingsError

    try:
        is_right = asyncio.run(run.rebuild(service, os.environ, Wanted(organization, aggregate), repair=not check))
    except SettingsError as error:
        _fail_settings("rebuild", error.mistakes)
    except run.Interrupted as error:
        _fail(str(error), 1)
    raise typer.Exit(0 if is_right else 1)


@app.command()
def token(
    role: Annotated[list[str], typer.Option(help="A role of the caller; may be repeated.")] = ["pmo_director"],  # noqa: B006 - read only
    organization: Annotated[UUID | None, typer.Option(help="Default: the local one.")] = None,
    subject: Annotated[str | None, typer.Option(help="Who the caller is.")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print an access token for the instance of `pmo up` on DIR, good for an hour."""
    from services.local.errors import LocalRuntimeError
    from services.local.keys import Keys
    from shared.permissions import Role

    unknown = [name for name in role if name not in set(Role)]
    if unknown:
        _fail(f"No such role: {', '.join(unknown)}. There are: {', '.join(Role)}.", WRONG_SETTINGS)
    try:
        made = Keys(data / "keys").token(role, organization=organization, subject=subject)
    except LocalRuntimeError as error:
        _fail(str(error), 1)
    sys.stdout.write(f"{made}\n")


@app.command()
def contracts() -> None:
    """Build openapi.json, asyncapi.yaml and the event schemas anew from the code."""
    importlib.import_module("services.contracts").build()


def main() -> None:
    """Run the command line."""
    app(prog_name="pmo")


def _fail_settings(what: str, mistakes: list[str]) -> NoReturn:
    lines = "\n".join(f"  {mistake}" for mistake in mistakes)
    _fail(f"{what} cannot start, {len(mistakes)} setting(s) are wrong:\n{lines}", WRONG_SETTINGS)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"pmo: {message}\n")
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
