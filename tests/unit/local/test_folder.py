"""The data folder: what a killed run left behind is ended, and nothing else."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local.errors import LocalRuntimeError
from services.local.folder import DataFolder
from services.local.process import Child, started_at


@pytest.fixture
def sleeper() -> Iterator[Child]:
    """A process that outlives whoever started it."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield Child("sleeper", process)
    process.kill()
    process.wait()


def test_a_child_that_a_killed_run_left_behind_is_ended(tmp_path: Path, sleeper: Child) -> None:
    with DataFolder.opened(tmp_path / "data") as folder:
        folder.remember(sleeper)
    with DataFolder.opened(tmp_path / "data"):
        assert started_at(sleeper.pid) is None


def test_a_stranger_who_got_a_dead_childs_number_is_left_alone(tmp_path: Path, sleeper: Child) -> None:
    with DataFolder.opened(tmp_path / "data") as folder:
        folder.remember(sleeper)
    noted = tmp_path / "data/run/children.json"
    noted.write_text(json.dumps({"sleeper": {"pid": sleeper.pid, "started": "long ago"}}))
    with DataFolder.opened(tmp_path / "data"):
        assert started_at(sleeper.pid) is not None


def test_the_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with DataFolder.opened(tmp_path / "data") as folder:
        folder.announce("http://127.0.0.1:1")
        with pytest.raises(LocalRuntimeError, match=r"http://127\.0\.0\.1:1"), DataFolder.opened(tmp_path / "data"):
            pass
    with DataFolder.opened(tmp_path / "data") as again:
        assert again.base_url is None


def test_a_reset_removes_what_is_in_the_folder(tmp_path: Path) -> None:
    with DataFolder.opened(tmp_path / "data") as folder:
        (folder.nats / "store").mkdir()
        (folder.keys / "old").write_text("secret")
    with DataFolder.opened(tmp_path / "data", reset=True) as folder:
        assert list(folder.nats.iterdir()) == []
        assert list(folder.keys.iterdir()) == []
