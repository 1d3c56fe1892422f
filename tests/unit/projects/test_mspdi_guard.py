"""Hostile and broken files: a PlanFileError that says where, or a plan, and never anything else."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain import xml_guard
from services.projects.domain.mspdi import MspdiCheck, PlanFileError, read_mspdi
from services.projects.domain.outline import MOST_LEVELS
from services.projects.domain.xml_guard import CHUNK, MAX_DEPTH, MAX_NAMES, MAX_TEXT, MAX_TOKEN
from tests.unit.projects.mspdi_support import HEADER, document, elements, link, pieces, task

PLAN = document(
    tasks=task(0, OutlineLevel=0, Summary=1)
    + task(1, OutlineLevel=1, Duration="PT8H0M0S", PercentComplete=50, Start="2026-03-02T08:00:00")
    + task(2, link(1, Type=1, LinkLag=4800, LagFormat=7), OutlineLevel=1, Duration="PT16H0M0S", Cost=120000),
    resources="<Resource><UID>1</UID><Name>Åsa</Name><StandardRate>60</StandardRate></Resource>",
    assignments=f"<Assignment>{elements(UID=1, TaskUID=1, ResourceUID=1, Work='PT8H0M0S')}</Assignment>",
)
BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE Project [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<Project><Title>&c;</Title></Project>"""


def refusal(data: bytes, size: int = 1 << 20) -> PlanFileError:
    """How the check and the reader, which must agree, refuse the data."""
    check = MspdiCheck()
    with pytest.raises(PlanFileError) as by_check:
        feed_all(check, data, size)
    with pytest.raises(PlanFileError) as by_reader:
        read_mspdi(pieces(data, size))
    assert by_reader.value.args == by_check.value.args
    return by_check.value


def feed_all(check: MspdiCheck, data: bytes, size: int) -> None:
    for piece in pieces(data, size):
        check.feed(piece)
    check.close()


@pytest.mark.parametrize(
    "document_type",
    [
        pytest.param(BILLION_LAUGHS, id="billion laughs"),
        pytest.param(
            b'<!DOCTYPE Project [<!ENTITY x SYSTEM "file:///etc/passwd">]><Project><Title>&x;</Title></Project>',
            id="external entity",
        ),
        pytest.param(b'<!DOCTYPE Project SYSTEM "http://127.0.0.1/x.dtd"><Project/>', id="external document type"),
        pytest.param(
            b'<!DOCTYPE Project [<!ENTITY x "' + b"x" * 100_000 + b'">]><Project>' + b"&x;" * 10_000 + b"</Project>",
            id="quadratic blow-up",
        ),
        pytest.param(b'<!DOCTYPE Project [<!ENTITY % p "x"> %p;]><Project/>', id="parameter entity"),
    ],
)
def test_document_types_and_entities_are_refused_before_anything_is_expanded(document_type: bytes) -> None:
    assert refusal(document_type).code == "xml_forbidden"


def test_an_entity_that_nobody_declared_is_not_xml() -> None:
    assert refusal(b"<Project><Title>&x;</Title></Project>").code == "not_xml"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    error = refusal(b"<Project>" + b"<Tasks>" * depth)
    assert (error.code, error.line) == ("xml_too_deep", 1)


def test_nesting_as_deep_as_allowed_is_read() -> None:
    inner = "<X>" * (MAX_DEPTH - 1) + "</X>" * (MAX_DEPTH - 1)
    assert read_mspdi([document(header=HEADER + inner)]).currency == "EUR"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<Project><Title>" + b"x" * (MAX_TEXT + 1) + b"</Title></Project>", id="text"),
        pytest.param(b'<Project a="' + b"x" * (MAX_TOKEN * 2), id="attribute"),
        pytest.param(b"<Project><!--" + b"x" * (MAX_TOKEN * 2), id="comment"),
        pytest.param(b"<Project>" + b"".join(b"<n%d/>" % n for n in range(MAX_NAMES + 9_000)), id="names"),
        pytest.param(b"<Project>" + b"".join(b'<n xmlns="%d"/>' % n for n in range(MAX_NAMES + 1)), id="namespaces"),
    ],
)
def test_what_would_fill_memory_is_refused(data: bytes) -> None:
    assert refusal(data).code == "xml_too_large"


