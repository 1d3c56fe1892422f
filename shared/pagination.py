"""Lists: keyset pages whose JSON PostgreSQL writes, with signed cursors, checked filters and sorts."""

import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request
from pydantic import create_model
from starlette.responses import Response

from shared.db import Transaction
from shared.entity import Entity
from shared.errors import CursorInvalid, FieldError, ValidationFailed
from shared.types import Schema

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_SECONDS: Final = 24 * 3600
Item = TypeVar("Item")


class Links(Schema):
    """Where this page and the next one are."""

    self: str
    """This page."""
    next: str | None
    """The next page; null on the last one."""


class Page(Schema, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    """The rows of this page, in the order asked for."""
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last one."""
    links: Links
    total: int | None = None
    """How many there are in all; only with `include_total=true`."""


def page_of(item: type[Item], name: str) -> type[Page[Item]]:
    """Return the page model of an item under a name that generators show."""
    return create_model(name, __base__=Page[item], __doc__=f"One page of {name.removesuffix('Page').lower()}s.")  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort key: an SQL expression over `t`, its type, and whether it can be null (nulls come last)."""

    sql: str
    kind: str
    nullable: bool = False


@dataclass(frozen=True, eq=False)
class Listing:
    """What a list can be filtered and sorted by. Conditions hold `{}` where their value goes."""

    entity: Entity
    conditions: Mapping[str, str]
    sorts: Mapping[str, Sort]
    default_sort: str
    tie: Sort = Sort("t.id", "uuid")
    """Unique among the rows: what the sort leaves undecided, this decides."""


Keys = Sequence[tuple[Sort, bool]]
"""What rows are ordered by, and whether descending; the last key is unique."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of which order and shape is asked for."""

    limit: int
    cursor: str | None
    sort: str | None
    fields: str | None
    include_total: bool
    path: str
    query: str
    secret: bytes


async def _page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=2048, description="`next_cursor` of the page before; opaque, good for 24 hours.")
    ] = None,
    sort: Annotated[
        str | None,
        Query(max_length=200, description="Names to sort by, comma-separated; `-` in front for descending."),
    ] = None,
    fields: Annotated[
        str | None, Query(max_length=1000, description="Names of the fields wanted, comma-separated; default all.")
    ] = None,
    include_total: Annotated[bool, Query(description="Count all items too (costs a scan).")] = False,
) -> PageRequest:
    secret: bytes = request.app.state.cursor_secret
    return PageRequest(limit, cursor, sort, fields, include_total, request.url.path, request.url.query, secret)


Paging = Annotated[PageRequest, Depends(_page_request)]


def _refuse(parameter: str, code: str, name: str, allowed: Sequence[str]) -> ValidationFailed:
    detail = f"is not one of: {', '.join(sorted(allowed))}"
    return ValidationFailed(errors=[FieldError(f"query/{parameter}", code, detail)])


def parse_sort(listing: Listing, sort: str | None) -> list[tuple[str, bool]]:
    """Return (name, descending) pairs; raises ValidationFailed naming the sorts there are."""
    keys: list[tuple[str, bool]] = []
    for part in (listing.default_sort if sort is None else sort).split(","):
        name = part.removeprefix("-")
        if name not in listing.sorts:
            raise _refuse("sort", "unknown_sort", name, list(listing.sorts))
        if name in {key for key, _ in keys}:
            raise ValidationFailed(errors=[FieldError("query/sort", "repeated_sort", "names a field twice")])
        keys.append((name, part.startswith("-")))
    return keys


def parse_fields(listing: Listing, fields: str | None) -> list[str] | None:
    """Return the fields wanted, or None for all; raises ValidationFailed naming the fields there are."""
    if fields is None:
        return None
    names = list(dict.fromkeys(fields.split(",")))
    for name in names:
        if name not in listing.entity.image:
            raise _refuse("fields", "unknown_field", name, list(listing.entity.image))
    return names


def _sign(secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, payload, hashlib.sha256)[:16]


def encode_cursor(secret: bytes, scope: str, values: Sequence[object], now: float) -> str:
    """Return an opaque cursor: the last row's sort values, signed together with what the list is."""
    payload = orjson.dumps([int(now), scope, list(values)])
    return base64.urlsafe_b64encode(_sign(secret, payload) + payload).rstrip(b"=").decode()


