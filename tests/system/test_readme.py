"""The README's commands, word for word, in a folder that looks like the repository to them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from services.local import privileges
from shared.testing.cases import ROOT

DEFAULT_PORT: Final = 8080
BLOCK: Final = re.compile(r"```sh\n(.*?)```\n(?:\n```\n(.*?)```)?", re.DOTALL)
DONE: Final = "-- the block has ended --"


def blocks() -> list[tuple[str, str]]:
    """Return (commands, what they show) of the journey."""
    text = (ROOT / "README.md").read_text()
    journey = text.split("<!-- journey -->")[1].split("<!-- /journey -->")[0]
    return [(commands, shown) for commands, shown in BLOCK.findall(journey)]


def port_to_use() -> int:
    """Return the port that the README names, or another one where that is taken by somebody else."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with the repository's files in it, and data of its own."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    for entry in ROOT.iterdir():
        if entry.name not in {".pmo", ".git", "watched.txt"}:
            (parent / entry.name).symlink_to(entry)
    yield parent
    privileges.remove_home(parent / ".pmo" / "postgres")
    shutil.rmtree(parent)


def test_the_commands_of_the_readme_do_what_it_shows(folder: Path) -> None:
    port = port_to_use()
    arguments = [] if port == DEFAULT_PORT else [f"ARGS=--port {port}"]
    log = (folder / "up.log").open("w+")
    # -o: whoever runs the tests has set up already; doing it from this folder would install the folder.
    up = subprocess.Popen(
        ["make", "-o", ".venv/.synced", "up", *arguments], cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 90
        while "Ctrl-C stops" not in (folder / "up.log").read_text():
            assert up.poll() is None, (folder / "up.log").read_text()
            assert time.monotonic() < deadline, (folder / "up.log").read_text()
            time.sleep(0.2)
        script = ["set -e"]
        for commands, _ in blocks():
            script += [commands.replace(f":{DEFAULT_PORT}", f":{port}"), f"echo; echo '{DONE}'"]
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=folder, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stderr
        outputs = done.stdout.split(DONE)
        for (commands, shown), output in zip(blocks(), outputs, strict=False):
            pattern = r"\s*".join(
                ".*?".join(re.escape(part) for part in line.split("…")) for line in shown.strip().splitlines()
            )
            assert re.match(pattern, output.strip(), re.DOTALL), f"{commands}\n{output}\nis not\n{shown}"
    finally:
        os.killpg(up.pid, signal.SIGTERM)
        up.wait(20)
        log.close()