def test_more_elements_than_any_plan_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_guard, "MAX_ELEMENTS", 1_000)
    assert refusal(b"<Project>" + b"<a/>" * 1_000).code == "xml_too_large"


def test_an_endless_tag_sent_byte_by_byte_is_not_scanned_again_with_every_byte() -> None:
    error = refusal(b'<Project a="' + b"x" * 2 * MAX_TOKEN, size=1)
    assert error.code == "xml_too_large"


def test_rows_that_are_not_kept_do_not_grow_memory() -> None:
    ignored = b"<TimephasedData><Value>PT1H0M0S</Value></TimephasedData>" * 1_000

    def chunks() -> list[bytes]:
        return [
            b"<Project>" + HEADER.encode() + b"<Tasks><Task><UID>1</UID>",
            *[ignored] * 100,
            b"</Task></Tasks></Project>",
        ]

    data = chunks()
    tracemalloc.start()
    read_mspdi(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_xml"),
        (b"PK\x03\x04 not a plan", "not_xml"),
        (b'{"name": "plan"}', "not_xml"),
        (b"<Project><Tasks></Project>", "not_xml"),
        (b"<Project/><Project/>", "not_xml"),
        (b"<Project>\xff\xfe</Project>", "not_xml"),
        (b"<Project>\x01</Project>", "not_xml"),
        (b"<html><body/></html>", "not_mspdi"),
        (b'<Project xmlns="http://maven.apache.org/POM/4.0.0"/>', "not_mspdi"),
        (b'<project xmlns="http://schemas.microsoft.com/project"/>', "not_mspdi"),
        (b'<?xml version="1.0" encoding="utf-7"?><Project/>', "xml_forbidden"),
        (b'<?xml version="1.0" encoding="rot13"?><Project/>', "xml_forbidden"),
        (b"<Project><Tasks>", "xml_truncated"),
        (b"<Project", "xml_truncated"),
        (b"<Project><Title><![CDATA[x", "xml_truncated"),
        (b"<Project><Title>\xc3", "xml_truncated"),
    ],
)
def test_each_kind_of_wrong_file_has_its_code(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_file_without_any_start_is_no_plan() -> None:
    with pytest.raises(PlanFileError, match="mspdi_without_start"):
        read_mspdi([b"<Project/>"])


def test_the_place_of_a_mistake_is_told() -> None:
    error = refusal(b"<Project>\n  <Tasks>\n    <Task></Tasks>\n</Project>")
    assert (error.code, error.line, error.column) == ("not_xml", 3, 13)
    assert "line 3, column 13" in str(error)


def test_after_a_refusal_every_further_byte_is_refused_the_same_way() -> None:
    check = MspdiCheck()
    with pytest.raises(PlanFileError) as first:
        check.feed(b"<html>" + b" " * CHUNK)
    with pytest.raises(PlanFileError) as on_feed:
        check.feed(b"<Project/>")
    with pytest.raises(PlanFileError) as on_close:
        check.close()
    assert on_feed.value is first.value is on_close.value


def test_a_file_cut_anywhere_is_told_to_be_cut() -> None:
    for part in range(1, 20):
        assert refusal(PLAN[: len(PLAN) * part // 20]).code == "xml_truncated"


@pytest.mark.parametrize("size", [1, 7, 1000, CHUNK, CHUNK + 1, 1 << 20])
def test_the_plan_does_not_depend_on_how_the_bytes_are_cut(size: int) -> None:
    big = PLAN.replace(b"</Project>", b" " * 2 * CHUNK + b"</Project>")
    assert read_mspdi(pieces(big, size)) == read_mspdi([PLAN])
    feed_all(MspdiCheck(), big, size)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + PLAN,
        PLAN.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        PLAN.decode().replace("UTF-8", "UTF-16").encode("utf-16-be"),
        PLAN.decode().replace("UTF-8", "iso-8859-1").encode("iso-8859-1"),
        PLAN.decode().replace("UTF-8", "windows-1252").encode("windows-1252"),
        PLAN.replace(b' xmlns="http://schemas.microsoft.com/project"', b""),
        PLAN.replace(b"schemas.microsoft.com/project", b"schemas.microsoft.com/project/2007"),
        PLAN.replace(b"<", b"<p:").replace(b"<p:/", b"</p:").replace(b"<p:?", b"<?").replace(b" xmlns=", b" xmlns:p="),
    ],
    ids=[
        "byte order mark",
        "utf-16",
        "utf-16-be",
        "latin1",
        "windows-1252",
        "no namespace",
        "the schema's namespace",
        "prefix",
    ],
)
def test_encodings_and_namespace_spellings_make_no_difference(data: bytes) -> None:
    assert read_mspdi([data]) == read_mspdi([PLAN])


@given(st.data())
def test_flipped_bytes_give_a_plan_or_a_plan_file_error(data: st.DataObject) -> None:
    broken = bytearray(PLAN)
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(PLAN) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    ):
        broken[place] = value
    plan_or_error(bytes(broken))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_plan_or_a_plan_file_error(data: bytes) -> None:
    plan_or_error(data)


