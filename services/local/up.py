"""`pmo up`: the whole system on one machine, from nothing to ready, and back to nothing."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services import topology
from services.local import environment
from services.local.demo import EXAMPLE_PLAN, import_plan
from services.local.errors import LocalRuntimeError
from services.local.files import free_port, tail
from services.local.folder import DataFolder
from services.local.keys import Keys
from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from services.local.process import Child, spawn
from services.local.service import GRACE_SECONDS, Service
from services.local.supervisor import Supervisor
from services.local.voice import Voice, banner

_ROLE: Final = "pmo_director"
_EDGE: Final = "gateway"
_INNER: Final = tuple(service for service in topology.SERVICES if service != _EDGE)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    data: Path
    port: int = 8080
    demo: bool = False
    reset: bool = False
    json: bool = False
    plan: Path = EXAMPLE_PLAN
    """What `demo` imports."""
    program: Sequence[str] = field(default=(sys.executable, "-P", "-m", "services"))
    """The `pmo` program that the children run."""


async def up(options: Options) -> None:
    """Run the system until SIGINT, SIGTERM or SIGHUP; raises LocalRuntimeError when it cannot start."""
    voice = Voice(silent=options.json)
    with DataFolder.opened(options.data, reset=options.reset) as folder:
        voice.record_in(folder.log("pmo"))
        supervisor = Supervisor(voice.say)
        follower = asyncio.create_task(voice.follow(folder, topology.SERVICES))
        try:
            await _until_told_to_stop(options, folder, supervisor, voice)
        finally:
            voice.say("stopping")
            await supervisor.stop()
            folder.forget_children()
            follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await follower
            voice.say("stopped")


async def _until_told_to_stop(options: Options, folder: DataFolder, supervisor: Supervisor, voice: Voice) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    starting = asyncio.create_task(_bring_up(options, folder, supervisor, voice.say))
    stopping = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            sys.stdout.write(starting.result())
            sys.stdout.flush()
            await stopping
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


async def _bring_up(options: Options, folder: DataFolder, supervisor: Supervisor, say: Callable[[str], None]) -> str:
    port = _claimed(options.port)
    base_url = f"http://127.0.0.1:{port}"
    folder.announce(base_url)
    keys = Keys(folder.keys)
    keys.make()

    say("starting PostgreSQL and NATS")
    postgres = Postgres(folder.postgres, log=folder.log("postgres"), note=folder.remember)
    nats = NatsServer(folder.nats, log=folder.log("nats"), note=folder.remember)
    await supervisor.start([postgres, nats])

    say("preparing databases and streams")
    databases: dict[str, ServiceDatabase] = {name: await postgres.provision(name) for name in topology.SERVICES}
    await _migrate(options, folder, environment.for_migrations(databases, nats))

    say("starting projects, resources, kpi and the gateway")
    ports = {name: free_port() for name in _INNER} | {_EDGE: port}
    environments = environment.for_services(databases, nats, keys, ports)
    services = {
        name: Service(
            name,
            [*options.program, "serve", name, "--grace", str(GRACE_SECONDS), "--linger", "0"],
            port=ports[name],
            environment=environments[name],
            log=folder.log(name),
            note=folder.remember,
        )
        for name in topology.SERVICES
    }
    await supervisor.start([services[name] for name in _INNER], [services[_EDGE]])
    supervisor.watch()

    token = keys.token([_ROLE])
    project_id = None
    if options.demo:
        say("loading the example plan")
        project_id = await import_plan(base_url, token, options.plan)
    say("ready")
    docs_url = f"{base_url}/docs"
    if options.json:
        return json.dumps({"base_url": base_url, "docs_url": docs_url, "token": token}) + "\n"
    return banner(base_url, docs_url, token, folder.root, project_id)


async def _migrate(options: Options, folder: DataFolder, variables: dict[str, str]) -> None:
    log = folder.log("migrate")
    child: Child = spawn("migrate", [*options.program, "migrate", "all"], log=log, environment=variables)
    folder.remember(child)
    try:
        await child.wait()
    finally:
        await child.stop()
    if child.returncode != 0:
        raise LocalRuntimeError(f"The databases cannot be prepared. The end of the log, {log}:\n{tail(log)}")


def _claimed(port: int) -> int:
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        # As the gateway itself will bind: what only lingers after a close is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalRuntimeError(
                f"Port {port} cannot be had ({error.strerror}): another program has it. Name another with --port."
            ) from None
    return port
