"""Files that were made to harm: each is refused, and the process that reads it stays small."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.projects.test_workbook import MAIN, made

SIZE = 50 * 1024 * 1024  # what an import may have
SMALL = 48 * 1024  # KiB beyond the file itself
MSPDI = b'<Project xmlns="http://schemas.microsoft.com/project">'
XER = b"ERMHDR\t19.12\t2026-03-02\tProject\tadmin\tAdmin\tdb\tProject Management\tEUR\r\n"
TASKS = XER + b"%T\tTASK\r\n%F\ttask_id\ttask_name\r\n"
BOMB = "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(9))


def filled(head: bytes, piece: bytes) -> bytes:
    """As much of a piece as an import may have."""
    return head + piece * ((SIZE - len(head)) // len(piece))


FILES: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "nested": ("mspdi", "xml_too_deep", lambda: filled(MSPDI, b"<Tasks>")),
    "nested_pmxml": ("pmxml", "xml_too_deep", lambda: filled(b"<APIBusinessObjects>", b"<a>")),
    "entity_bomb": (
        "mspdi", "xml_forbidden",
        lambda: f'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa">{BOMB}]>'.encode() + MSPDI + b"<Name>&j;</Name></Project>",
    ),
    "one_text": ("mspdi", "xml_too_large", lambda: filled(MSPDI + b"<Name>", b"x" * 1024)),
    "one_attribute": ("mspdi", "xml_too_large", lambda: filled(MSPDI + b'<a b="', b"x" * 1024)),
    "cut_off": ("mspdi", "xml_truncated", lambda: filled(MSPDI + b"<Tasks>", b"<Task><UID>1</UID></Task>")),
    "one_line_of_xer": ("xer", "xer_too_large", lambda: filled(XER, b"x" * 1024)),
    "one_field_of_xer": ("xer", "xer_too_large", lambda: filled(TASKS + b"%R\t1\t", b"x\n")),
    "one_line_of_csv": ("csv", "csv_too_large", lambda: filled(b"id,name\n1,", b"x" * 1024)),
    "one_cell_of_csv": ("csv", "csv_malformed", lambda: filled(b'id,name\n1,"', b"x\n")),
    "blank_lines_of_csv": ("csv", "csv_too_large", lambda: filled(b"id,name\n", b"\n")),
    "delimiters_of_csv": ("csv", "csv_too_large", lambda: filled(b"id,name\n", b",")),
    "unpacks_to_much": ("xlsx", "xml_too_large", lambda: made("<worksheet>" + " " * (2 * SIZE))),
    "nested_xlsx": ("xlsx", "xml_too_deep", lambda: made("<worksheet>" + "<a>" * (SIZE // 3))),
    "texts_of_xlsx": (
        "xlsx", "xlsx_too_large",
        lambda: made("", strings=f'<sst xmlns="{MAIN}">' + f"<si><t>{'x' * 30_000}</t></si>" * 5_000 + "</sst>"),
    ),
}  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's peak")
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_and_costs_little_more_memory_than_itself(name: str, tmp_path: Path) -> None:
    kind, code, make = FILES[name]
    file = tmp_path / "file"
    file.write_bytes(make())
    arguments = [sys.executable, "-m", "tests.unit.projects.hostile_child", kind, str(file)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    outcome, grown = done.stdout.split()
    assert outcome == code
    copies = 3 if kind in {"csv", "xlsx"} else 1  # tables are read from the whole file
    assert int(grown) <= copies * file.stat().st_size // 1024 + SMALL
