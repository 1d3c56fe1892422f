"""The types of inbound events that can take effect, and what their data must be."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    Strict,
    TypeAdapter,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.types import CURRENCIES, Count, Key, Schema, absent, minor_digits

# A request may hold a thousand events, so these types are checked by pydantic's core alone, without calls of Python;
# each takes exactly what its namesake in shared.types takes.
_TEXT: Final = "[^\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]"
_NO_CONTROLS: Final = f"^{_TEXT}+$"
_SEEN: Final = "[^\\s\\x00-\\x1f\\x7f-\\x9f\\xad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]"
_NOT_BLANK: Final = f"^{_TEXT}*{_SEEN}{_TEXT}*$"
_URI_REFERENCE: Final = "^[A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]+$"
_DATE_TIME: Final = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)


def _only(schema: CoreSchema, shown: JsonSchemaValue) -> GetPydanticSchema:
    return GetPydanticSchema(lambda _source, _handler: schema, lambda _schema, _handler: dict(shown))


def _normal(value: str) -> str:
    return (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()


Instant = Annotated[
    datetime,
    _only(
        core_schema.chain_schema(
            [
                core_schema.str_schema(strict=True, pattern=_DATE_TIME),
                core_schema.datetime_schema(
                    tz_constraint="aware",
                    ge=datetime(1900, 1, 1, tzinfo=UTC),
                    le=datetime(2201, 1, 1, tzinfo=UTC),
                ),
            ]
        ),
        {"type": "string", "format": "date-time"},
    ),
]
"""RFC 3339 with any offset."""

Percent = Annotated[
    Decimal,
    _only(
        core_schema.union_schema(
            [
                core_schema.int_schema(strict=True, ge=0, le=100),
                core_schema.decimal_schema(strict=True, ge=0, le=100, decimal_places=2, allow_inf_nan=False),
            ],
            custom_error_type="percent",
            custom_error_message="must be a number from 0 to 100 with at most two decimals",
            serialization=core_schema.plain_serializer_function_ser_schema(float, when_used="json"),
        ),
        {"type": "number", "minimum": 0, "maximum": 100},
    ),
]
"""0 to 100, at most two decimals."""

Units = Annotated[
    Decimal,
    _only(
        core_schema.union_schema(
            [
                core_schema.int_schema(strict=True, ge=0, le=1_000_000_000),
                core_schema.decimal_schema(strict=True, ge=0, le=1_000_000_000, decimal_places=4, allow_inf_nan=False),
            ],
            custom_error_type="units",
            custom_error_message="must be a number from 0 with at most four decimals",
            serialization=core_schema.plain_serializer_function_ser_schema(float, when_used="json"),
        ),
        {"type": "number", "minimum": 0, "maximum": 1_000_000_000},
    ),
]
"""A number from 0, at most four decimals."""

SourceId = Annotated[
    str,
    Strict(),
    Field(min_length=1, max_length=200, pattern=_NOT_BLANK),
    AfterValidator(_normal),
]
"""An identifier that another system gave."""

Amount = Annotated[str, Strict(), Field(pattern="^[0-9]{1,15}([.][0-9]{1,4})?$", examples=["18250.00"])]
Currency = Annotated[
    str,
    _only(
        core_schema.literal_schema(sorted(CURRENCIES)),
        {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code.", "examples": ["EUR"]},
    ),
]


class InboundMoney(Schema):
    """An amount in a currency, as a decimal string."""

    amount: Amount
    """Decimal, with no more decimals than the currency has."""
    currency: Currency
    """ISO 4217 code."""

    def model_post_init(self, _context: object) -> None:
        """Refuse decimals that the currency does not have."""
        if len(self.amount.partition(".")[2]) > minor_digits(self.currency):
            raise PydanticCustomError("decimals", "has more decimals than its currency")


def _exactly_one(schema: JsonDict) -> None:
    schema.update({"minProperties": 1, "maxProperties": 1})
    properties = schema.get("properties")
    for one in properties.values() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            one.pop("default", None)


class Reference(Schema):
    """Names one thing in exactly one of several ways."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    def model_post_init(self, _context: object) -> None:
        """Refuse none and several."""
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise PydanticCustomError("one_reference", "give exactly one of: {names}", {"names": names})

    def __str__(self) -> str:
        (name,) = self.model_fields_set
        return f"{name}={getattr(self, name)}"


