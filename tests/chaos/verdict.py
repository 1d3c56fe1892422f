"""What the databases say of what the writers were told: nothing lost, nothing doubled, every projection the same."""

from dataclasses import dataclass
from typing import Final

from shared.testing.eventually import eventually
from tests.chaos.ledger import BEGIN, SOURCE, Ledger, Outcome
from tests.chaos.stage import Databases

OWNERS: Final = ("projects", "resources", "kpi", "gateway")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, as counts."""

    acknowledged: int
    unknown: int
    lost: int
    doubled: int
    differing: int
    """Event logs with gaps, entities that are not their last event, rows of projections unlike their owners'."""

    @property
    def is_clean(self) -> bool:
        """Nothing lost, doubled or different."""
        return self.lost == self.doubled == self.differing == 0


async def judge(databases: Databases, ledger: Ledger, *, seconds: float = 90) -> Verdict:
    """Wait until everything has flowed through, then compare."""
    await eventually(databases.settled, seconds=seconds, every=0.2)
    lost, doubled = await _writes(databases, ledger)
    return Verdict(
        ledger.count(Outcome.ACKNOWLEDGED),
        ledger.count(Outcome.UNKNOWN),
        lost,
        doubled,
        await _logs(databases) + await _projections(databases),
    )


async def _writes(databases: Databases, ledger: Ledger) -> tuple[int, int]:
    """The writes that are missing although they were acknowledged, and those that took effect twice or unasked."""
    lost = doubled = 0
    names = await _mapped(databases, "projects", "select name, count(*) from task where source_id is null group by 1")
    for name, told in ledger.tasks.items():
        count = int(names.get(name, 0))
        lost += told is Outcome.ACKNOWLEDGED and count == 0
        doubled += count > (0 if told is Outcome.REFUSED else 1)
    described = await _mapped(databases, "projects", "select id::text, description from task")
    for task_id, changes in ledger.descriptions.items():
        kept = [text for text, told in changes if told is Outcome.ACKNOWLEDGED][-1:]
        possible = [*kept, *(text for text, told in changes if told is Outcome.UNKNOWN)]
        lost += bool(kept) and described.get(task_id) not in possible
    status = await _mapped(
        databases, "gateway", f"select event_id, status from inbound_event where source = '{SOURCE}'"
    )
    facts = await _mapped(
        databases,
        "projects",
        f"select at || ' ' || task_id, count(*) from progress where at >= '{BEGIN}' and source = '{SOURCE}' group by 1",
    )
    doubled += sum(int(count) > 1 for count in facts.values())
    for event_id, told in ledger.events.items():
        lost += told is Outcome.ACKNOWLEDGED and status.get(event_id) != "applied"
        doubled += told is Outcome.REFUSED and event_id in status
    applied = sum(found == "applied" for found in status.values())
    effects = sum(int(count) for count in facts.values())
    return lost + max(0, applied - effects), doubled + max(0, effects - applied)


async def _mapped(databases: Databases, service: str, sql: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in await databases.ask(service, sql)}


async def _logs(databases: Databases) -> int:
    """Aggregates whose events have gaps, and entities that are not what their last event says."""
    wrong = 0
    for owner in OWNERS:
        gaps = await databases.ask(
            owner,
            "select aggregate_id from event_log group by aggregate_id"
            " having count(*) <> max(version) or min(version) <> 1",
        )
        astray = await databases.ask(
            owner,
            "select id from aggregate a where version > 0 and version is distinct from"
            " (select max(version) from event_log e where e.aggregate_id = a.id)",
        )
        wrong += len(gaps) + len(astray)
    stale = await databases.ask(
        "projects",
        "select t.id from task t where t.version <> (select max(h.version) from history h"
        " where h.entity = 'task' and h.entity_id = t.id)",
    )
    return wrong + len(stale)


async def _projections(databases: Databases) -> int:
    """Rows of projections that are not their owner's."""
    tasks = set(await databases.ask("projects", "select id, version from task"))
    differing = 0
    for reader in ("kpi", "resources"):
        known = set(await databases.ask(reader, "select id, version from task where not is_deleted"))
        differing += len(tasks ^ known)
    facts = set(
        await databases.ask(
            "projects",
            "select task_id, at, (percent_complete * 100)::int, (actual_cost * 100)::bigint from progress"
            f" where at >= '{BEGIN}'",
        )
    )
    known = set(
        await databases.ask("kpi", f"select task_id, at, percent, actual_cost from progress where at >= '{BEGIN}'")
    )
    return differing + len(facts ^ known)
