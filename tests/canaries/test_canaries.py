"""The suite goes red when a safeguard is off: each is switched off, and the test that holds it must fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries.mutations import CANARIES

pytestmark = pytest.mark.xdist_group("canaries")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Why each of these tests failed without its safeguard."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.canaries.mutations", "-p", "no:randomly", "-n", "0"]
    command += [
        "-p",
        "no:schemathesis",
        "-p",
        "no:hypothesispytest",
        "--tb=no",
        "-rfE",
        *(canary.test for canary in CANARIES.values()),
    ]
    wide = {**os.environ, "COLUMNS": "400"}
    run = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return dict(re.findall(r"^FAILED (tests/\S+) - (.*)", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("name", CANARIES)
def test_a_safeguard_that_is_off_is_noticed(outcomes: dict[str, str], name: str) -> None:
    reason = outcomes[CANARIES[name].test]
    assert reason.startswith(("assert ", "AssertionError", "Failed: DID NOT RAISE")), reason
