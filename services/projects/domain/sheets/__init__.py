"""Reading tables of tasks, CSV or XLSX, as a plan: a row is a task, what its columns do not say stays as it is.

The columns are named by the sender's mapping, else recognized by the names that this product, Microsoft Project and
Primavera P6 give them.
"""

from collections.abc import Iterable

from services.projects.domain.import_options import Options
from services.projects.domain.plan import PlanFile
from services.projects.domain.sheets.delimited import CsvCheck, Delimited
from services.projects.domain.sheets.reading import read_table
from services.projects.domain.sheets.workbook import Workbook, XlsxCheck

__all__ = ["CsvCheck", "XlsxCheck", "read_csv", "read_xlsx"]


def read_csv(chunks: Iterable[bytes], options: Options) -> PlanFile:
    """The plan of a CSV file; what cannot be taken is in `skipped`, PlanFileError if nothing can."""
    table = Delimited(b"".join(chunks), options.encoding)
    return PlanFile({"": read_table(table.rows(), options, decimal_comma=table.delimiter == ";")})


def read_xlsx(chunks: Iterable[bytes], options: Options) -> PlanFile:
    """The plan of one sheet of a workbook, likewise."""
    with Workbook(b"".join(chunks)) as workbook:
        return PlanFile({"": read_table(workbook.rows(options.sheet), options, decimal_comma=False)})
