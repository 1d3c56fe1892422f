"""Typed settings from the environment; every mistake is reported at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class SettingsError(Exception):
    """The environment does not hold what the service needs; `mistakes` has one line for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ServiceSettings(BaseModel):
    """What every service needs to run. Each value may instead come from the file that `<NAME>_FILE` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(description="PostgreSQL URL of the application role.")
    relay_database_url: str = Field(description="PostgreSQL URL of the relay role.")
    nats_url: str = Field(description="NATS URL with the service's user and password.")
    internal_public_key_file: Path = Field(description="PEM file: verifies the gateway's internal tokens.")
    cursor_secret_file: Path = Field(description="File of 32 or more random bytes: signs list cursors.")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    database_pool_size: int = Field(default=10, ge=2, le=100)
    log_level: str = "info"
    environment: Literal["production", "local", "test"] = Field(
        default="production", description="`local` is what `pmo up` sets; only `test` may run without durability."
    )

    @model_validator(mode="after")
    def _files_can_be_read(self) -> Self:
        for name, value in self:
            if name.endswith("_file") and isinstance(value, Path) and not value.is_file():
                raise ValueError(f"PMO_{name.upper()}: {value} is not a readable file")
        return self

    @property
    def cursor_secret(self) -> bytes:
        """The key that list cursors are signed with."""
        return self.cursor_secret_file.read_bytes()

    @property
    def internal_public_key(self) -> bytes:
        """The PEM of the key that internal tokens are verified with."""
        return self.internal_public_key_file.read_bytes()


Settings = TypeVar("Settings", bound=ServiceSettings)


def from_environment(kind: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Read settings of a kind from `PMO_<NAME>` or the file that `PMO_<NAME>_FILE` names; raises SettingsError."""
    values: dict[str, str] = {}
    mistakes = []
    for name in kind.model_fields:
        variable = f"PMO_{name.upper()}"
        if variable in environ:
            values[name] = environ[variable]
        elif path := environ.get(f"{variable}_FILE"):
            try:
                values[name] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                mistakes.append(f"{variable}_FILE: {error.strerror}: {path}")
    try:
        settings = kind.model_validate(values)
    except ValidationError as error:
        for item in error.errors():
            name = "_".join(str(part) for part in item["loc"])
            message = item["msg"].removeprefix("Value error, ")
            mistakes.append(f"PMO_{name.upper()}: {message}" if name else message)
        raise SettingsError(mistakes) from error
    if mistakes:
        raise SettingsError(mistakes)
    return settings
