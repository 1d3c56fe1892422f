"""The files that describe the composed system agree with the code and keep to the rules; no container is needed."""

import importlib.util
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from services import topology
from services.local.nats_config import USERS
from services.local.postgres_config import ROLE_SETTINGS
from shared.testing.cases import ROOT

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
SECRETS: Final = re.compile(r"^\$\{PMO_SECRETS:-secrets-\}([a-z]+):/run/secrets:ro$")
ROLES: Final = (ROOT / "deploy/postgres/10-services.sh").read_text()


def folder_of(container: str) -> str:
    """The folder of secrets that a container mounts; it mounts one alone."""
    found = [match[1] for volume in CONTAINERS[container]["volumes"] if (match := SECRETS.match(volume))]
    assert len(found) == 1, container
    return found[0]


Made = tuple[Path, Callable[[Path], None]]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A trial's secrets, and what makes them; only the administrator could give files to other users."""
    monkeypatch.delenv("PMO_SECRETS", raising=False)
    path = ROOT / "deploy/compose/trial_secrets.py"
    specification = importlib.util.spec_from_file_location("trial_secrets", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "NATS_CONFIGURATION", ROOT / "deploy/nats/nats.conf")
    monkeypatch.setattr(os, "chown", lambda *_: None)
    module.main(tmp_path)
    return tmp_path, module.main


def test_every_service_is_served_and_migrated() -> None:
    for service in topology.SERVICES:
        assert CONTAINERS[service]["command"] == ["serve", service]
        assert CONTAINERS[f"migrate-{service}"]["command"] == ["migrate", service]
        assert CONTAINERS[service]["image"] == CONTAINERS[f"migrate-{service}"]["image"] == f"pmo-{service}"
        assert CONTAINERS[service]["build"]["args"] == {"SERVICE": service}


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_a_container_has_a_read_only_root_and_no_rights_to_gain(container: str) -> None:
    settings = CONTAINERS[container]
    assert settings["read_only"] is True
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["cap_drop"] == ["ALL"]
    assert not settings.get("privileged")


def test_only_the_gateway_is_published_and_the_rest_reaches_nobody_outside() -> None:
    assert [name for name, settings in CONTAINERS.items() if settings.get("ports")] == ["gateway"]
    assert COMPOSE["networks"]["inner"]["internal"] is True
    outside = [name for name, settings in CONTAINERS.items() if "edge" in settings.get("networks", [])]
    assert outside == ["gateway"]


def test_nothing_waits_for_another_but_for_its_secrets() -> None:
    assert {name for settings in CONTAINERS.values() for name in settings.get("depends_on", {})} == {"secrets"}


def test_every_file_that_a_container_reads_is_made_in_the_folder_it_mounts(made: Made) -> None:
    root, _ = made
    for name, settings in CONTAINERS.items():
        named = [value for variable, value in settings.get("environment", {}).items() if variable.endswith("_FILE")]
        for path in named:
            file = root / folder_of(name) / Path(path).relative_to("/run/secrets")
            assert file.read_text(), (name, path)
            assert stat.S_IMODE(file.stat().st_mode) == 0o400
    configuration = (root / "nats/nats.conf").read_text()
    assert configuration.endswith((ROOT / "deploy/nats/nats.conf").read_text())
    for user in USERS:
        assert re.search(rf'^PMO_NATS_{user.upper()}_PASSWORD: "[a-z][0-9a-f]{{48}}"$', configuration, re.MULTILINE)


def test_a_service_finds_no_other_ones_secrets(made: Made) -> None:
    root, _ = made
    shared_files = {"internal.pub.pem", "cursor.key"}
    seen: dict[str, str] = {}
    for service in topology.SERVICES:
        for file in (root / service).iterdir():
            if file.name not in shared_files:
                assert seen.setdefault(file.read_text(), service) == service
    assert not (root / "projects/internal.pem").exists()


def test_secrets_that_exist_stay(made: Made) -> None:
    root, main = made
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    main(root)
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


def test_of_your_own_secrets_nothing_is_made_and_all_that_is_missing_is_named(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, main = made
    monkeypatch.setenv("PMO_SECRETS", "/etc/pmo/")
    main(root)
    for name in ("kpi/nats_url", "gateway/internal.pem", "postgres/projects_app_password"):
        (root / name).unlink()
    with pytest.raises(SystemExit) as refusal:
        main(root)
    lines = str(refusal.value.code).splitlines()
    assert lines[0] == "Missing in /etc/pmo/:"
    assert sorted(lines[1:]) == ["  gateway/internal.pem", "  kpi/nats_url", "  postgres/projects_app_password"]
    assert not (root / "kpi/nats_url").exists()


def test_the_roles_are_bounded_as_on_one_machine() -> None:
    found: dict[str, dict[str, str]] = {kind: {} for kind in ROLE_SETTINGS}
    for kind, name, value in re.findall(r"^alter role :\"(\w+)\" set (\w+) = '([^']*)';$", ROLES, re.MULTILINE):
        found[kind][name] = value
    assert found == dict(ROLE_SETTINGS)
    assert f"${{PMO_SERVICES:-{' '.join(topology.SERVICES)}}}" in ROLES
    for kind in ROLE_SETTINGS:
        assert f'create role :"{kind}" with login nosuperuser nocreatedb nocreaterole nobypassrls' in ROLES
