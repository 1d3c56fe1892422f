"""A loop is found before it is written, exactly where the schedule could not be computed after."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.loops import any_loop, loop_through
from services.projects.domain.plan import Link, LinkType, Plan, Task
from services.projects.domain.schedule import DependencyCycle, critical_path
from tests.unit.projects.schedule_support import plan, task

Tree = dict[str, str | None]


def can_be_scheduled(parents: Tree, links: list[tuple[str, str]], kind: LinkType) -> bool:
    """What the schedule itself says."""
    tasks: list[Task] = [replace(task(name), parent_source_id=parent) for name, parent in parents.items()]
    whole: Plan = plan(tasks, [Link(before, after, kind) for before, after in links])
    try:
        critical_path(whole)
    except DependencyCycle:
        return False
    return True


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Up to nine tasks, each at the top or below an earlier one."""
    parents: Tree = {"0": None}
    for number in range(1, draw(st.integers(2, 9))):
        above = draw(st.integers(-1, number - 1))
        parents[str(number)] = None if above < 0 else str(above)
    return parents


@given(trees(), st.data(), st.sampled_from(LinkType))
def test_a_link_is_refused_exactly_if_the_plan_could_not_be_scheduled_with_it(
    parents: Tree, data: st.DataObject, kind: LinkType
) -> None:
    links: list[tuple[str, str]] = []
    for _ in range(data.draw(st.integers(1, 8))):
        before, after = data.draw(st.lists(st.sampled_from(list(parents)), min_size=2, max_size=2, unique=True))
        loop = loop_through(parents, [*links, (before, after)], added=[(before, after)])
        assert (loop is None) is can_be_scheduled(parents, [*links, (before, after)], kind)
        if loop is None:
            links.append((before, after))
        else:
            assert len(set(loop)) == len(loop)
            assert {before, after} <= set(loop)


@given(trees(), st.data())
def test_a_move_is_refused_exactly_if_the_plan_could_not_be_scheduled_after_it(
    parents: Tree, data: st.DataObject
) -> None:
    links: list[tuple[str, str]] = []
    names = list(parents)
    for before, after in data.draw(st.lists(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))):
        if loop_through(parents, [*links, (before, after)], added=[(before, after)]) is None:
            links.append((before, after))
    moved = data.draw(st.sampled_from(names))
    earlier = [None, *names[: names.index(moved)]]  # so that parents still come first, and none is below itself
    after_move = {**parents, moved: data.draw(st.sampled_from(earlier))}
    loop = loop_through(after_move, links, moved=[moved])
    assert (loop is None) is can_be_scheduled(after_move, links, LinkType.FINISH_TO_START)


@given(trees(), st.data(), st.sampled_from(LinkType))
def test_some_loop_is_found_exactly_if_a_plan_cannot_be_scheduled(
    parents: Tree, data: st.DataObject, kind: LinkType
) -> None:
    pairs = st.lists(st.sampled_from(list(parents)), min_size=2, max_size=2, unique=True)
    links = [(before, after) for before, after in data.draw(st.lists(pairs, max_size=12))]
    loop = any_loop(parents, links)
    assert (loop == ()) is can_be_scheduled(parents, links, kind)
    if loop:
        assert len(set(loop)) == len(loop)
        inside = [link for link in links if set(link) <= set(loop)]
        assert not can_be_scheduled(parents, inside, kind)


def test_a_loop_that_was_there_before_holds_nobody_up() -> None:
    parents: Tree = {"a": None, "b": None, "c": None, "d": None}
    links = [("a", "b"), ("b", "a"), ("b", "c")]
    assert loop_through(parents, [*links, ("c", "d")], added=[("c", "d")]) is None
    assert set(loop_through(parents, [*links, ("c", "a")], added=[("c", "a")]) or ()) == {"a", "b", "c"}
