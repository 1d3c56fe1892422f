"""What the sender says of a file that the file does not say itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DateOrder = Literal["ymd", "dmy", "mdy"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read."""

    encoding: str | None = None  # a codec's name
    mapping: Mapping[str, str] | None = None  # field -> the table's column; None: known names are recognized
    date_format: DateOrder | None = None  # of dates that are not ISO 8601
    sheet: str | None = None  # of a workbook; None: the first
    start: datetime | None = None  # of the project that takes the rows, if there is one
    minutes_per_day: int = 480
