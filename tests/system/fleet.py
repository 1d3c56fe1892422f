"""The system as production runs it: services of as many processes as one likes, behind balancers, without `pmo up`."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

from services.local import environment, privileges, probe
from services.local.files import free_port
from services.local.keys import Keys
from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from services.local.service import Service
from services.topology import SERVICES
from shared.testing.eventually import eventually
from tests.chaos.stage import pmo
from tests.system.balancer import Balancer
from tests.system.instance import System, entries

PROGRAM: Final = (sys.executable, "-P", "-m", "services")
END_SECONDS: Final = 30.0


class Fleet:
    """PostgreSQL, NATS, a balancer for each service, and its replicas."""

    def __init__(
        self,
        home: Path,
        postgres: Postgres,
        nats: NatsServer,
        databases: Mapping[str, ServiceDatabase],
        balancers: Mapping[str, Balancer],
        client: httpx2.Client,
    ) -> None:
        keys = Keys(home / "keys")
        keys.directory.mkdir(exist_ok=True)
        keys.make()
        ports = {service: balancer.port for service, balancer in balancers.items()}
        self.postgres = postgres
        self.nats = nats
        self.databases = databases
        self.system = System(f"http://127.0.0.1:{ports['gateway']}", home, client)
        self.code: Path | None = None
        """Where the release lies that commands and new replicas run; None: here."""
        self.replicas: dict[str, list[Service]] = {service: [] for service in SERVICES}
        self._balancers = balancers
        self._environments = environment.for_services(databases, nats, keys, ports)
        self._started = 0

    @classmethod
    @asynccontextmanager
    async def standing(cls) -> "AsyncIterator[Fleet]":
        """Servers and empty databases, and no service yet; nothing is left of it."""
        home = Path(tempfile.mkdtemp(prefix="pmo-test-"))
        home.chmod(0o711)
        try:
            async with AsyncExitStack() as stack:
                postgres = await Postgres.start(home / "postgres")
                stack.push_async_callback(postgres.stop)
                nats = await NatsServer.start(home / "nats")
                stack.push_async_callback(nats.stop)
                databases = {service: await postgres.provision(service) for service in SERVICES}
                balancers = {service: stack.enter_context(Balancer.running()) for service in SERVICES}
                gateway = f"http://127.0.0.1:{balancers['gateway'].port}"
                client = stack.enter_context(httpx2.Client(base_url=gateway, timeout=30, trust_env=False))
                fleet = cls(home, postgres, nats, databases, balancers, client)
                stack.push_async_callback(fleet.end)
                yield fleet
        finally:
            privileges.remove_home(home / "postgres")
            shutil.rmtree(home)

    @property
    def variables(self) -> dict[str, str]:
        """What an operator's commands for all services need."""
        found = environment.for_migrations(self.databases, self.nats) | self._release
        for service, database in self.databases.items():
            found[f"PMO_{service.upper()}_DATABASE_URL"] = database.app
            found[f"PMO_{service.upper()}_RELAY_DATABASE_URL"] = database.relay
        return found

    @property
    def _release(self) -> dict[str, str]:
        return {} if self.code is None else {"PYTHONPATH": str(self.code)}

    def caller(self, credential: str) -> httpx2.AsyncClient:
        """Somebody who calls with a credential."""
        headers = {"authorization": f"Bearer {credential}"}
        return httpx2.AsyncClient(base_url=self.system.base_url, headers=headers, timeout=30, trust_env=False)

    async def up(self, *options: str) -> None:
        """Migrate, then start one replica of each service."""
        await pmo(self.variables, "migrate", "all")
        await self.join(*options)

    async def join(self, *options: str) -> None:
        """Start one more replica of each service."""
        await asyncio.gather(*(self.start(service, *options) for service in SERVICES))

    async def start(self, service: str, *options: str) -> Service:
        """Start a replica of a service and let it have its share of the connections."""
        self._started += 1
        port = free_port()
        replica = Service(
            service,
            [*PROGRAM, "serve", service, *options],
            port=port,
            environment=self._environments[service] | {"PMO_PORT": str(port)} | self._release,
            log=self.system.data / "logs" / f"{service}-{self._started}.log",
        )
        await replica.launch()
        self.replicas[service].append(replica)
        self._announce(service)
        await eventually(lambda: self._balancers[service].has(port))
        return replica

    async def retire(self, replica: Service) -> bool:
        """Tell a replica to stop, as an orchestrator does, without a word to the balancer; whether it ended."""
        assert replica.child is not None
        replica.child.send(signal.SIGTERM)
        ended = await replica.child.wait(END_SECONDS)
        self.replicas[replica.name].remove(replica)
        self._announce(replica.name)
        await replica.stop()
        return ended

    @staticmethod
    async def readiness(replica: Service) -> dict[str, Any]:
        """What a replica says of itself."""
        answer = await probe.get(replica.port, "/readyz")
        assert answer is not None
        said: dict[str, Any] = json.loads(answer[1])
        return said

    def errors(self) -> list[dict[str, Any]]:
        """What replicas have logged as errors."""
        logs = sorted((self.system.data / "logs").iterdir())
        return [entry for log in logs for entry in entries(log) if entry.get("level") == "error"]

    async def end(self) -> None:
        """Stop all replicas."""
        await asyncio.gather(*(replica.stop() for replicas in self.replicas.values() for replica in replicas))

    def _announce(self, service: str) -> None:
        self._balancers[service].replicas = tuple(replica.port for replica in self.replicas[service])
