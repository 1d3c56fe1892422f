"""The gateway's settings, from the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, field_validator

from shared.settings import ReadableFile, ServiceSettings, from_environment

_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?:\d{1,5}|\*))?")


class GatewaySettings(ServiceSettings):
    """What the gateway needs to run, besides what every service needs."""

    internal_private_key_file: ReadableFile = Field(description="PEM file (Ed25519): signs internal tokens.")
    oidc_issuer: str = Field(min_length=1, description="The `iss` of access tokens, exactly.")
    oidc_audience: str = Field(min_length=1, description="The `aud` of access tokens, exactly.")
    oidc_jwks: str = Field(description="The issuer's keys: an https URL or a file's path.")
    projects_url: str = Field(description="Base URL of the projects service.")
    resources_url: str = Field(description="Base URL of the resources service.")
    kpi_url: str = Field(description="Base URL of the kpi service.")
    allowed_hosts: str = Field(description="Hosts that are served, comma-separated, with or without port.")
    cors_origins: str = Field(default="", description="Origins whose pages may call, comma-separated; port may be *.")
    metrics_token: str = Field(default="", description="Bearer token that /metrics asks for; without one it is hidden.")

    @field_validator("projects_url", "resources_url", "kpi_url")
    @classmethod
    def _is_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
            raise ValueError("must be a base URL such as http://projects:8080")
        return value

    @field_validator("oidc_jwks")
    @classmethod
    def _is_https_or_file(cls, value: str) -> str:
        parts = urlsplit(value)
        if "://" in value and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("must be an https URL or a file's path")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: str) -> str:
        hosts = _items(value)
        if not hosts:
            raise ValueError("names no host")
        if wrong := [host for host in hosts if not _HOST.fullmatch(host)]:
            raise ValueError(f"not a host: {wrong[0]}")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        if wrong := [origin for origin in _items(value) if not _ORIGIN.fullmatch(origin)]:
            raise ValueError(f"not an origin such as https://app.example.org: {wrong[0]}")
        return value

    @field_validator("internal_private_key_file")
    @classmethod
    def _is_a_private_key(cls, path: Path) -> Path:
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 private key in PEM")
        return path

    @property
    def internal_private_key(self) -> bytes:
        """The PEM of the key that internal tokens are signed with."""
        return self.internal_private_key_file.read_bytes()

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that are served."""
        return frozenset(_items(self.allowed_hosts))

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins whose pages may call."""
        return _items(self.cors_origins)

    @property
    def upstreams(self) -> dict[str, str]:
        """Service -> base URL."""
        return {"projects": self.projects_url, "resources": self.resources_url, "kpi": self.kpi_url}


def load(environ: Mapping[str, str] | None = None) -> GatewaySettings:
    """Read the settings; raises shared.settings.SettingsError with every mistake."""
    return from_environment(GatewaySettings, os.environ if environ is None else environ)


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
