"""The formats that plans are read from: each with a check of the bytes as they arrive, and a reader."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from services.projects.domain.import_options import Options
from services.projects.domain.mspdi import MspdiCheck, read_mspdi
from services.projects.domain.plan import PlanFile
from services.projects.domain.primavera import PmxmlCheck, read_pmxml, read_xer, xer_check
from services.projects.domain.sheets import CsvCheck, XlsxCheck, read_csv, read_xlsx
from services.projects.domain.xml_guard import PlanFileError


class Check(Protocol):
    """Sees bytes go by, in pieces of any length; raises PlanFileError at what no honest file has."""

    def feed(self, chunk: bytes, /) -> None:
        """Take the next bytes."""

    def close(self) -> None:
        """Say that the bytes are complete."""


@dataclass(frozen=True, slots=True)
class Format:
    """How files of a format are checked and read."""

    check: Callable[[Options], Check]
    read: Callable[[Iterable[bytes], Options], PlanFile]


CONVERTED: Final = ("mpp", "mpx", "planner", "gan", "pod", "pp")
"""Formats of Microsoft Project, Planner, GanttProject, ProjectLibre and Asta read as the XML they convert to."""


class AnyCheck:
    """Checks that something is received: what it is, the converter tells."""

    def __init__(self) -> None:
        self._is_empty = True

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._is_empty = self._is_empty and not chunk

    def close(self) -> None:
        """Say that the bytes are complete."""
        if self._is_empty:
            raise PlanFileError("not_convertible", "the file is empty")


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "mspdi": Format(lambda _: MspdiCheck(), lambda chunks, _: PlanFile({"": read_mspdi(chunks)})),
        "pmxml": Format(lambda _: PmxmlCheck(), lambda chunks, _: read_pmxml(chunks)),
        "xer": Format(lambda of: xer_check(of.encoding), lambda chunks, of: read_xer(chunks, of.encoding)),
        "csv": Format(CsvCheck, read_csv),
        "xlsx": Format(lambda _: XlsxCheck(), read_xlsx),
        **dict.fromkeys(CONVERTED, Format(lambda _: AnyCheck(), lambda chunks, _: PlanFile({"": read_mspdi(chunks)}))),
    }
)