@given(st.integers(0, 2**32))
def test_shuffled_and_repeated_pieces_give_a_plan_or_a_plan_file_error(seed: int) -> None:
    chance = random.Random(seed)
    tags = PLAN.decode().replace("<", "\0<").split("\0")
    for _ in range(3):
        begin, end = sorted(chance.choices(range(len(tags)), k=2))
        tags.insert(chance.randrange(len(tags)), "".join(tags[begin:end]))
    plan_or_error("".join(tags).encode())


TEXTS = st.one_of(
    st.sampled_from(
        ["", "-1", "0", "1", "99999999999999999999", "PT8H0M0S", "PT", "-PT8H0M0S", "NaN", "1e99", "1e999"]
    ),
    st.sampled_from(["2026-02-30T08:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2149-12-31T23:59:59", "²"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&"), max_size=8),
)


@given(st.lists(st.tuples(st.integers(0, 60), TEXTS), min_size=1, max_size=5))
def test_any_text_in_any_field_gives_a_plan(replaced: list[tuple[int, str]]) -> None:
    texts = PLAN.decode().split(">")
    leaves = [place for place, text in enumerate(texts) if text.partition("<")[0]]
    for which, text in replaced:
        place = leaves[which % len(leaves)]
        texts[place] = text.replace(">", "") + texts[place][texts[place].index("<") :]
    plan_or_error(">".join(texts).encode())


def plan_or_error(data: bytes) -> None:
    try:
        plan = read_mspdi([data])
    except PlanFileError:
        return
    uids = {each.source_id for each in plan.tasks}
    assert len(uids) == len(plan.tasks)
    assert all({each.predecessor, each.successor} <= uids for each in plan.links)
    assert all(each.parent_source_id is None or each.parent_source_id in uids for each in plan.tasks)
    assert all(each.task_source_id in uids for each in plan.assignments)
    assert plan.calendar_source_id in {each.source_id for each in plan.calendars}
    assert plan.last_date.year <= 2149


def test_an_outline_of_more_levels_than_there_are_is_refused_at_its_line() -> None:
    rows = [task(level, OutlineLevel=level) for level in range(1, MOST_LEVELS + 2)]
    assert len(read_mspdi([document("\n".join(rows[:-1]))]).tasks) == MOST_LEVELS
    with pytest.raises(PlanFileError) as error:
        read_mspdi([document("\n".join(rows))])
    assert (error.value.code, error.value.line) == ("outline_too_deep", MOST_LEVELS + 1)
