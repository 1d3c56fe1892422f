"""`make bench`: everything, or the parts that are named, within eight minutes."""

import argparse
import shutil
import time
from collections.abc import Sequence
from typing import Final

import uvloop

from bench import (
    delivery,
    flow,
    gateway_ingest,
    gateway_proxy,
    memory,
    mpxj,
    planning,
    recompute,
    report,
    requests,
    schedule,
)
from bench.report import Finding, say
from bench.stack import running

REQUESTS: Final = ("list", "get", "create", "growth")
FLOW: Final = {
    "ingest": flow.ingest,
    "fresh": flow.fresh,
    "import": flow.load_plan,
    "plan": planning.plan,
    "recompute": recompute.recompute,
}
PARTS: Final = ("schedule", "mpxj", "nginx", "delivery", "memory", *REQUESTS, *FLOW)


async def _on_a_stack(parts: Sequence[str]) -> list[Finding]:
    found: list[Finding] = []
    async with running() as stack:
        await stack.settle()
        idle = memory.measure(stack)
        for name, measure in FLOW.items():
            if name in parts:
                say(name)
                found += await measure(stack)
        wanted = [name for name in REQUESTS if name in parts]
        if wanted:
            found += await requests.run(stack, wanted)
        if "memory" in parts:
            await stack.settle()
            found += memory.findings(idle, memory.measure(stack))
    return found


def main() -> None:
    """Measure, print the table, store the run."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of: {' '.join(PARTS)}")
    parts = parser.parse_args().parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {' '.join(sorted(unknown))}; there are: {' '.join(PARTS)}")
    found: list[Finding] = []
    if "schedule" in parts:
        say("schedule")
        found += schedule.run()
    if "mpxj" in parts:
        reason = mpxj.missing()
        say(f"mpxj: left out, {reason}" if reason else "mpxj")
        found += [] if reason else mpxj.findings()
    if "nginx" in parts:
        if shutil.which("nginx") and shutil.which("wrk"):
            say("nginx")
            found += gateway_proxy.findings()
        else:
            say("nginx: left out, nginx or wrk is not installed")
    if "delivery" in parts:
        say("delivery")
        found += delivery.findings()
    if "ingest" in parts:
        say("ingest, the gateway alone")
        found += gateway_ingest.findings()
    if set(parts) - {"schedule", "mpxj", "nginx", "delivery"}:
        found += uvloop.run(_on_a_stack(parts))
    print(report.table(found))
    print(f"stored as {report.store(found, time.monotonic() - report.BEGAN)}")


if __name__ == "__main__":
    main()
