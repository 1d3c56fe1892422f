"""The page of attacks and the tests cannot drift apart: each row stands there once, with tests that bear its number."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from shared.testing.cases import ROOT

ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NUMBER = re.compile(r"(?<![a-z])row[-_]0*(\d+)(?!\d)")
STANDS = ("tested", "differs: ", "not yet: ")


def page() -> list[tuple[int, str, set[str]]]:
    """The rows of the page: number, how it stands, and the files of its tests."""
    text = (ROOT / "docs/attacks.md").read_text()
    return [(int(number), stands, set(re.findall(r"`([^`]+)`", tests))) for number, stands, tests in ROW.findall(text)]


@pytest.fixture(scope="module")
def collected() -> dict[int, set[str]]:
    """The files with tests that bear a row's number, by that number."""
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if NUMBER.search(path.read_text())]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command += ["-p", "no:schemathesis", "-p", "no:hypothesispytest"]  # slow to load, and not needed
    command += ["-o", "addopts=--import-mode=importlib", *map(str, files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[int, set[str]] = defaultdict(set)
    for name in run.stdout.splitlines():
        file, _, test = name.partition("::")
        for number in NUMBER.findall(test):
            found[int(number)].add(file.removeprefix("tests/"))
    return found


def test_every_row_stands_on_the_page_once() -> None:
    assert [number for number, _, _ in page()] == list(range(1, 151))
    for number, stands, tests in page():
        assert stands.startswith(STANDS), number
        assert bool(tests) is not stands.startswith("not yet: "), number


def test_every_row_has_the_tests_that_the_page_says(collected: dict[int, set[str]]) -> None:
    assert sorted(set(collected) - set(range(1, 151))) == []
    for number, stands, tests in page():
        if stands.startswith("not yet: "):
            assert not collected.get(number), f"row {number} has tests now: docs/attacks.md must say how it stands"
        else:
            assert tests <= collected[number], f"row {number} has no test in {tests - collected[number]}"


def test_the_promises_on_the_page_name_tests_that_exist() -> None:
    named = re.findall(r"^\| P\d+ \|.*$", (ROOT / "docs/attacks.md").read_text(), re.MULTILINE)
    assert len(named) >= 6
    for line in named:
        for name in re.findall(r"`(\S+\.py)(?:::(\w+))?`", line):
            path = ROOT / "tests" / Path(name[0])
            assert f"def {name[1]}" in path.read_text(), name
