"""The embedded servers: what they promise and whom they refuse."""

import asyncio
import contextlib
import os
import pwd
import signal
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import APIError

from services import topology
from services.local import privileges
from services.local.nats import NatsServer
from services.local.postgres import Postgres


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the unprivileged user of a root's PostgreSQL may enter."""
    with tempfile.TemporaryDirectory(prefix="pmo-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


async def test_the_durable_settings_are_on_and_checksums_protect_the_data(home: Path) -> None:
    server = await Postgres.start(home / "postgres")
    try:
        connection = await asyncpg.connect(server.dsn("postgres"))
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert await connection.fetchval("select current_setting($1)", setting) == "on"
        await connection.close()
    finally:
        await server.stop()


async def test_every_role_enters_its_own_database_with_its_limits(postgres: Postgres) -> None:
    projects = await postgres.provision("projects")
    expected = {"owner": ("0", "2s", "0"), "app": ("5s", "1s", "15s"), "relay": ("10s", "1s", "15s")}
    for kind, limits in expected.items():
        connection = await asyncpg.connect(getattr(projects, kind))
        row = await connection.fetchrow(
            "select current_user::text, current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('transaction_timeout')"
        )
        assert row is not None
        assert tuple(row) == (f"projects_{kind}", *limits)
        await connection.close()


async def test_a_role_cannot_enter_another_services_database(postgres: Postgres) -> None:
    await postgres.provision("projects")
    await postgres.provision("kpi")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres.dsn("pmo_kpi", "projects_app"))


async def test_a_wrong_password_is_refused_on_the_socket_too(postgres: Postgres) -> None:
    await postgres.provision("projects")
    url = postgres.dsn("pmo_projects", "projects_app", over_socket=True)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url, password="guessed")
    connection = await asyncpg.connect(url)
    await connection.close()


async def test_the_app_role_is_weak_and_cannot_make_tables(postgres: Postgres) -> None:
    projects = await postgres.provision("projects")
    connection = await asyncpg.connect(projects.app)
    powers = await connection.fetchrow(
        "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
    )
    assert powers is not None
    assert not any(powers.values())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("create table mine (id int)")
    await connection.close()


async def test_a_clone_has_the_tables_and_the_roles_of_its_template(postgres: Postgres) -> None:
    template = await postgres.provision("resources")
    owner = await asyncpg.connect(template.owner)
    await owner.execute("create table if not exists note (text text); grant select on note to resources_app")
    await owner.close()
    copy = await postgres.clone("resources", "pmo_resources_copy")
    connection = await asyncpg.connect(copy.app)
    assert await connection.fetchval("select count(*) from note") == 0
    await connection.close()
    await postgres.drop(copy.name)


async def test_data_and_passwords_survive_a_restart_and_the_passwords_are_private(home: Path) -> None:
    cluster = home / "postgres"
    first = await Postgres.start(cluster, fast=True)
    database = await first.provision("projects")
    owner = await asyncpg.connect(database.owner)
    await owner.execute("create table kept as select 42 as answer")
    await owner.close()
    await first.stop()

    second = await Postgres.start(cluster, fast=True)
    try:
        owner = await asyncpg.connect((await second.provision("projects")).owner)
        assert await owner.fetchval("select answer from kept") == 42
        await owner.close()
    finally:
        await second.stop()
    assert stat.S_IMODE((cluster / "passwords.json").stat().st_mode) == 0o600


async def test_a_killed_postgres_comes_back_on_the_same_port(home: Path) -> None:
    server = await Postgres.start(home / "postgres", fast=True)
    try:
        port = server.port
        assert server.child is not None
        server.child.send(signal.SIGKILL)
        await server.child.wait()
        await server.launch()
        connection = await asyncpg.connect(server.dsn("postgres"))
        assert await connection.fetchval("show port") == str(port)
        await connection.close()
    finally:
        await server.stop()


async def test_a_deep_folder_gets_a_socket_with_a_short_path(home: Path) -> None:
    deep = home / ("deep" * 20) / "postgres"
    server = await Postgres.start(deep, fast=True)
    try:
        connection = await asyncpg.connect(server.dsn("postgres", over_socket=True))
        await connection.close()
    finally:
        await server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
async def test_root_runs_postgres_as_nobody_even_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = await Postgres.start(closed / "postgres", fast=True)
    try:
        assert server.child is not None
        connection = await asyncpg.connect(server.dsn("postgres"))
        directory = Path(await connection.fetchval("show data_directory"))
        await connection.close()
    finally:
        await server.stop()
    assert owner_and_mode(directory) == (pwd.getpwnam("nobody").pw_uid, 0o700)
    assert owner_and_mode(closed) == (0, 0o700)
    privileges.remove_home(closed / "postgres")
    assert directory.name not in names_in(directory.parent)


def names_in(directory: Path) -> set[str]:
    """What a folder holds; nothing when it does not exist."""
    return {path.name for path in directory.glob("*")}


def owner_and_mode(path: Path) -> tuple[int, int]:
    """Who owns a folder and who may enter it."""
    status = path.stat()
    return status.st_uid, stat.S_IMODE(status.st_mode)


