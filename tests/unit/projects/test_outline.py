"""The outline of a plan: whatever is added, moved and removed, order, levels, positions and codes fit together."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.projects.domain.codes import InvalidMask, Mask
from services.projects.domain.outline import MOST_LEVELS, NoPlace, Outline, Place


def dense(count: int) -> Outline[int]:
    """A flat plan whose positions leave no room."""
    return Outline(Place(key, None, key, 1, str(key + 1), is_summary=False) for key in range(count))


def check(outline: Outline[int]) -> None:
    """What always holds of a settled outline."""
    order = list(outline)
    positions = [outline[key].position for key in order]
    assert positions == sorted(set(positions))
    assert len({outline[key].code for key in order}) == len(order)
    for key in order:
        place = outline[key]
        assert place.is_summary is bool(outline.children(key))
        assert place.level == (1 if place.parent is None else outline[place.parent].level + 1)
        assert place.parent is None or order.index(place.parent) < order.index(key)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 9), st.integers(-1, 9)), max_size=12))
@example([(1, 0, -1), (1, -1, 0)])
def test_moves_keep_order_levels_positions_and_codes_together(moves: list[tuple[int, int, int]]) -> None:
    outline = dense(10)
    told: dict[int, dict[str, object]] = {}
    for key, parent, beside in moves:
        try:
            outline.move([key], None if parent < 0 else parent, before=None if beside < 0 else beside)
        except NoPlace:
            continue
        told = outline.settle()
        check(outline)
    for key, place in ((key, dense(10)[key]) for key in outline):
        for name, was, now in (
            ("parent_id", place.parent, outline[key].parent),
            ("position", place.position, outline[key].position),
        ):
            assert told.get(key, {}).get(name, was) == now


def test_only_the_first_move_in_a_dense_plan_makes_room_behind_it() -> None:
    outline = dense(100)
    outline.move([50], None, before=3)
    assert len(outline.settle()) == 97
    settled = Outline([outline[key] for key in outline])
    settled.move([70], None, before=3)
    assert list(settled.settle()) == [70]
    check(settled)


def test_what_follows_moves_on_only_as_far_as_there_is_no_room() -> None:
    places = [Place(key, None, at, 1, str(key), is_summary=False) for key, at in enumerate((0, 1, 2, 900, 901))]
    outline = Outline(places)
    outline.add(5, before=1)
    assert set(outline.settle()) == {5, 1, 2}
    check(outline)


def test_a_plan_whose_branches_lie_apart_comes_together() -> None:
    places = [Place(key, parent, key, 1 if parent is None else 2, str(key), is_summary=parent is None and key == 0)
              for key, parent in ((0, None), (1, None), (2, 0), (3, None))]  # fmt: skip
    outline = Outline(places)
    outline.add(4, 0)
    outline.settle()
    assert list(outline) == [0, 2, 4, 1, 3]
    check(outline)


def test_a_new_task_stands_behind_its_last_sibling() -> None:
    outline = dense(3)
    outline.add(10, 0)
    outline.add(11, 0)
    outline.settle()
    assert list(outline) == [0, 10, 11, 1, 2]
    assert [outline[key].code for key in outline] == ["1", "1.1", "1.2", "2", "3"]
    outline.remove(10)
    outline.add(12, 0)
    outline.settle()
    assert outline[12].code == "1.1"
    positions = [outline[key].position for key in outline]
    assert positions == sorted(set(positions))


def test_masks_count_in_numbers_and_letters() -> None:
    mask = Mask.parse("HT-|A.01.a")
    assert mask.code("", 1, 27) == "HT-AA"
    assert mask.code("HT-AA", 2, 3) == "HT-AA.03"
    assert mask.code("HT-AA.03", 3, 2) == "HT-AA.03.b"
    assert mask.code("x", 4, 28) == "x.ab"
    for wrong in ("", "1..1", "B", "1.", "a|", "10"):
        with pytest.raises(InvalidMask):
            Mask.parse(wrong)


def test_nothing_is_put_deeper_than_there_are_levels() -> None:
    outline: Outline[int] = Outline([])
    outline.add(1)
    for key in range(2, MOST_LEVELS + 1):
        outline.add(key, key - 1)
    with pytest.raises(NoPlace, match="levels"):
        outline.add(0, MOST_LEVELS)
    outline.add(-1)
    outline.add(-2, -1)
    with pytest.raises(NoPlace, match="levels"):
        outline.move([-1], MOST_LEVELS - 1)
    outline.move([-1], MOST_LEVELS - 2)
    assert outline.settle()[-2]["outline_level"] == MOST_LEVELS
