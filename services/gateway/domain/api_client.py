"""API clients: what their keys may be for."""

from enum import StrEnum


class Scope(StrEnum):
    """What an API key is good for; `shared.permissions.SCOPES` says which permissions each grants."""

    INGEST = "ingest"
    SUBSCRIBE = "subscribe"
    READ = "read"
