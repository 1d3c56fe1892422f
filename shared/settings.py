"""Typed settings from the environment; every mistake is reported at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

CURSOR_SECRET_BYTES: Final = 32


class SettingsError(Exception):
    """The environment does not hold what the service needs; `mistakes` has one line for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path} is not a readable file")
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


ReadableFile = Annotated[Path, AfterValidator(_readable)]
PostgresUrl = Annotated[str, Field(pattern=r"^postgres(ql)?://[^/ ]")]
NatsUrl = Annotated[str, Field(pattern=r"^(nats|tls)://[^/ ]")]


class ServiceSettings(BaseModel):
    """What every service needs to run. Each value may instead come from the file that `<NAME>_FILE` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: PostgresUrl = Field(description="PostgreSQL URL of the application role.")
    relay_database_url: PostgresUrl = Field(description="PostgreSQL URL of the relay role.")
    nats_url: NatsUrl = Field(description="NATS URL with the service's user and password.")
    internal_public_key_file: ReadableFile = Field(description="PEM file: verifies the gateway's internal tokens.")
    cursor_secret_file: ReadableFile = Field(description="File of 32 or more random bytes: signs list cursors.")
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65535)
    database_pool_size: int = Field(default=10, ge=2, le=100)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces: Literal["none", "otlp", "console"] = Field(
        default="none", description="Where spans go: over OTLP/HTTP as OTEL_EXPORTER_OTLP_ENDPOINT says, or to stderr."
    )
    environment: Literal["production", "local", "test"] = Field(
        default="production", description="`local` is what `pmo up` sets; only `test` may run without durability."
    )

    @field_validator("internal_public_key_file")
    @classmethod
    def _is_a_public_key(cls, path: Path) -> Path:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"{path} holds no Ed25519 public key in PEM")
        return path

    @field_validator("cursor_secret_file")
    @classmethod
    def _is_long_enough(cls, path: Path) -> Path:
        if path.stat().st_size < CURSOR_SECRET_BYTES:
            raise ValueError(f"{path} holds fewer than {CURSOR_SECRET_BYTES} bytes")
        return path

    @property
    def cursor_secret(self) -> bytes:
        """The key that list cursors are signed with."""
        return self.cursor_secret_file.read_bytes()

    @property
    def internal_public_key(self) -> bytes:
        """The PEM of the key that internal tokens are verified with."""
        return self.internal_public_key_file.read_bytes()


Settings = TypeVar("Settings", bound=ServiceSettings)


def required(environ: Mapping[str, str], variables: Iterable[str]) -> dict[str, str]:
    """Read variables, or the files that `<VARIABLE>_FILE` name; raises SettingsError with all that are missing."""
    values: dict[str, str] = {}
    mistakes = []
    for variable in variables:
        try:
            value = environ.get(variable) or _of_file(environ, variable)
        except OSError as error:
            mistakes.append(f"{variable}_FILE: {error.strerror}: {error.filename}")
            continue
        if value:
            values[variable] = value
        else:
            mistakes.append(f"{variable}: Field required")
    if mistakes:
        raise SettingsError(mistakes)
    return values


def _of_file(environ: Mapping[str, str], variable: str) -> str | None:
    path = environ.get(f"{variable}_FILE")
    return Path(path).read_text(encoding="utf-8").strip() if path else None


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
