"""Which template a path fits: a trie of path templates, in which a fixed segment goes before a parameter."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar

PARAMETER: Final = re.compile(r"\{([^{}/:]+)\}")
_REST: Final = re.compile(r"\{[^{}/:]+:path\}")

Found = TypeVar("Found")


class Paths(Generic[Found]):
    """Path templates, and what answers each method there."""

    def __init__(self) -> None:
        self._root: _Node[Found] = _Node()

    def add(self, method: str, template: str, found: Found) -> None:
        """Put in what answers; raises ValueError for a template that cannot be told apart from another."""
        node = self._root
        for segment in template.split("/")[1:]:
            if _REST.fullmatch(segment):
                node.rest = node.rest or _Node()
                node = node.rest
            elif PARAMETER.fullmatch(segment):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            elif "{" in segment:
                raise ValueError("a parameter must be a whole segment")
            else:
                node = node.children.setdefault(segment, _Node())
        if method in node.methods:
            raise ValueError("another operation answers the same path")
        node.methods[method] = found

    def find(self, segments: Sequence[str]) -> Mapping[str, Found] | None:
        """Return by method what answers a path, given as its parts between slashes; None: it fits no template."""
        return _find(self._root, segments, 1)


class _Node(Generic[Found]):
    __slots__ = ("children", "methods", "parameter", "rest")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Found]] = {}
        self.parameter: _Node[Found] | None = None
        self.rest: _Node[Found] | None = None
        self.methods: dict[str, Found] = {}


def _find(node: _Node[Found], segments: Sequence[str], index: int) -> Mapping[str, Found] | None:
    if index == len(segments):
        return node.methods or None
    segment = segments[index]
    child = node.children.get(segment)
    if child is not None:
        found = _find(child, segments, index + 1)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        found = _find(node.parameter, segments, index + 1)
        if found is not None:
            return found
    return None if node.rest is None else node.rest.methods