class InboundProject(Reference):
    """The project that an inbound event is about: exactly one of its names."""

    id: UUID = absent()
    """Our id."""
    key: Key = absent()
    """Its human key."""
    source_id: SourceId = absent()
    """What the system it came from calls it."""


class InboundTask(Reference):
    """The task that an inbound event is about: exactly one of its names."""

    id: UUID = absent()
    """Our id."""
    source_id: SourceId = absent()
    """What the system it came from calls it; unique in the project."""


class TaskProgressedData(Schema):
    """How far a task had come at an instant, as another system states it."""

    project: InboundProject
    """The project."""
    task: InboundTask
    """The task of the project."""
    percent_complete: Percent
    """Progress of the duration, 0 to 100; work goes along unless more is stated of it."""
    actual_cost: InboundMoney | None = None
    """Cost incurred until then, cumulative, in the project's currency."""
    remaining_work_minutes: Count | None = None
    """Work that was left, in working minutes."""
    percent_work_complete: Percent | None = None
    """Progress of the work, 0 to 100."""
    physical_percent_complete: Percent | None = None
    """Progress of the physical result, 0 to 100."""
    units_done: Units | None = None
    """Pieces done, for the earned-value technique `units`."""
    actual_start: Instant | None = None
    """When it began."""
    actual_finish: Instant | None = None
    """When it ended; the percent is 100 then."""
    remaining_duration_minutes: Count | None = None
    """Duration that was left, in working minutes."""
    actual_work_minutes: Count | None = None
    """Work done until then, in working minutes."""
    at: Instant
    """As of when this is true; an older statement never overwrites a newer one."""

    @property
    def order(self) -> str:
        """Among what order is kept: the project as the sender names it."""
        return str(self.project)


EventId = Annotated[str, Strict(), Field(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
Source = Annotated[str, Strict(), Field(min_length=1, max_length=500, pattern=_URI_REFERENCE)]
Line = Annotated[str, Strict(), Field(min_length=1, max_length=500, pattern=_NO_CONTROLS)]
JsonType = Annotated[str, Strict(), Field(max_length=100, pattern=r"^application/json( *;.*)?$")]


class CloudEvent(BaseModel):
    """The attributes of CloudEvents 1.0; extension attributes are taken and not kept."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    specversion: Literal["1.0"]
    """The version of CloudEvents."""
    id: EventId
    """The sender's id of the event: unique with the source, for ever."""
    source: Source
    """The sender's context, a URI reference such as https://jira.example.com."""
    time: Instant | None = None
    """When it happened."""
    subject: Line | None = None
    """What it is about, in the sender's words."""
    datacontenttype: JsonType | None = None
    """The media type of the data."""
    dataschema: Source | None = None
    """Where the sender describes the data."""


class InboundTaskProgressed(CloudEvent):
    """Another system states how far a task has come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "specversion": "1.0",
                    "id": "10042",
                    "source": "https://jira.example.com",
                    "type": "pmo.inbound.task.progressed.v1",
                    "data": {
                        "project": {"key": "PRJ-1"},
                        "task": {"source_id": "12"},
                        "percent_complete": 60,
                        "actual_cost": {"amount": "18250.00", "currency": "EUR"},
                        "at": "2026-03-31T17:00:00+02:00",
                    },
                }
            ]
        }
    )

    type: Literal["pmo.inbound.task.progressed.v1"]
    """What kind of event it is."""
    data: TaskProgressedData
    """What it says."""


InboundEvent = InboundTaskProgressed
"""Any of the known types; a union over `type` once there are several."""

KNOWN: Final = ("pmo.inbound.task.progressed.v1",)
EVENTS: Final = TypeAdapter(list[InboundEvent])
