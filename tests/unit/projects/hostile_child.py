"""Reads one file as the service does and tells how much memory that took: run as a process of its own."""

import re
import sys
from pathlib import Path

from services.projects.domain.formats import FORMATS
from services.projects.domain.import_options import Options
from services.projects.domain.xml_guard import PlanFileError
from services.projects.errors import PlanFileUnreadable
from services.projects.service.imports import CHUNK, checked


def peak() -> int:
    """The most memory that this process has had, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def main(kind: str, path: str) -> None:
    """Print what becomes of the file, and by how many KiB the process grew."""
    options, before, outcome = Options(), peak(), "read"
    try:
        with Path(path).open("rb") as file:
            content = checked(file, FORMATS[kind].check(options)).content
        pieces = (content[begin : begin + CHUNK] for begin in range(0, len(content), CHUNK))
        FORMATS[kind].read(pieces, options)
    except PlanFileUnreadable as error:
        outcome = error.errors[0].code
    except PlanFileError as error:
        outcome = error.code
    sys.stdout.write(f"{outcome} {peak() - before}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
