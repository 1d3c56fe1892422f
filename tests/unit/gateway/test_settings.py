"""The gateway's settings are read from the environment, and all mistakes are told at once."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.gateway.proxy.assemble import assemble, public_page
from services.gateway.settings import load
from shared.settings import SettingsError
from tests.service.gateway.harness import nothing


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A good environment."""
    key = Ed25519PrivateKey.generate()
    private, public, cursor = tmp_path / "private.pem", tmp_path / "public.pem", tmp_path / "cursor"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    cursor.write_bytes(b"x" * 32)
    return {
        "PMO_DATABASE_URL": "postgresql://gateway_app@127.0.0.1/pmo_gateway",
        "PMO_RELAY_DATABASE_URL": "postgresql://gateway_relay@127.0.0.1/pmo_gateway",
        "PMO_NATS_URL": "nats://gateway:x@127.0.0.1:4222",
        "PMO_INTERNAL_PUBLIC_KEY_FILE": str(public),
        "PMO_INTERNAL_PRIVATE_KEY_FILE": str(private),
        "PMO_CURSOR_SECRET_FILE": str(cursor),
        "PMO_OIDC_ISSUER": "https://issuer.example",
        "PMO_OIDC_AUDIENCE": "pmo",
        "PMO_OIDC_JWKS": str(tmp_path / "jwks.json"),
        "PMO_PROJECTS_URL": "http://127.0.0.1:8101",
        "PMO_RESOURCES_URL": "http://127.0.0.1:8102",
        "PMO_KPI_URL": "http://127.0.0.1:8103",
        "PMO_ALLOWED_HOSTS": "localhost, 127.0.0.1,[::1]:8080",
        "PMO_CORS_ORIGINS": "http://localhost:*,https://app.example",
    }


async def test_a_good_environment_makes_a_gateway_though_no_service_is_up(environment: dict[str, str]) -> None:
    settings = load(environment)
    assert settings.hosts == {"localhost", "127.0.0.1", "[::1]:8080"}
    assert settings.origins == ("http://localhost:*", "https://app.example")
    assert settings.upstreams["kpi"] == "http://127.0.0.1:8103"

    async def nobody(_key_id: str) -> None:
        return None

    document = {"paths": {"/v1/projects": {"get": {"x-pmo-service": "projects"}}}}
    assemble(settings, document, nothing, nobody, pages=[public_page("/livez"), public_page("/docs/{rest:path}")])


def test_all_mistakes_are_told_at_once(environment: dict[str, str]) -> None:
    broken = {
        **environment,
        "PMO_PROJECTS_URL": "projects:8080",
        "PMO_KPI_URL": "http://kpi/v1",
        "PMO_ALLOWED_HOSTS": "https://x",
        "PMO_CORS_ORIGINS": "*",
        "PMO_OIDC_JWKS": "http://issuer.example/jwks",
        "PMO_PORT": "http",
    }
    del broken["PMO_OIDC_ISSUER"]
    with pytest.raises(SettingsError) as refused:
        load(broken)
    told = "\n".join(refused.value.mistakes)
    for name in ("PROJECTS_URL", "KPI_URL", "ALLOWED_HOSTS", "CORS_ORIGINS", "OIDC_JWKS", "OIDC_ISSUER", "PORT"):
        assert f"PMO_{name}" in told


def test_a_key_of_another_kind_is_refused(environment: dict[str, str]) -> None:
    path = environment["PMO_INTERNAL_PUBLIC_KEY_FILE"]
    with pytest.raises(SettingsError, match="Ed25519"):
        load({**environment, "PMO_INTERNAL_PRIVATE_KEY_FILE": path})