def decode_cursor(secret: bytes, scope: str, cursor: str, now: float, length: int) -> list[object]:
    """Return the sort values of a cursor; raises CursorInvalid unless it was made by us for this list, lately."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, payload = raw[:16], raw[16:]
        if not hmac.compare_digest(signature, _sign(secret, payload)):
            raise CursorInvalid
        made, named, values = orjson.loads(payload)
    except (ValueError, TypeError) as error:
        raise CursorInvalid from error
    if named != scope or not now - CURSOR_SECONDS <= made <= now + 60 or len(values) != length:
        raise CursorInvalid
    return list(values)


@dataclass(frozen=True, slots=True)
class Place:
    """Which rows of a list are asked for: those that filters let through, in an order, after those of a page before."""

    listing: Listing
    order: tuple[tuple[str, bool], ...]
    given: Mapping[str, object]
    """The filters that are asked for, by name."""
    after: tuple[object, ...] | None
    """The values of `keys` in the last row of the page before."""
    scope: str
    secret: bytes

    @property
    def keys(self) -> Keys:
        """What the rows are ordered by."""
        return _keys(self.listing, self.order)

    def cursor(self, last: Sequence[object]) -> str:
        """Return the cursor for what follows a row with these values of `keys`."""
        return encode_cursor(self.secret, self.scope, last, time.time())


def place_of(organization_id: UUID, listing: Listing, wanted: PageRequest, filters: Mapping[str, object]) -> Place:
    """Return the place of a page: `filters` by name (None: not asked for).

    Raises ValidationFailed for an unknown sort, CursorInvalid for a cursor of another list, order or filter.
    """
    order = parse_sort(listing, wanted.sort)
    given = {name: value for name, value in filters.items() if value is not None}
    document = orjson.dumps([organization_id, wanted.path, order, given], default=str)
    scope = hashlib.sha256(document).hexdigest()[:16]
    after: tuple[object, ...] | None = None
    if wanted.cursor is not None:
        after = tuple(decode_cursor(wanted.secret, scope, wanted.cursor, time.time(), len(order) + 1))
    return Place(listing, tuple(order), given, after, scope, wanted.secret)


def _keys(listing: Listing, order: Sequence[tuple[str, bool]]) -> Keys:
    return [*((listing.sorts[name], descending) for name, descending in order), (listing.tie, False)]


def ordering(keys: Keys) -> str:
    """Return what stands behind `order by`."""
    return ", ".join(
        f"{key.sql}{' desc' if descending else ''}{' nulls last' if key.nullable else ''}" for key, descending in keys
    )


def key_columns(keys: Keys) -> str:
    """Return the values of keys for a select list, as text: key_0, key_1, …; each with a comma in front."""
    return "".join(f", ({key.sql})::text as key_{n}" for n, (key, _) in enumerate(keys))


def rows_after(keys: Keys, known: Sequence[bool], first: int) -> str:
    """Return the condition for rows after given values, parameters from `$first` on; `known`: which are not null."""
    marks = [f"${first + n}::text::{key.kind}" for n, (key, _) in enumerate(keys)]
    if not any(key.nullable or descending for key, descending in keys):
        return f"({', '.join(key.sql for key, _ in keys)}) > ({', '.join(marks)})"
    alternatives = []
    for n, (key, descending) in enumerate(keys):
        if not known[n]:
            continue  # nulls come last: only ties follow, and later keys break those
        ties = [f"{k.sql} is not distinct from {marks[m]}" for m, (k, _) in enumerate(keys[:n])]
        beyond = f"{key.sql} {'<' if descending else '>'} {marks[n]}"
        if key.nullable:
            beyond = f"({beyond} or {key.sql} is null)"
        alternatives.append(" and ".join([*ties, beyond]))
    return "(" + " or ".join(f"({a})" for a in alternatives) + ")"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the statements of a list depend on, the values aside."""

    listing: Listing
    order: tuple[tuple[str, bool], ...]
    fields: tuple[str, ...] | None
    filters: tuple[str, ...]
    restriction: str | None
    after: tuple[bool, ...] | None


