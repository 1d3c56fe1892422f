"""The settings of the embedded PostgreSQL: the server's, its door's and each role's, as text and data."""

from pathlib import Path
from types import MappingProxyType
from typing import Final

LONGEST_SOCKET_PATH: Final = 103
"""Bytes that a Unix socket's path may have on every supported system."""

INITDB_OPTIONS: Final = (
    "--data-checksums",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)

CLIENT_AUTHENTICATION: Final = """\
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""

_COMMON: Final = {"search_path": "public", "timezone": "UTC", "default_transaction_isolation": "read committed"}

ROLE_SETTINGS: Final = MappingProxyType(
    {
        "owner": {
            **_COMMON,
            "statement_timeout": "0",
            "lock_timeout": "2s",
            "idle_in_transaction_session_timeout": "60s",
            "transaction_timeout": "0",
        },
        "app": {
            **_COMMON,
            "statement_timeout": "5s",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "10s",
            "transaction_timeout": "15s",
        },
        "relay": {
            **_COMMON,
            "statement_timeout": "10s",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "10s",
            "transaction_timeout": "15s",
        },
    }
)
"""Kind of role -> the settings that bound its work."""

_SERVER: Final = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
    "log_statement": "none",
    "log_parameter_max_length_on_error": "0",
    "unix_socket_permissions": "0700",
}

_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_FAST: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "autovacuum_naptime": "10min"}


def server_settings(socket_directory: Path, port: int, *, fast: bool) -> str:
    """The text of postgresql.conf; `fast` gives up durability and is for tests alone."""
    settings = {
        **_SERVER,
        **(_FAST if fast else _DURABLE),
        "port": str(port),
        "unix_socket_directories": _quoted_list_item(socket_directory),
    }
    return "".join(f"{name} = '{value}'\n" for name, value in settings.items())


def _quoted_list_item(path: Path) -> str:
    # A comma-separated list inside a quoted string: both quotings apply.
    item = '"' + str(path).replace('"', '""') + '"'
    return item.replace("\\", "\\\\").replace("'", "''")
