"""Makes the secrets that a trial of the composed system needs, a folder for each that reads them; what exists stays.

The folders are volumes: each container mounts its own and sees no other's. Where PMO_SECRETS says that they are yours,
nothing is made: all that is missing is named, and nothing else starts.
"""

import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services import topology
from services.local.keys import Keys

SERVICE_USER: Final = 10001
POSTGRES_USER: Final = 999
"""The user `postgres` of the official image."""
NATS_CONFIGURATION: Final = Path(__file__).with_name("nats.conf")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The folders of secrets below one; either what is missing is made, or it is only noted."""

    root: Path
    making: bool
    missing: list[Path] = field(default_factory=list)

    def keep(self, folder: str, name: str, text: str) -> str:
        """Write a file that its reader alone can read, unless it is there; returns what it holds."""
        file = self.root / folder / name
        if not file.exists() and not self.making:
            self.missing.append(file)
            return ""
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            unfinished = file.with_name(f".{name}.new")
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o400)
            with unfinished.open("w") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            user = POSTGRES_USER if folder == "postgres" else SERVICE_USER
            os.chown(unfinished, user, user)
            unfinished.replace(file)
        return file.read_text().strip()


def make(root: Path) -> None:
    """Make what is missing below a folder."""
    keys = Keys(root / "issuer/keys")
    keys.directory.mkdir(parents=True, exist_ok=True)
    keys.make()
    for path in (keys.directory, *keys.directory.iterdir()):
        os.chown(path, SERVICE_USER, SERVICE_USER)
    kept = Secrets(root, making=True)
    kept.keep("gateway", "issuer.jwks.json", keys.jwks.read_text())
    _complete(kept, keys.internal_private.read_text(), keys.internal_public.read_text(), keys.cursor_secret.read_text())


def missing(root: Path) -> list[Path]:
    """Return what is missing below a folder."""
    kept = Secrets(root, making=False)
    _complete(kept, "", "", "")
    return kept.missing


def _complete(kept: Secrets, internal_private: str, internal_public: str, cursor_secret: str) -> None:
    kept.keep("postgres", "superuser_password", _password())
    # The server reads a password that begins with a digit as a number.
    users = {name: f"p{_password()}" for name in ("admin", *topology.SERVICES)}
    if kept.making:
        users = {name: kept.keep("nats", f"{name}_password", password) for name, password in users.items()}
    variables = "".join(f'PMO_NATS_{name.upper()}_PASSWORD: "{password}"\n' for name, password in users.items())
    kept.keep("nats", "nats.conf", variables + NATS_CONFIGURATION.read_text())
    kept.keep("migrate", "nats_admin_url", f"nats://admin:{users['admin']}@nats:4222")
    for service in topology.SERVICES:
        urls = {}
        for kind in ("owner", "app", "relay"):
            password = kept.keep("postgres", f"{service}_{kind}_password", _password())
            urls[kind] = f"postgresql://{service}_{kind}:{password}@postgres:5432/pmo_{service}"
        kept.keep("migrate", f"{service}_database_url", urls["owner"])
        kept.keep(service, "database_url", urls["app"])
        kept.keep(service, "relay_database_url", urls["relay"])
        kept.keep(service, "nats_url", f"nats://{service}:{users[service]}@nats:4222")
        kept.keep(service, "internal.pub.pem", internal_public)
        kept.keep(service, "cursor.key", cursor_secret)
    kept.keep("gateway", "internal.pem", internal_private)


def _password() -> str:
    return secrets.token_hex(24)


def main(root: Path) -> None:
    """Make what is missing, or refuse where that is not ours to make."""
    yours = os.environ.get("PMO_SECRETS")
    if not yours:
        make(root)
    elif lacking := missing(root):
        sys.exit("\n".join([f"Missing in {yours}:", *(f"  {file.relative_to(root)}" for file in lacking)]))
    if (data := root / "nats-data").exists():
        # NATS runs as the services do, and a new volume is the administrator's.
        os.chown(data, SERVICE_USER, SERVICE_USER)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
