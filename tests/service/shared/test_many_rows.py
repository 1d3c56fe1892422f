"""Very many rows are read in turns, all of them and in their order."""

from uuid import uuid4

import pytest

from services.local.postgres import ServiceDatabase
from shared.db import ROWS_AT_ONCE, Context, Database
from tests.service.shared.flow import PRODUCER


@pytest.mark.parametrize("lazily", [False, True], ids=["transaction", "reading"])
async def test_all_rows_come_whatever_their_number(sides: dict[str, ServiceDatabase], lazily: bool) -> None:
    database = await Database.connect(sides[PRODUCER].app, size=1)
    opened = database.reading if lazily else database.transaction
    try:
        for number in (0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE):
            async with opened(Context(uuid4(), "test")) as tx:
                rows = await tx.fetch_all("select n from generate_series(1, $1::int) as n order by n", number)
                assert [row["n"] for row in rows] == list(range(1, number + 1))
    finally:
        await database.close()
