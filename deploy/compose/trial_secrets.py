"""Makes the secrets that a trial of the composed system needs, a folder for each that reads them; what exists stays.

The folders are volumes: each container mounts its own and sees no other's. For real, give it folders that hold the
same files, made by whatever keeps your secrets; then nothing is made here.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import Final

from services import topology
from services.local.keys import Keys

SERVICE_USER: Final = 10001
POSTGRES_USER: Final = 999
"""The user `postgres` of the official image."""
NATS_CONFIGURATION: Final = Path(__file__).with_name("nats.conf")
KINDS: Final = ("owner", "app", "relay")


class Folder:
    """Files that one user alone can read."""

    def __init__(self, path: Path, user: int) -> None:
        self._path = path
        self._user = user

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self._path / name).exists()

    def keep(self, name: str, text: str) -> str:
        """Write a file unless it is there; returns what it holds, without the line's end."""
        file = self._path / name
        if not file.exists():
            unfinished = file.with_name(f".{name}.new")
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o400)
            with unfinished.open("w") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chown(unfinished, self._user, self._user)
            unfinished.replace(file)
        return file.read_text().rstrip("\n")


def make(root: Path) -> None:
    """Make what is missing below a folder that has one for each reader."""
    postgres = Folder(root / "postgres", POSTGRES_USER)
    nats = Folder(root / "nats", SERVICE_USER)
    migrate = Folder(root / "migrate", SERVICE_USER)
    services = {name: Folder(root / name, SERVICE_USER) for name in topology.SERVICES}
    issuer = root / "issuer"
    keys = Keys(issuer / "keys")
    keys.directory.mkdir(exist_ok=True)
    keys.make()
    for path in (keys.directory, *keys.directory.iterdir()):
        os.chown(path, SERVICE_USER, SERVICE_USER)

    postgres.keep("superuser_password", _password())
    # The server reads a password that begins with a digit as a number.
    users = {name: nats.keep(f"{name}_password", f"p{_password()}") for name in ("admin", *topology.SERVICES)}
    variables = "".join(f'PMO_NATS_{name.upper()}_PASSWORD: "{password}"\n' for name, password in users.items())
    nats.keep("nats.conf", variables + NATS_CONFIGURATION.read_text())
    migrate.keep("nats_admin_url", f"nats://admin:{users['admin']}@nats:4222")

    for name, folder in services.items():
        urls = {}
        for kind in KINDS:
            password = postgres.keep(f"{name}_{kind}_password", _password())
            urls[kind] = f"postgresql://{name}_{kind}:{password}@postgres:5432/pmo_{name}"
        migrate.keep(f"{name}_database_url", urls["owner"])
        folder.keep("database_url", urls["app"])
        folder.keep("relay_database_url", urls["relay"])
        folder.keep("nats_url", f"nats://{name}:{users[name]}@nats:4222")
        folder.keep("internal.pub.pem", keys.internal_public.read_text())
        folder.keep("cursor.key", keys.cursor_secret.read_text())
    services["gateway"].keep("internal.pem", keys.internal_private.read_text())
    services["gateway"].keep("issuer.jwks.json", keys.jwks.read_text())
    # NATS runs as the services do, and a new volume is the administrator's.
    os.chown(root / "nats-data", SERVICE_USER, SERVICE_USER)


def _password() -> str:
    return secrets.token_hex(24)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
