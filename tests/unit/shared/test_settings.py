"""Settings: every mistake of an environment is named at once."""

from pathlib import Path

import pytest

from services.gateway.settings import GatewaySettings
from services.projects.settings import Settings
from shared.settings import SettingsError, from_environment
from shared.testing.http import Keys


@pytest.fixture
def right(tmp_path: Path) -> dict[str, str]:
    """An environment that a service can run in."""
    keys = Keys.make(tmp_path)
    return {
        "PMO_DATABASE_URL": "postgresql://app:secret@db/pmo_projects",
        "PMO_RELAY_DATABASE_URL": "postgresql://relay:secret@db/pmo_projects",
        "PMO_NATS_URL": "nats://projects:secret@nats:4222",
        "PMO_INTERNAL_PUBLIC_KEY_FILE": str(keys.public),
        "PMO_CURSOR_SECRET_FILE": str(keys.cursor_secret),
    }


def test_a_right_environment_is_read(right: dict[str, str]) -> None:
    settings = from_environment(Settings, {**right, "PMO_PORT": "9000"})
    assert settings.port == 9000
    assert len(settings.cursor_secret) == 32


def test_a_value_may_come_from_a_file(right: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text(right.pop("PMO_DATABASE_URL") + "\n")
    settings = from_environment(Settings, {**right, "PMO_DATABASE_URL_FILE": str(tmp_path / "url")})
    assert settings.database_url == "postgresql://app:secret@db/pmo_projects"


def test_all_mistakes_are_named_at_once(right: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    (tmp_path / "no.pem").write_text("no key")
    wrong = {
        "PMO_DATABASE_URL": "foo",
        "PMO_NATS_URL": "http://x",
        "PMO_INTERNAL_PUBLIC_KEY_FILE": str(tmp_path / "no.pem"),
        "PMO_CURSOR_SECRET_FILE": str(tmp_path / "short"),
        "PMO_LOG_LEVEL": "loud",
        "PMO_HOST": "",
        "PMO_PORT": "seventy",
        "PMO_RELAY_DATABASE_URL_FILE": "/nope",
    }
    del right["PMO_RELAY_DATABASE_URL"]
    with pytest.raises(SettingsError) as caught:
        from_environment(Settings, right | wrong)
    named = {mistake.partition(":")[0] for mistake in caught.value.mistakes}
    assert named >= set(wrong)


def test_the_gateways_own_mistakes_are_among_them(right: dict[str, str], tmp_path: Path) -> None:
    right["PMO_INTERNAL_PUBLIC_KEY_FILE"] = "/nope"
    right["PMO_INTERNAL_PRIVATE_KEY_FILE"] = str(tmp_path / "internal.pub")
    with pytest.raises(SettingsError) as caught:
        from_environment(GatewaySettings, right | {"PMO_OIDC_JWKS": "ftp://x", "PMO_ALLOWED_HOSTS": ","})
    text = "\n".join(caught.value.mistakes)
    for name in ("PUBLIC_KEY_FILE", "PRIVATE_KEY_FILE", "OIDC_ISSUER", "OIDC_JWKS", "ALLOWED_HOSTS", "KPI_URL"):
        assert f"PMO_{name}" in text or f"PMO_INTERNAL_{name}" in text
