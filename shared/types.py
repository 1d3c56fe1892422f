"""The value types of requests: strict, bounded, without coercion."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

# C0 and C1 controls but tab and newlines, surrogates, and the overrides that turn text around.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
LINE_BREAKS: Final = re.compile("[\t\r\n\u2028\u2029]")
FIRST_YEAR, LAST_YEAR = 1900, 2200
TEXT_BYTES: Final = 65_536


class Schema(BaseModel):
    """Base of every request and response schema: unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_serialization_defaults_required=True, use_attribute_docstrings=True
    )


Text = str
"""Text in an answer."""


def absent() -> Any:
    """Return the default of a field that a merge patch may leave out, but not set to null."""
    return Field(default=None, validate_default=False)


def _drop_default(schema: JsonDict) -> None:
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for one in properties.values():
            if isinstance(one, dict) and one.get("default", "") is None:
                del one["default"]


class Patch(Schema):
    """Base of merge patches (RFC 7396): absent keeps, null clears where the field can be empty."""

    model_config = ConfigDict(json_schema_extra=_drop_default)

    def changes(self) -> dict[str, object]:
        """Return only what the caller named."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


def _text(value: str) -> str:
    value = unicodedata.normalize("NFC", value)
    if FORBIDDEN.search(value):
        raise PydanticCustomError("forbidden_character", "holds a control, surrogate or direction-override character")
    return value


def _long_text(value: str) -> str:
    value = _text(value)
    if len(value.encode()) > TEXT_BYTES:  # an event carries it whole, and has 256 KiB with every escape
        raise PydanticCustomError("string_too_long", "may have 65536 bytes in UTF-8")
    return value


def _name(value: str) -> str:
    value = _text(value)
    if LINE_BREAKS.search(value):
        raise PydanticCustomError("forbidden_character", "holds a tab or line break")
    if all(unicodedata.category(character)[0] in "ZC" for character in value):
        raise PydanticCustomError("blank", "is blank")
    return value.strip()


def _only_text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    return value


def decimal_of(value: object) -> object:
    """Return a JSON number as a decimal, for a validator that then bounds it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "must be a number")
    return Decimal(str(value))


def _decimal_text(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}(\.\d{1,4})?", value, re.ASCII):
        raise PydanticCustomError("decimal_text", 'must be a decimal number as a string, such as "12.50"')
    return value


def _within_years(value: datetime | date) -> datetime | date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise PydanticCustomError("year_range", "must lie in the years 1900 to 2200")
    return value


def _instant_text(value: object) -> object:
    _only_text(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", str(value), re.ASCII):
        raise PydanticCustomError("instant", "must be an RFC 3339 date-time with an offset")
    return re.sub(r"(\.\d{6})\d+", r"\1", str(value))


def _date_text(value: object) -> object:
    _only_text(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value), re.ASCII):
        raise PydanticCustomError("date", "must be a date such as 2026-03-31")
    return value


# The length counts before and after normalising: NFC makes three characters of some.
Name = Annotated[str, Strict(), Field(min_length=1, max_length=200), AfterValidator(_name), Field(max_length=200)]
"""One line of text, not blank, NFC."""

Description = Annotated[str, Strict(), Field(max_length=TEXT_BYTES), AfterValidator(_long_text)]
"""Text of several lines, at most 64 KiB of it."""

Key = Annotated[str, Strict(), Field(pattern=r"^[A-Z][A-Z0-9]{0,9}-[1-9][0-9]{0,8}$", max_length=20)]
"""A human key such as PRJ-42."""

SourceId = Annotated[str, Strict(), Field(min_length=1, max_length=200), AfterValidator(_name), Field(max_length=200)]
"""An identifier that another system gave."""

Wanted = Annotated[str, AfterValidator(partial(unicodedata.normalize, "NFC"))]
"""Text to look for among stored text, which is NFC."""

Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0, le=2_147_483_647)]
"""A whole number from 0 that fits the database's integer."""

Percent = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(ge=0, le=100, max_digits=5, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
"""0 to 100, at most two decimals."""

Instant = Annotated[AwareDatetime, BeforeValidator(_instant_text), AfterValidator(_within_years)]
"""RFC 3339 with any offset; a naive date-time is refused."""

Day = Annotated[date, BeforeValidator(_date_text), AfterValidator(_within_years)]

# ISO 4217 codes in use; the minor unit is 2 but where listed below.
CURRENCIES: Final = frozenset(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD "
        "HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD "
        "LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK "
        "PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
        "TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "
    ).split()
)
MINOR_UNITS: Final = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


def minor_digits(currency: str) -> int:
    """Return how many decimals an amount of the currency has (ISO 4217)."""
    return MINOR_UNITS.get(currency, 2)


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise PydanticCustomError("currency", "is not an ISO 4217 currency in use")
    return value


Currency = Annotated[
    str,
    Strict(),
    AfterValidator(_currency),
    Field(examples=["EUR"]),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code."}),
]

Amount = Annotated[
    Decimal,
    BeforeValidator(_decimal_text),
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,15}(\.\d{1,4})?$", "examples": ["1250.00"]}),
]


class Money(Schema):
    """An amount in a currency, as a decimal string."""

    amount: Amount
    """Decimal, with no more decimals than the currency has."""
    currency: Currency

    def model_post_init(self, _context: object) -> None:
        """Refuse decimals that the currency does not have."""
        exponent = self.amount.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > minor_digits(self.currency):
            raise ValueError(f"{self.currency} has {minor_digits(self.currency)} decimals")


class MoneySum(Schema):
    """What amounts come to together: it may have more digits than any of them."""

    amount: Annotated[str, Field(pattern=r"^\d{1,30}(\.\d{1,4})?$", examples=["1250.00"])]
    """Decimal, with the decimals of the currency."""
    currency: Currency


def as_uuid(text: str) -> UUID | None:
    """Return the UUID that the text spells in its canonical form, else None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
