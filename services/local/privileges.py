"""What differs for the administrator: PostgreSQL refuses to run as root, so it runs as a user without any rights."""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from services.local.errors import LocalRuntimeError
from services.local.process import Account

_PUBLIC_HOME: Final = Path("/var/lib/pmo-backend")
_LINK: Final = "files"


def unprivileged() -> Account | None:
    """The account for servers that refuse to run as root; None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalRuntimeError(
            "PostgreSQL does not run as root, and this system has no user `nobody` to run it as.\n"
            "Start pmo as an ordinary user."
        ) from None
    # Some systems number nobody -2; the system calls want it unsigned.
    return Account("nobody", entry.pw_uid % 2**32, entry.pw_gid % 2**32)


def reaches(account: Account, directory: Path) -> bool:
    """Whether the account can enter a directory; asked of the system itself, since modes do not tell all."""
    answer = subprocess.run(
        ["/bin/sh", "-c", 'cd "$0"', str(directory)],
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return answer.returncode == 0


def reachable_binaries(root: Path, parts: tuple[str, ...], version: str, account: Account | None) -> Path:
    """The folder that holds `parts`: `root`, or a public copy of it where the account cannot enter `root`."""
    if account is None or reaches(account, root / parts[0]):
        return root
    copy = _PUBLIC_HOME / f"binaries-{version}"
    if not copy.exists():
        _make_public_home()
        temporary = copy.with_name(f"{copy.name}.{os.getpid()}")
        for part in parts:
            if (root / part).exists():
                shutil.copytree(root / part, temporary / part, symlinks=True)
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            temporary.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(temporary)
    return copy


def reachable_home(home: Path, account: Account | None) -> Path:
    """Where the account can keep its files for `home`: there, or in a public folder where `home` is closed to it."""
    if account is None or reaches(account, home):
        return home
    link, public = home / _LINK, _public_home_of(home)
    if not link.is_symlink():
        # Whoever deleted `home` meant the data too: what is still here is a leftover of it.
        shutil.rmtree(public, ignore_errors=True)
        _make_public_home()
        public.mkdir()
        public.chmod(0o711)
        link.symlink_to(public)
    return public


def remove_home(home: Path) -> None:
    """Delete `home` and what stands in for it in the public folder."""
    link, public = home / _LINK, _public_home_of(home)
    if link.is_symlink() and link.readlink() == public:
        shutil.rmtree(public, ignore_errors=True)
    if home.exists():
        shutil.rmtree(home)


def _public_home_of(home: Path) -> Path:
    return _PUBLIC_HOME / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _make_public_home() -> None:
    _PUBLIC_HOME.mkdir(parents=True, exist_ok=True)
    _PUBLIC_HOME.chmod(0o711)
