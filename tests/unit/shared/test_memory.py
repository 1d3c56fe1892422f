"""What a process keeps of what it read is bounded."""

from shared.memory import Memory


def test_the_least_recently_used_goes_first() -> None:
    memory = Memory(most=10)
    for key in "abc":
        memory.keep(key, f"value of {key}", 3)
    assert memory.get("a", str) == "value of a"
    memory.keep("d", "value of d", 4)
    assert [key for key in "abcd" if memory.get(key, str)] == ["a", "c", "d"]
    assert memory.rows == 10


def test_a_value_takes_the_place_of_the_one_before() -> None:
    memory = Memory(most=10)
    memory.keep("a", "old", 6)
    memory.keep("a", "new", 7)
    assert (memory.get("a", str), memory.rows) == ("new", 7)


def test_what_is_too_large_is_not_kept_and_leaves_the_others_alone() -> None:
    memory = Memory(most=10)
    memory.keep("a", "small", 1)
    memory.keep("b", "large", 11)
    assert (memory.get("a", str), memory.get("b", str), memory.rows) == ("small", None, 1)
    memory.keep("a", "grown", 11)
    assert (memory.get("a", str), memory.rows) == (None, 0)


def test_only_what_is_of_the_kind_asked_for_is_told() -> None:
    memory = Memory()
    memory.keep("a", "text", 1)
    assert memory.get("a", int) is None
