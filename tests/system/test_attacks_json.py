"""Rows 1 to 24: what stands in a JSON body that no field of ours can hold."""

import json

import pytest

from tests.system.instance import Caller, refused
from tests.system.writes import (
    INGEST,
    INTEGERS,
    MONEY,
    NAMES,
    NUMBERS,
    PERCENTAGES,
    TEXTS,
    WRITES,
    Place,
    Plan,
    Write,
    place_name,
)

pytestmark = pytest.mark.usefixtures("unfailing")

CANARY = "kanarienvogel"

NOT_JSON = {
    "row_01_nan": "NaN",
    "row_02_infinity_by_exponent": "1e999",
    "row_03_minus_infinity_literal": "-Infinity",
    "row_08_integer_of_5000_digits": "9" * 5000,
    "row_10_integer_with_leading_zeros": "007",
}
NOT_A_NUMBER = {
    "row_04_nan_as_text": '"NaN"',
    "row_05_exponent_of_a_million": "1e1000000",
    "row_07_integer_of_4000_digits": "9" * 4000,
    "row_10_text": '"007"',
    "row_10_boolean": "true",
    "row_22_object": "{}",
}
NOT_AN_INTEGER = {
    "row_09_two_to_the_31": "2147483648",
    "row_09_two_to_the_63": "9223372036854775808",
    "row_09_minus_two_to_the_63": "-9223372036854775808",
    "row_10_fraction_of_zero": "1.0",
    "row_10_exponent": "1e1",
}
NOT_AN_AMOUNT = {
    "row_04_nan_as_text": '"NaN"',
    "row_06_exponent_of_a_million_as_text": '"1e1000000"',
    "row_06_exponent": '"1e3"',
    "row_06_digits_of_another_script": '"١٢"',
    "row_06_digits_without_end": f'"{"9" * 4000}"',
    "row_05_number": "1e1000000",
    "row_10_number": "12.5",
}
NOT_A_TEXT = {
    "row_14_lone_surrogate": rf'"{CANARY}\ud800"',
    "row_15_nul": rf'"{CANARY}\u0000"',
    "row_16_escape": rf'"{CANARY}\u001b[31m"',
    "row_16_c1": rf'"{CANARY}\u0085"',
    "row_16_direction_override": rf'"{CANARY}\u202e"',
    "row_16_isolate": rf'"{CANARY}\u2066"',
    "row_22_number": "4711",
    "row_22_boolean": "true",
    "row_22_list": f'["{CANARY}"]',
    "row_22_object": f'{{"{CANARY}":1}}',
}
NOT_A_NAME = {
    "row_16_line_break": rf'"{CANARY}\nX-Admin: yes"',
    "row_16_line_separator": rf'"{CANARY}\u2028x"',
    "row_73_of_200_kilobytes": f'"{CANARY * 15000}"',
    "row_73_only_blanks": '"   "',
    "row_73_only_no_break_spaces": r'"\u00a0\u2003"',
    "row_73_only_zero_width_joiners": r'"\u200d\u200b\ufeff"',
    "row_73_empty": '""',
}


def nested(depth: int) -> str:
    """Arrays in arrays."""
    return "[" * depth + "]" * depth


def cases(raw: dict[str, str], places: tuple[Place, ...]) -> list[object]:
    """Every raw value at every place."""
    return [pytest.param(place, text, id=f"{row}-{place_name(place)}") for row, text in raw.items() for place in places]


@pytest.mark.parametrize(("place", "raw"), cases(NOT_JSON, NUMBERS))
def test_what_is_not_json_is_refused(director: Caller, plan: Plan, place: Place, raw: str) -> None:
    write, way = place
    refused(write.send(director, plan, write.with_(way, raw)), 400, "json_invalid", "1e999", "99999", '"007')


@pytest.mark.parametrize(
    ("place", "raw"),
    [
        *cases(NOT_A_NUMBER, NUMBERS),
        *cases(NOT_AN_INTEGER, INTEGERS),
        *cases({"row_22_null": "null"}, PERCENTAGES),
        *cases(NOT_A_TEXT, TEXTS),
        *cases(NOT_A_NAME, NAMES),
    ],
)
def test_a_value_that_the_field_does_not_take_is_refused(director: Caller, plan: Plan, place: Place, raw: str) -> None:
    write, way = place
    refused(write.send(director, plan, write.with_(way, raw)), 422, "validation", CANARY, "999999999999", "4711")


@pytest.mark.parametrize(("place", "raw"), cases(NOT_AN_AMOUNT, MONEY))
def test_an_amount_is_a_plain_decimal_text(director: Caller, plan: Plan, place: Place, raw: str) -> None:
    write, way = place
    content = write.with_(way, f'{{"amount":{raw},"currency":"EUR"}}')
    refused(write.send(director, plan, content), 422, "validation", "1e1000000", "999999999999")


