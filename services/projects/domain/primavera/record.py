"""How XER spells records: tables of tab-separated fields, hours, moments, flags."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.projects.domain.primavera.values import spelled

Value = str | int | bool | Decimal | datetime | None
Record = dict[str, Value]


def table(name: str, records: Iterable[Record]) -> Iterator[str]:
    """A table's lines; none if it has no record."""
    is_first = True
    for record in records:
        if is_first:
            yield f"%T\t{name}\r\n" + "\t".join(["%F", *record]) + "\r\n"
            is_first = False
        yield "\t".join(["%R", *map(_text, record.values())]) + "\r\n"


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "Y" if value else "N"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M")
        case Decimal():
            return f"{value.normalize():f}"
        case str():
            return value.replace("\t", " ").replace("\r", " ").replace("\n", " ").replace('"', '""')
        case _:
            return str(value)


def hours(minutes: int) -> Decimal:
    """Hours, so fine that minutes come out again."""
    return (Decimal(minutes) / 60).quantize(Decimal("1.000000"))


def guid(text: str | None) -> str | None:
    """A GUID as XER spells it."""
    return None if text is None else spelled(UUID(text))
