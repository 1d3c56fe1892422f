"""`make chaos`: every fault there is, done to a running system, with a table of what became of the writes."""

import argparse
import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bench.flow import fresh
from bench.stack import Stack
from shared.testing.cases import ROOT
from tests.chaos import audits, scenarios, storage
from tests.chaos.crashes import WHERE, crashes
from tests.chaos.figures import summary
from tests.chaos.scenarios import Row, Stage
from tests.chaos.stage import standing
from tests.chaos.verdict import Verdict

PROPERTIES: Final = "tests/service/shared"
"""P3, P5 and the points of P6 that need events out of order: tests with servers of their own."""
ROUNDS: Final = 4
"""So often is judged what became of the writes while services died at every point."""
HEAD: Final = ("promise", "what was done", "acknowledged", "unknown", "failed", "lost", "doubled", "differing",
               "recovery p95 / most s", "level after s", "note")  # fmt: skip


def _table(rows: Sequence[Row]) -> str:
    lines = [HEAD]
    for row in rows:
        found = row.verdict
        counts = (found.acknowledged, found.unknown, row.failures, found.lost, found.doubled, found.differing)
        note = ("" if row.is_kept else "BROKEN ") + row.note
        lines.append(
            (row.promise, row.done, *map(str, counts), summary(row.recovery), f"{row.settled:.1f}", note)  # type: ignore[arg-type]
        )
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD) - 1)]
    return "\n".join("  ".join([*(line[n].ljust(widths[n]) for n in range(len(HEAD) - 1)), line[-1]]) for line in lines)


async def _run(stage: Stage, minutes: float) -> list[Row]:
    """Everything; what lasts as long as one likes gets its share of the minutes."""
    begun = time.monotonic()
    rows: list[Row] = []

    async def add(wanted: Callable[[], Awaitable[Row]]) -> None:
        row = await wanted()
        sys.stderr.write(f"chaos [{time.monotonic() - begun:4.0f} s] {row.promise}: {row.done}\n")
        rows.append(row)

    share = minutes * 60
    await add(lambda: storage.power_cuts(round(minutes * 6.25)))
    await add(lambda: audits.tampered(stage, 20))
    await add(lambda: audits.rebuilt(stage))
    await add(lambda: scenarios.kills(stage, round(minutes * 25), share * 0.25))
    await add(lambda: scenarios.deaths(stage))
    await add(lambda: scenarios.broker_down(stage, share * 0.08))
    await add(lambda: scenarios.broker_full(stage, 1000))
    await add(lambda: scenarios.store_lost(stage))
    await add(lambda: storage.rot(stage, "flip"))
    await add(lambda: storage.rot(stage, "truncate"))
    await add(lambda: scenarios.poison(stage, 20))
    await add(lambda: _freshness(stage))
    for _ in range(ROUNDS):
        await add(lambda: crashes(stage, list(WHERE), round(minutes * 2.5 / ROUNDS), share * 0.3 / ROUNDS))
    return rows


async def _freshness(stage: Stage) -> Row:
    """P12, as the bench measures it."""
    found = await fresh(Stack.of(stage.system.data, stage.system.base_url))
    figures = "; ".join(f"{one.what} {one.value:.0f}" for one in found if one.value is not None)
    pushed = int(found[0].figures["pushed"])
    lost = pushed - int(found[0].figures["seen"])
    late = any(one.verdict == "NO" for one in found)
    return Row("P12", "50 pushes a second", Verdict(pushed, 0, lost, 0, 0), note=figures, is_wrong=late)


def main() -> int:
    """Run, print the table, and tell by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="repeats a run")
    parser.add_argument("--minutes", type=float, default=8.0, help="about how long (3 to 60)")
    given = parser.parse_args()
    sys.stderr.write(f"chaos: --seed {given.seed}\n")
    command = [sys.executable, "-m", "pytest", "-n", "0", f"--randomly-seed={given.seed}", PROPERTIES]
    # Beside the first scenarios: these tests have servers of their own, and mostly wait.
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as properties:
        with standing() as (system, supervisor):
            rows = asyncio.run(_run(Stage(system, supervisor, random.Random(given.seed)), given.minutes))
        said, _ = properties.communicate()
    print(_table(rows))
    print(f"P3 P5 P6  {PROPERTIES}: {said.strip().splitlines()[-1]}")
    kept = all(row.is_kept for row in rows) and properties.returncode == 0
    print(f"seed {given.seed}: " + ("every promise was kept" if kept else "A PROMISE WAS BROKEN"))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