@dataclass(frozen=True, slots=True)
class _Statements:
    keys: int
    page: str
    total: str


@lru_cache(maxsize=512)
def _statements(shape: _Shape) -> _Statements:
    listing, entity = shape.listing, shape.listing.entity
    conditions = ["t.organization_id = $1"]
    templates = [listing.conditions[name] for name in shape.filters]
    templates += [] if shape.restriction is None else [shape.restriction]
    for template in templates:
        conditions.append(template.replace("{}", f"${len(conditions) + 1}"))
    rows = f"from {entity.table.name} t {entity.join} where "
    total = f"select count(*) {rows}{' and '.join(conditions)}"
    used = len(conditions)
    keys = _keys(listing, shape.order)
    if shape.after is not None:
        conditions.append(rows_after(keys, shape.after, used + 1))
        used += len(keys)
    image = f"(select row_to_json(i)::text from (select {entity.select(shape.fields)}) i) as image"
    last = "".join(f", max(key_{n}) filter (where number = ${used + 1}) as key_{n}" for n in range(len(keys)))
    # One row comes back, not one per item: that is quicker to take in. One item more than wanted tells of a next page.
    page = (
        f"select string_agg(image, ',' order by number) filter (where number <= ${used + 1}) as items,"
        f" count(*) as found{last} from (select row_number() over () as number, p.* from ("
        f"select {image}{key_columns(keys)} {rows}{' and '.join(conditions)}"
        f" order by {ordering(keys)} limit ${used + 1} + 1) p) q"
    )
    return _Statements(len(keys), page, total)


async def page(
    tx: Transaction,
    listing: Listing,
    wanted: PageRequest,
    filters: Mapping[str, object],
    *,
    restrict: tuple[str, object] | None = None,
    if_empty: Callable[[], Awaitable[object]] | None = None,
) -> Response:
    """Answer a list: `filters` by name (None: not asked for), `restrict` is what the caller's rights add.

    Where nothing is found, `if_empty` may raise what is then to be answered.
    """
    fields = parse_fields(listing, wanted.fields)
    place = place_of(tx.organization_id, listing, wanted, filters)
    values: list[object] = [tx.organization_id, *place.given.values()]
    if restrict is not None:
        values.append(restrict[1])
    known = len(values)
    values += place.after or ()
    values.append(wanted.limit)
    shape = _Shape(
        listing,
        place.order,
        None if fields is None else tuple(fields),
        tuple(place.given),
        None if restrict is None else restrict[0],
        None if place.after is None else tuple(value is not None for value in place.after),
    )
    statements = _statements(shape)
    (row,) = await tx.read(statements.page, *values)
    if not row["found"] and if_empty is not None:
        await if_empty()
    cursor = None
    if row["found"] > wanted.limit:
        cursor = place.cursor([row[f"key_{n}"] for n in range(statements.keys)])
    total = None
    if wanted.include_total:
        total = (await tx.read(statements.total, *values[:known]))[0][0]
    return _answer(row["items"] or "", wanted, cursor, total)


def answer(images: Sequence[str], wanted: PageRequest, cursor: str | None) -> Response:
    """Return the page as bytes: the images stand in it as PostgreSQL wrote them."""
    return _answer(",".join(images), wanted, cursor, None)


def _answer(items: str, wanted: PageRequest, cursor: str | None, total: int | None) -> Response:
    here = wanted.path + (f"?{wanted.query}" if wanted.query else "")
    following = None
    if cursor is not None:
        query = [(k, v) for k, v in parse_qsl(wanted.query, keep_blank_values=True) if k != "cursor"]
        following = f"{wanted.path}?{urlencode([*query, ('cursor', cursor)])}"
    tail: dict[str, object] = {"next_cursor": cursor, "links": {"self": here, "next": following}, "total": total}
    body = b'{"items":[' + items.encode() + b"]," + orjson.dumps(tail)[1:]
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    return Response(body, media_type="application/json", headers=headers)


def owned_by(subject: str | None, column: str = "t.owner") -> tuple[str, object] | None:
    """Return the restriction to the caller's own rows; None for a caller who sees all."""
    return None if subject is None else (f"{column} = {{}}", subject)
