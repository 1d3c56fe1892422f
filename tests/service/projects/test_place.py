"""A new task's place is looked up at the plan's end, however long the plan."""

from uuid import UUID, uuid4

import asyncpg

from services.local.postgres import Postgres
from services.projects import repository
from services.projects.settings import Settings
from shared.db import Context, Database

_TASKS = """
insert into task (organization_id, id, version, project_id, position, name, work_breakdown_structure)
select $1, gen_random_uuid(), 1, $2, n, 'Pile', n::text from generate_series(1, 400) as n
"""


async def test_the_plan_is_not_read_for_the_place_of_a_new_task(
    settings: Settings, postgres: Postgres, organization: UUID
) -> None:
    database = await Database.connect(settings.database_url, size=1)
    project_id = uuid4()
    places = {"project_id": "$2"}
    place = ", ".join(expression.format_map(places) for expression in repository.PLACE.values())
    try:
        async with database.transaction(Context(organization, "test"), by_key=True) as tx:
            await tx.execute(
                "insert into project (organization_id, id, version, key, name, status, owner, currency, time_zone,"
                " start) values ($1, $2, 1, 'QUAY', 'Quay', 'active', 'test', 'EUR', 'UTC', '2026-03-02 08:00')",
                organization,
                project_id,
            )
            await tx.execute(_TASKS, organization, project_id)
        owner = await asyncpg.connect(postgres.dsn("pmo_projects", "projects_owner"))
        await owner.execute("analyze task")
        await owner.close()
        async with database.transaction(Context(organization, "test"), by_key=True) as tx:
            await tx.execute("prepare place(uuid, uuid) as select " + place)
            rows = await tx.fetch(f"explain execute place('{organization}', '{project_id}')")
            steps = "\n".join(row[0] for row in rows)
            assert "Seq Scan" not in steps, steps
            assert "Sort" not in steps, steps
            assert steps.count("Scan Backward using ix_task_position") == 2, steps
    finally:
        await database.close()