BODIES = {
    "row_11_nesting_1000": (nested(1000), 400, "json_too_deep"),
    "row_11_nesting_33": (nested(33), 400, "json_too_deep"),
    "row_11_objects_nested_1000": ('{"a":' * 1000 + "1" + "}" * 1000, 400, "json_too_deep"),
    "row_12_nesting_100000": (nested(100_000), 400, "json_too_deep"),
    "row_12_nesting_100000_without_end": ("[" * 100_000, 400, ("json_too_deep", "json_invalid")),
    "row_13_invalid_utf_8": (b'{"name":"' + CANARY.encode() + b'\xff"}', 400, "json_invalid"),
    "row_13_overlong_utf_8": (b'{"name":"\xc0\xaf"}', 400, "json_invalid"),
    "row_13_surrogate_in_utf_8": (b'{"name":"\xed\xa0\x80"}', 400, "json_invalid"),
    "row_15_raw_nul": (b'{"name":"a\x00b"}', 400, "json_invalid"),
    "row_17_utf_16": (f'{{"name":"{CANARY}"}}'.encode("utf-16"), 400, "json_invalid"),
    "row_17_utf_16_without_mark": (f'{{"name":"{CANARY}"}}'.encode("utf-16-le"), 400, "json_invalid"),
    "row_18_byte_order_mark": (b'\xef\xbb\xbf{"name":"a"}', 400, "json_invalid"),
    "row_19_duplicate_key": ('{"name":"a","name":"b"}', 400, "json_duplicate_key"),
    "row_19_duplicate_key_inside": ('{"name":"a","data":{"x":1,"\\u0078":2}}', 400, "json_duplicate_key"),
    "row_24_truncated": (f'{{"name":"{CANARY}', 400, "json_invalid"),
    "row_24_two_documents": ("{} {}", 400, "json_invalid"),
    "row_24_trailing_comma": ('{"name":"a",}', 400, "json_invalid"),
    "row_24_comment": ('{"name":"a"}//', 400, "json_invalid"),
    "row_24_single_quotes": ("{'name':'a'}", 400, "json_invalid"),
}


@pytest.mark.parametrize("write", WRITES, ids=str)
@pytest.mark.parametrize(("content", "status", "code"), BODIES.values(), ids=BODIES.keys())
def test_a_body_that_parsers_disagree_about_is_refused(
    director: Caller, plan: Plan, write: Write, content: str | bytes, status: int, code: str | tuple[str, ...]
) -> None:
    body = content if isinstance(content, bytes) else content.encode()
    refused(write.send(director, plan, body), status, code, CANARY)


NOT_THE_OBJECT = {
    "row_23_empty": b"",
    "row_23_null": b"null",
    "row_23_list": b"[]",
    "row_23_text": b'"kanarienvogel"',
    "row_23_number": b"4711",
}


@pytest.mark.parametrize("write", WRITES, ids=str)
@pytest.mark.parametrize("content", NOT_THE_OBJECT.values(), ids=NOT_THE_OBJECT.keys())
def test_a_body_that_is_not_the_object_is_refused(director: Caller, plan: Plan, write: Write, content: bytes) -> None:
    response = write.send(director, plan, content)
    if write is INGEST and content:  # what is no CloudEvent at all is malformed (row 121)
        refused(response, 400, "event_invalid", CANARY, "4711")
    else:
        refused(response, 422, "validation", CANARY, "4711")


UNKNOWN = {
    "row_20_is_admin": ("is_admin", "true"),
    "row_20_proto": ("__proto__", "{}"),
    "row_20_odd_name": ('~/ \\" é', "1"),
    "row_20_name_with_a_lone_surrogate": ("\\ud800", "1"),
    "row_20_name_with_nul": ("\\u0000", "1"),
    "row_20_name_of_100_kilobytes": (CANARY * 8000, "1"),
    "row_21_organization": ("organization_id", '"01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"'),
    "row_21_version": ("version", "7"),
}


@pytest.mark.parametrize("write", [write for write in WRITES if write is not INGEST], ids=str)
@pytest.mark.parametrize(("name", "raw"), [*UNKNOWN.values(), ("id", '"x"')], ids=[*UNKNOWN.keys(), "row_21_id"])
def test_a_field_that_is_not_the_callers_to_set_is_refused(
    director: Caller, plan: Plan, write: Write, name: str, raw: str
) -> None:
    content = write.valid[:-1] + f',"{name}":{raw}}}'.encode()
    problem = refused(write.send(director, plan, content), 422, "validation", CANARY)
    assert problem["errors"]


@pytest.mark.parametrize(("name", "raw"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_field_that_is_not_the_senders_to_set_is_refused_in_an_events_data(
    director: Caller, plan: Plan, name: str, raw: str
) -> None:
    data = json.dumps(INGEST.body["data"])[:-1] + f',"{name}":{raw}}}'
    refused(INGEST.send(director, plan, INGEST.with_(("data",), data)), 422, "validation", CANARY)


def test_row_20_tens_of_thousands_of_unknown_fields_are_refused_before_validation(director: Caller, plan: Plan) -> None:
    content = b'{"name":"a",' + b",".join(b'"f%d":1' % n for n in range(60_000)) + b"}"
    for write in WRITES:
        refused(write.send(director, plan, content), 413, "too_many_items")
