"""Reading Microsoft Project XML (MSPDI) as a plan.

Source: Microsoft Project XML Data Interchange Schema. Money is in hundredths, lags and delays are in tenths of a
minute, rates are per hour whatever their format, which only says how they are shown.
"""

from collections.abc import Iterable

from services.projects.domain.fields import Report
from services.projects.domain.mspdi import project
from services.projects.domain.mspdi.calendars import CalendarReader
from services.projects.domain.mspdi.resources import ResourceReader
from services.projects.domain.mspdi.rows import MspdiCheck, RowReader, read_rows
from services.projects.domain.mspdi.tasks import TaskReader
from services.projects.domain.plan import Plan
from services.projects.domain.xml_guard import PlanFileError

__all__ = ["MspdiCheck", "PlanFileError", "read_mspdi"]


def read_mspdi(chunks: Iterable[bytes]) -> Plan:
    """The plan of a file given in pieces; what cannot be taken is in `skipped`, PlanFileError if nothing can."""
    report = Report()
    reader = RowReader()
    header = reader.header
    calendars, tasks, resources = CalendarReader(report), TaskReader(report), ResourceReader(report)
    for name, row in read_rows(chunks, reader):
        match name:
            case "ExtendedAttribute":
                tasks.attributes.define(row)
            case "Calendar":
                calendars.read(row)
            case "Task":
                tasks.read(row, physical_percent=project.earns_by_physical_percent(header))
            case "Resource":
                resources.read(row, project.rates_date(header))
            case "Assignment":
                resources.read_assignment(row)
    all_calendars = calendars.finish()
    all_tasks, links = tasks.finish(all_calendars)
    all_resources, assignments = resources.finish(all_tasks, all_calendars)
    return project.assemble(
        header,
        report,
        calendars=all_calendars,
        tasks=all_tasks,
        links=links,
        resources=all_resources,
        assignments=assignments,
    )
