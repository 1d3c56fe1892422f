"""The least that could answer: a bare ASGI callable, one statement a request, no framework, caller, rights or checks.

It runs the product's own SQL on the product's own database, as the same role under the same row-level security, but
sets its one organization for the whole session, and every statement is a transaction of its own.
"""

import os
import sys
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

from services.projects.entities import TASK
from shared import entity
from shared.db import Connection, Context, Transaction

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

ORGANIZATION: Final = UUID(os.environ.get("BENCH_ORGANIZATION", "0" * 32))
CONTEXT: Final = Context(ORGANIZATION, "bench")
IMAGE: Final = f"(select row_to_json(i)::text from (select {TASK.select()}) i)"
FROM: Final = f"from task t {TASK.join} where t.organization_id = $1"
ROWS: Final = f"select {IMAGE} as image {FROM} and t.project_id = $2 order by t.position, t.id limit 101"
LIST: Final = (
    "select string_agg(image, ',' order by number) filter (where number <= 100)"
    f" from (select row_number() over () as number, p.* from ({ROWS}) p) q"
)
GET: Final = f"select t.version, {IMAGE} as image {FROM} and t.project_id = $2 and t.id = $3"


class Bare:
    """The application."""

    pool: "Pool"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer /list/<project>, /get/<project>/<task> or a POST to /create/<project>."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        _, what, project, *rest = scope["path"].split("/")
        project_id = UUID(project)
        status = 200
        headers = [(b"content-type", b"application/json")]
        if what == "list":
            items: str = await self.pool.fetchval(LIST, ORGANIZATION, project_id)
            body = b'{"items":[' + items.encode() + b"]}"
        elif what == "get":
            row = await self.pool.fetchrow(GET, ORGANIZATION, project_id, UUID(rest[0]))
            assert row is not None
            body = row["image"].encode()
            headers.append((b"etag", b'"%d"' % row["version"]))
        else:
            given = orjson.loads((await receive())["body"])
            async with self.pool.acquire() as connection:
                fields = {"project_id": project_id, "position": 0, "work_breakdown_structure": "1", **given}
                written = await entity.create(Transaction(connection, CONTEXT), TASK, fields)
            assert written.image is not None
            body, status = written.image.encode(), 201
            headers.append((b"pmo-position", written.position.encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(
            os.environ["BENCH_DATABASE_URL"],
            min_size=10,
            max_size=10,
            connection_class=Connection,
            server_settings={"app.organization": str(ORGANIZATION), "timezone": "UTC", "jit": "off"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(
        Bare(),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
