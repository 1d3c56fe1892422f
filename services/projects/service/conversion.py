"""Converting files of other planning tools to Microsoft Project XML with MPXJ, in a process of its own.

The process is a Java virtual machine with bounded memory, processor time, file size and life, without our environment,
in a folder that is deleted behind it. Without Java, or without the extra `mpxj`, nothing can be converted.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from services.projects.domain.xml_guard import PlanFileError
from services.projects.errors import FormatNotAvailable

SECONDS: Final = 60
PROCESSOR_SECONDS: Final = 90  # of all threads
HEAP_MB: Final = 512
ADDRESS_SPACE_KB: Final = 3 * 1024 * 1024
FILE_MB: Final = 256
OUT_OF_MEMORY: Final = 3
"""The exit status of a machine that was told to end when it has none left."""
OPTIONS: Final = (
    f"-Xmx{HEAP_MB}m",
    "-Xss1m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:CompressedClassSpaceSize=64m",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    # No file or address that a document names is opened.
    "-Djavax.xml.accessExternalDTD=",
    "-Djavax.xml.accessExternalSchema=",
    "-Djavax.xml.accessExternalStylesheet=",
)
CONVERT: Final = "org.mpxj.sample.MpxjConvert"
# The limits are set by a shell that becomes the machine: between fork and exec no code of ours may run safely.
LIMITED: Final = (
    f"ulimit -c 0; ulimit -t {PROCESSOR_SECONDS}; ulimit -f {FILE_MB * 2048}; ulimit -v {ADDRESS_SPACE_KB}"
    ' 2>/dev/null; exec "$@"'  # not every system bounds address space
)


@cache
def _command() -> tuple[str, ...] | None:
    """The command that converts, but for the files; None where there is no Java or no MPXJ."""
    java, shell, package = shutil.which("java"), shutil.which("sh"), find_spec("mpxj")
    if java is None or shell is None or package is None or not package.submodule_search_locations:
        return None
    jars = Path(package.submodule_search_locations[0]) / "lib" / "*"
    return (shell, "-c", LIMITED, shell, java, *OPTIONS, "-cp", str(jars), CONVERT)


def check_available() -> None:
    """Raise FormatNotAvailable where nothing can be converted."""
    if _command() is None:
        raise FormatNotAvailable


async def converted(content: bytes, suffix: str) -> bytes:
    """Return a file as Microsoft Project XML; raises FormatNotAvailable, or PlanFileError if it cannot be."""
    command = _command()
    if command is None:
        raise FormatNotAvailable
    with tempfile.TemporaryDirectory(prefix="pmo-convert-") as folder:
        given, made = Path(folder) / f"plan.{suffix}", Path(folder) / "plan.xml"
        await asyncio.to_thread(given.write_bytes, content)
        process = await asyncio.create_subprocess_exec(
            *command,
            str(given),
            str(made),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={"HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(SECONDS):
                code = await process.wait()
        except TimeoutError:
            raise PlanFileError("conversion_too_long", f"not converted within {SECONDS} seconds") from None
        finally:
            await _end(process)
        if code == OUT_OF_MEMORY:
            raise PlanFileError("plan_too_large", f"converting it takes more than {HEAP_MB} MB of memory")
        if code or not made.exists():
            raise PlanFileError("not_convertible", "no file of a planning tool that MPXJ can read")
        return await asyncio.to_thread(made.read_bytes)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process, however it was left."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
