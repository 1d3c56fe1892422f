"""What fields of an organization's own may hold."""

from decimal import Decimal

import pytest

from services.projects.domain.custom_fields import Definition, changed, created, sought, wrong
from services.projects.domain.hierarchy import FieldStatus, FieldType

RISK = Definition("risk", FieldType.CHOICE, is_required=True, choices=("low", "high"))
SCORE = Definition("score", FieldType.INTEGER, minimum=Decimal(1), maximum=Decimal(5), default=3)
OLD = Definition("old", FieldType.TEXT, FieldStatus.RETIRED, is_required=True)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (FieldType.TEXT, ["a", "two\nlines"], [1, "", " ", "a\x00", "x" * 2001, ["a"], {"a": 1}]),
        (FieldType.NUMBER, [0, -1.5, Decimal("2.5")], [True, "1", float("inf"), 1e300]),
        (FieldType.INTEGER, [0, -7], [True, 1.5, "1", 2**53 + 1]),
        (FieldType.BOOLEAN, [True, False], [0, "true"]),
        (FieldType.DATE, ["2026-02-28"], ["2026-02-30", "20260228", "1850-01-01", 20260228]),
        (FieldType.CHOICE, ["low"], ["Low", ["low"], ""]),
        (FieldType.MULTI_CHOICE, [[], ["low", "high"]], [["low", "low"], ["none"], "low", [1]]),
        (FieldType.USER, ["paula"], ["a\nb", "", 5]),
        (FieldType.URL, ["https://a.example/x?y=1"], ["javascript:alert(1)", "a.example", "http://", "http://a b"]),
    ],
)
def test_each_type_takes_its_values_and_no_others(kind: FieldType, good: list[object], bad: list[object]) -> None:
    field = Definition("x", kind, choices=("low", "high"))
    assert [value for value in good if list(wrong(field, value))] == []
    assert [value for value in bad if not list(wrong(field, value))] == []


def test_all_mistakes_are_told_at_once() -> None:
    _, mistakes = created([RISK, SCORE, OLD], {"score": 9, "old": "x", "strange": 1})
    assert {(m.key, m.code) for m in mistakes} == {
        ("score", "greater_than_maximum"),
        ("old", "custom_field_retired"),
        ("strange", "unknown_custom_field"),
        ("risk", "required"),
    }
    assert next(m.detail for m in mistakes if m.key == "strange").endswith("risk, score")


def test_defaults_are_set_at_creation_only() -> None:
    assert created([RISK, SCORE], {"risk": "low"}) == ({"risk": "low", "score": 3}, [])
    assert created([RISK, SCORE], {"risk": "low", "score": None}) == ({"risk": "low"}, [])
    assert changed([RISK, SCORE], {"risk": "high"}) == ({"risk": "high"}, [])


def test_what_is_required_cannot_be_cleared_and_what_is_retired_can() -> None:
    _, mistakes = changed([RISK, SCORE, OLD], {"risk": None, "score": None, "old": None})
    assert [(m.key, m.code) for m in mistakes] == [("risk", "required")]
    _, at_creation = created([RISK], {"risk": None})
    assert [m.code for m in at_creation] == ["required"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (FieldType.BOOLEAN, "true", True),
        (FieldType.BOOLEAN, "1", None),
        (FieldType.INTEGER, "3", 3),
        (FieldType.NUMBER, "2.50", 2.5),
        (FieldType.NUMBER, "nan", None),
        (FieldType.MULTI_CHOICE, "low", ["low"]),
        (FieldType.TEXT, "a b", "a b"),
    ],
)
def test_a_filters_text_is_read_by_the_fields_type(kind: FieldType, text: str, value: object) -> None:
    assert sought(Definition("x", kind), text) == value
