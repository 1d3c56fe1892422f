"""The `pmo` command and the tokens it makes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from services import topology
from services.local import keys, nats_config
from services.local.keys import Keys


def pmo(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with nothing of ours in its environment but what is given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PMO_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "services", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=clean | environment | {"COLUMNS": "200"},
        timeout=60,
    )


@pytest.fixture
def made(tmp_path: Path) -> Keys:
    """The keys of a new instance."""
    (tmp_path / "keys").mkdir()
    made = Keys(tmp_path / "keys")
    made.make()
    return made


def claims(made: Keys, token: str) -> dict[str, object]:
    """What a token says, verified as a gateway does."""
    key = jwt.PyJWKSet.from_dict(json.loads(made.jwks.read_text())).keys[0]
    read: dict[str, object] = jwt.decode(
        token, key, algorithms=["ES256"], audience=keys.AUDIENCE, issuer=keys.ISSUER, options={"strict_aud": True}
    )
    return read


def test_a_token_is_an_access_token_for_an_hour_that_the_published_key_verifies(made: Keys) -> None:
    token = made.token(["pmo_director"])
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    read = claims(made, token)
    assert read["roles"] == ["pmo_director"]
    assert isinstance(read["exp"], int)
    assert 3590 < read["exp"] - time.time() <= 3600


def test_keys_that_exist_stay(made: Keys) -> None:
    before = {path.name: path.read_text() for path in made.directory.iterdir()}
    made.make()
    assert {path.name: path.read_text() for path in made.directory.iterdir()} == before


def test_the_token_command_takes_roles_organization_and_subject(made: Keys) -> None:
    organization = str(uuid4())
    command = ["token", "--data", str(made.directory.parent), "--role", "executive", "--role", "project_manager"]
    answer = pmo(*command, "--organization", organization, "--subject", "ann")
    read = claims(made, answer.stdout.strip())
    assert (read["roles"], read["sub"]) == (["executive", "project_manager"], "ann")
    assert read["organization"] == organization


def test_an_unknown_role_is_refused_with_the_known_ones(made: Keys) -> None:
    answer = pmo("token", "--role", "boss", "--data", str(made.directory.parent))
    assert answer.returncode == 2
    assert "pmo_director" in answer.stderr


def test_without_keys_the_token_command_says_what_to_do(tmp_path: Path) -> None:
    answer = pmo("token", "--data", str(tmp_path))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "pmo up" in answer.stderr


def test_missing_settings_are_said_all_at_once() -> None:
    answer = pmo("migrate", "all", PMO_NATS_ADMIN_URL="")
    assert answer.returncode == 2
    for service in topology.SERVICES:
        assert f"PMO_{service.upper()}_MIGRATION_DATABASE_URL" in answer.stderr
    assert "PMO_NATS_ADMIN_URL" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", [[], ["up"], ["serve"], ["migrate"], ["rebuild"], ["token"], ["contracts"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    answer = pmo(*command, "--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Usage: pmo")


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    answer = pmo("serve", "payroll")
    assert answer.returncode == 2
    assert "projects, resources, kpi, gateway" in answer.stderr


def test_only_the_gateway_may_make_consumers_and_nobody_may_read_past_its_rights() -> None:
    for service in topology.SERVICES:
        rights = nats_config.publish_rights(service)
        assert any(".CONSUMER.CREATE." in right for right in rights) is (service == "gateway")
        assert [right for right in rights if right.startswith("pmo.")] == [topology.subjects(service)]
        asked = ("pmo-audit.projects",) if service == "projects" else ()
        assert nats_config.subscribe_rights(service) == (f"_INBOX_{service}.>", *asked)
        asks = [right for right in rights if right.startswith("pmo-audit.")]
        assert asks == (["pmo-audit.projects"] if service in {"resources", "kpi"} else [])


def test_the_deployed_nats_configuration_is_the_generated_one() -> None:
    assert Path(__file__).parents[3].joinpath("deploy/nats/nats.conf").read_text() == nats_config.production()
