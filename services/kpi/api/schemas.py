"""What the kpi API takes and gives."""

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.kpi.domain.images import KpiPointRead
from shared.pagination import page_of
from shared.types import Day, Instant

_INSTANT: Final = TypeAdapter[datetime](Instant)
_DAY: Final = TypeAdapter[date](Day)


def _moment(value: object) -> datetime | date:
    # Where a query has a bare "+", form decoding has made a space of it; no other reading of that is possible.
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", value) if isinstance(value, str) else ""
    try:
        return _DAY.validate_python(text) if "T" not in text.upper() else _INSTANT.validate_python(text)
    except ValidationError:
        message = "must be a date, or an RFC 3339 date-time with an offset, in the years 1900 to 2200"
        raise PydanticCustomError("moment", message) from None


Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
            "examples": ["2026-03-31"],
        }
    ),
]
"""An instant, or a date: the whole of that day in the project's time zone."""

KpiPointPage = page_of(KpiPointRead, "KpiPointPage")
