"""Hostile and broken XER files: a PlanFileError that says where, or plans, and never anything else."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.outline import MOST_LEVELS
from services.projects.domain.primavera import read_xer, xer_check
from services.projects.domain.primavera.xer import MAX_FIELDS, MAX_LINE, XerReader
from services.projects.domain.xml_guard import PlanFileError
from tests.unit.projects.mspdi_support import pieces
from tests.unit.projects.xer_support import ROOT, activity, document, node, read_file, relationship

FILE = document([activity(1), activity(2, 2)], [relationship(1, 2)], nodes=[node(2, parent=1)]).encode()


def refusal(data: bytes, size: int = 1 << 20) -> PlanFileError:
    """How the check and the reader, which must agree, refuse the data."""
    check = xer_check()
    with pytest.raises(PlanFileError) as by_check:
        feed_all(check, data, size)
    with pytest.raises(PlanFileError) as by_reader:
        read_xer(pieces(data, size))
    assert by_reader.value.args == by_check.value.args
    return by_check.value


def feed_all(check: XerReader, data: bytes, size: int) -> None:
    for piece in pieces(data, size):
        check.feed(piece)
    check.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_xer"),
        (b"\n", "not_xer"),
        (b"<Project/>", "not_xer"),
        (b"PK\x03\x04", "not_xer"),
        (b"\xff\xfe\x00", "not_xer"),
        (FILE.replace(b"P1", b"P\x001"), "xer_forbidden"),
        (FILE.replace(b"%E", b""), "xer_truncated"),
        (b"ERMHDR\t1\r\n%R\t1\r\n%E", "xer_malformed"),
        (b"ERMHDR\t1\r\n%F\t1\r\n%E", "xer_malformed"),
        (b"ERMHDR\t1\r\n%T\t../x\r\n%E", "xer_malformed"),
        (b"ERMHDR\t1\r\nhello\r\n%E", "xer_malformed"),
        (FILE + b"%T\tTASK\r\n", "xer_malformed"),
        (b"ERMHDR\t" + b"x" * (MAX_LINE + 1), "xer_too_large"),
        (FILE.replace(b"%E", b"%R\t" + b"x" * (MAX_LINE + 1)), "xer_too_large"),
        (FILE.replace(b"%E", b"note\r\n" * (MAX_LINE // 5) + b"%E"), "xer_too_large"),
        (FILE.replace(b"%E", b"%T\tX\r\n%F" + b"\tx" * (MAX_FIELDS + 1) + b"\r\n%E"), "xer_too_large"),
    ],
)
def test_each_kind_of_wrong_file_has_its_code(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_the_line_of_a_mistake_is_told() -> None:
    error = refusal(b"ERMHDR\t1\r\n%T\tTASK\r\n%F\ttask_id\r\n%R\t1\r\n%T\t\r\n%E\r\n")
    assert (error.code, error.line) == ("xer_malformed", 5)


def test_a_file_cut_anywhere_is_told_to_be_cut() -> None:
    for part in range(1, 20):
        assert refusal(FILE[: len(FILE) * part // 20]).code in {"xer_truncated", "not_xer"}


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 14, 1 << 20])
def test_the_plans_do_not_depend_on_how_the_bytes_are_cut(size: int) -> None:
    big = FILE.replace(b"%T\tTASKPRED", b"%T\tX\r\n%F\tx\r\n" + b"%R\tx\r\n" * 5_000 + b"%T\tTASKPRED")
    assert read_xer(pieces(big, size)) == read_xer([FILE])


def test_brackets_without_end_in_a_calendar_neither_overflow_nor_take_long() -> None:
    data = "(0||a()(" * (MAX_LINE // 10)
    text = FILE.decode().replace("(0||CalendarData()", data, 1).encode()
    (plan,) = read_xer([text]).plans.values()
    assert [each.code for each in plan.skipped if each.kind == "calendar"] == ["invalid_calendar"]


def test_tables_that_are_not_kept_do_not_grow_memory() -> None:
    head, tail = FILE.split(b"%T\tTASKPRED")
    filler = b"%T\tTASKMEMO\r\n%F\tmemo_id\ttask_memo\r\n" + b"%R\t1\tsome words that nobody asked for\r\n" * 20_000

    def measured(times: int) -> int:
        tracemalloc.start()
        read_xer([head, *[filler] * times, b"%T\tTASKPRED" + tail])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert measured(40) < measured(1) + 200_000


def test_a_nul_is_told_by_its_place() -> None:
    file = document([activity(1)])
    place = file.index("Activity 1")
    with pytest.raises(PlanFileError) as error:
        read_xer([(file[:place] + "\0" + file[place:]).encode()])
    line = file[:place].count("\n") + 1
    assert (error.value.code, error.value.line, error.value.column) == (
        "xer_forbidden", line, place - file.rindex("\n", 0, place)
    )  # fmt: skip


def test_a_breakdown_of_more_levels_than_there_are_is_refused_at_the_node() -> None:
    nodes = [ROOT, *(node(uid, parent=uid - 1) for uid in range(2, 110))]
    (plan,) = read_file([activity(1, MOST_LEVELS)], nodes=nodes[:MOST_LEVELS]).plans.values()
    assert [task.outline_level for task in plan.tasks] == list(range(1, MOST_LEVELS + 1))
    for deep in ([activity(1, MOST_LEVELS + 1)], [activity(1)]):
        with pytest.raises(PlanFileError) as error:
            read_file(deep, nodes=nodes)
        assert error.value.code == "outline_too_deep"
        line = document(deep, nodes=nodes).split("\r\n")[(error.value.line or 0) - 1]
        assert f"Node {MOST_LEVELS + (1 if deep[0]['wbs_id'] == MOST_LEVELS + 1 else 2)}" in line


@given(st.data())
def test_flipped_bytes_give_plans_or_a_plan_file_error(data: st.DataObject) -> None:
    broken = bytearray(FILE)
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    ):
        broken[place] = value
    plans_or_error(bytes(broken))


@given(st.integers(0, 2**32))
def test_shuffled_fields_give_plans_or_a_plan_file_error(seed: int) -> None:
    chance = random.Random(seed)
    fields = FILE.decode().split("\t")
    for _ in range(4):
        fields[chance.randrange(len(fields))] = chance.choice(
            ["", "-1", "99999999999999999999", "NaN", "1e99", "9999-99-99 00:00", "0001-01-01", "²", *fields[:200]]
        )
    plans_or_error("\t".join(fields).encode())


def plans_or_error(data: bytes) -> None:
    try:
        file = read_xer([data])
    except PlanFileError:
        return
    for plan in file.plans.values():
        uids = {each.source_id for each in plan.tasks}
        assert len(uids) == len(plan.tasks)
        assert [each.position for each in plan.tasks] == list(range(len(plan.tasks)))
        assert all({each.predecessor, each.successor} <= uids for each in plan.links)
        assert all(each.parent_source_id is None or each.parent_source_id in uids for each in plan.tasks)
        assert all(each.task_source_id in uids for each in plan.assignments)
        assert plan.calendar_source_id in {each.source_id for each in plan.calendars}