@pytest.fixture
async def streams(nats_server: NatsServer) -> AsyncIterator[None]:
    """The streams and durables of the topology, as the migration step makes them."""
    async with connected(nats_server, "admin") as admin:
        context = admin.jetstream()
        for service in topology.SERVICES:
            await context.add_stream(StreamConfig(name=topology.stream(service), subjects=[topology.subjects(service)]))
            for durable in topology.readers(service):
                await context.add_consumer(
                    topology.stream(service), ConsumerConfig(durable_name=durable, ack_policy=AckPolicy.EXPLICIT)
                )
        yield
        for service in topology.SERVICES:
            await context.delete_stream(topology.stream(service))


@contextlib.asynccontextmanager
async def connected(server: NatsServer, user: str) -> AsyncIterator[Client]:
    """A connection of a user, with the private inbox that its rights demand."""

    async def silent(_: Exception) -> None:
        """Refusals arrive here; the tests look at what follows from them."""

    prefix = b"_INBOX" if user == "admin" else topology.inbox_prefix(user).encode()
    connection = await nats.connect(server.url(user), inbox_prefix=prefix, error_cb=silent, allow_reconnect=False)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.usefixtures("streams")
async def test_each_service_publishes_its_own_events_and_no_others(nats_server: NatsServer) -> None:
    for service in topology.SERVICES:
        async with connected(nats_server, service) as connection:
            context = connection.jetstream(timeout=0.2)
            assert (await context.publish(f"pmo.{service}.a.b.c.d", b"own")).stream == topology.stream(service)
            other = next(name for name in topology.SERVICES if name != service)
            with pytest.raises((NatsTimeout, asyncio.TimeoutError)):
                await context.publish(f"pmo.{other}.a.b.c.d", b"forged")


@pytest.mark.usefixtures("streams")
async def test_a_consumer_reads_and_acks_through_its_own_durable_only(nats_server: NatsServer) -> None:
    async with connected(nats_server, "projects") as producer:
        await producer.jetstream().publish("pmo.projects.a.b.c.d", b"fact")
    async with connected(nats_server, "kpi") as connection:
        context = connection.jetstream(timeout=0.2)
        subscription = await context.pull_subscribe_bind("kpi-on-projects", "PROJECTS")
        (message,) = await subscription.fetch(1, timeout=2)
        await message.ack_sync(timeout=2)
        assert (await context.consumer_info("PROJECTS", "kpi-on-projects")).num_ack_pending == 0
        foreign = await context.pull_subscribe_bind("resources-on-projects", "PROJECTS")
        with pytest.raises((NatsTimeout, asyncio.TimeoutError)):
            await foreign.fetch(1, timeout=0.3)
        with pytest.raises((NatsTimeout, asyncio.TimeoutError, APIError, NoRespondersError)):
            await context.delete_consumer("PROJECTS", "kpi-on-projects")


@pytest.mark.usefixtures("streams")
async def test_the_gateway_watches_every_stream_with_consumers_of_its_own(nats_server: NatsServer) -> None:
    async with connected(nats_server, "gateway") as connection:
        context = connection.jetstream(timeout=2)
        for service in topology.SERVICES:
            async with connected(nats_server, service) as producer:
                await producer.jetstream().publish(f"pmo.{service}.a.b.c.d", b"seen")
            stream = topology.stream(service)
            assert (await context.stream_info(stream)).state.messages >= 1
            made = await context.add_consumer(stream, ConsumerConfig(name="live", ack_policy=AckPolicy.NONE))
            subscription = await context.pull_subscribe_bind(made.name, stream)
            (message,) = await subscription.fetch(1, timeout=2)
            assert message.data == b"seen"
            assert await context.delete_consumer(stream, "live")


async def test_a_service_cannot_listen_past_the_streams(nats_server: NatsServer) -> None:
    async with connected(nats_server, "kpi") as listener, connected(nats_server, "admin") as admin:
        subscription = await listener.subscribe("pmo.>")
        await admin.publish("pmo.projects.a.b.c.d", b"secret")
        await admin.flush()
        with pytest.raises((NatsTimeout, asyncio.TimeoutError)):
            await subscription.next_msg(timeout=0.2)


async def test_a_stranger_is_not_let_in(nats_server: NatsServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", nats_server.port)
    assert (await reader.readline()).startswith(b"INFO ")
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_killed_nats_comes_back_with_its_messages(home: Path) -> None:
    server = await NatsServer.start(home / "nats")
    try:
        async with connected(server, "admin") as admin:
            await admin.jetstream().add_stream(StreamConfig(name="PROJECTS", subjects=["pmo.projects.>"]))
            await admin.jetstream().publish("pmo.projects.a.b.c.d", b"kept")
        assert server.child is not None
        server.child.send(signal.SIGKILL)
        await server.child.wait()
        await server.launch()
        async with connected(server, "projects") as connection:
            assert (await connection.jetstream().stream_info("PROJECTS")).state.messages == 1
    finally:
        await server.stop()
