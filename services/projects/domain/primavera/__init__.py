"""Reading Primavera's XER and PMXML as plans.

Source: Oracle, *P6 EPPM XER Import/Export Data Map Guide* and the schema of Primavera's XML. Quantities are hours,
wall times have no zone, the work breakdown structure becomes summary tasks (`wbs:<id>`) above the activities.
"""

from collections.abc import Iterable

from services.projects.domain.plan import PlanFile
from services.projects.domain.primavera.pmxml import PmxmlCheck, PmxmlReader, read_elements
from services.projects.domain.primavera.reader import PlanReader
from services.projects.domain.primavera.tables import TABLES
from services.projects.domain.primavera.xer import XerReader, read_records

__all__ = ["PmxmlCheck", "read_pmxml", "read_xer", "xer_check"]


def xer_check(encoding: str | None = None) -> XerReader:
    """Checks bytes while they are received."""
    return XerReader({}, encoding)


def read_xer(chunks: Iterable[bytes], encoding: str | None = None) -> PlanFile:
    """The plans of a file given in pieces; what cannot be taken is in `skipped`, PlanFileError if nothing can."""
    reader = PlanReader()
    for table, row in read_records(chunks, XerReader(TABLES, encoding)):
        reader.take(table, row)
    return reader.finish()


def read_pmxml(chunks: Iterable[bytes]) -> PlanFile:
    """The plans of a file of Primavera's XML, likewise."""
    reader = PlanReader()
    for table, row in read_elements(chunks, PmxmlReader()):
        reader.take(table, row)
    return reader.finish()
