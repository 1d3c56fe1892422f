"""The access log: one JSON line for each request, whatever becomes of the file it is written to."""

import asyncio
import io
from uuid import UUID

import orjson
from typing_extensions import Buffer

from services.gateway.proxy.observe import AccessLines

ORGANIZATION = UUID("0190c0de-0000-7000-8000-0000000000aa")


class Written(io.BytesIO):
    """A file that counts how often it was written to."""

    times = 0

    def write(self, data: Buffer) -> int:
        self.times += 1
        return super().write(data)


async def test_requests_of_one_turn_leave_in_one_write_a_line_each() -> None:
    file = Written()
    lines = AccessLines(file)
    for number in range(3):
        lines.info("request", path=f"/v1/{number}\n", organization=ORGANIZATION, status=200)
    assert file.getvalue() == b""
    await asyncio.sleep(0)
    assert file.times == 1
    found = [orjson.loads(line) for line in file.getvalue().splitlines()]
    assert [each["path"] for each in found] == ["/v1/0\n", "/v1/1\n", "/v1/2\n"]
    assert found[0].items() >= {"event": "request", "organization": str(ORGANIZATION), "service": "gateway"}.items()
    lines.info("request", path="/v1/next")
    await asyncio.sleep(0)
    assert file.times == 2


async def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    file = Written()
    lines = AccessLines(file)
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    file.close()
    lines.info("request", path="/v1/lost")
    await asyncio.sleep(0)
    assert failures == []
