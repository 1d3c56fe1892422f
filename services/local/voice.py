"""What `pmo up` says: its own log, the services' logs as they grow, and at the end where everything is."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.local.folder import DataFolder

_FOLLOW_SECONDS: Final = 0.25
_LARGEST_PIECE: Final = 2**20


class Voice:
    """Writes to the instance's own log and, unless silent, to stderr."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._log: Path | None = None
        self._began = time.monotonic()

    def record_in(self, log: Path) -> None:
        """Write to this file from now on."""
        self._log = log

    def say(self, message: str) -> None:
        """Say one thing, with the time since the start."""
        if self._log is not None:
            with self._log.open("a") as log:
                log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {message}\n")
        if not self._silent:
            sys.stderr.write(f"pmo [{time.monotonic() - self._began:6.2f} s] {message}\n")
            sys.stderr.flush()

    async def follow(self, folder: DataFolder, names: tuple[str, ...]) -> None:
        """Repeat what the named logs receive from now on, each line with the name before it; ends by cancellation."""
        if self._silent:
            return
        places = {name: _size(folder.log(name)) for name in names}
        try:
            while True:
                await asyncio.sleep(_FOLLOW_SECONDS)
                places = {name: _repeat(name, folder.log(name), place) for name, place in places.items()}
        finally:
            for name, place in places.items():
                _repeat(name, folder.log(name), place)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _repeat(name: str, log: Path, place: int) -> int:
    if not log.exists():
        return place
    with log.open("rb") as stream:
        stream.seek(place)
        piece = stream.read(_LARGEST_PIECE)
    whole = piece.rpartition(b"\n")[0]
    if not whole:
        return place
    lines = whole.decode(errors="replace").split("\n")
    sys.stderr.write("".join(f"{name:9} | {line}\n" for line in lines))
    sys.stderr.flush()
    return place + len(whole) + 1


def banner(base_url: str, docs_url: str, token: str, data: Path, project_id: str | None) -> str:
    """What a person needs to go on: addresses, a token, and three commands to try."""
    authorized = 'curl -s -H "Authorization: Bearer $TOKEN"'
    third = f"{base_url}/v1/projects" + (f"/{project_id}/overview" if project_id else "")
    return f"""
PMO is up. It is for one machine: one PostgreSQL and one NATS, with their data in {data}.

  API    {base_url}
  Docs   {docs_url}
  Logs   {data / "logs"}
  Token  of a PMO director, good for an hour (`pmo token --data {data} --role …` makes more):

export TOKEN={token}

Try next:

{authorized} {base_url}/v1/me
{authorized} -H "Content-Type: application/xml" --data-binary @examples/harbour-terminal.mspdi.xml \
"{base_url}/v1/imports?format=mspdi"
{authorized} {third}

Ctrl-C stops everything.
"""
