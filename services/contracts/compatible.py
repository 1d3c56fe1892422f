"""Whether a new schema of an event can be read by those who know the old one: within a major version only additions."""

from collections.abc import Iterator

from services.contracts.parts import Json


def breaks(old: Json, new: Json) -> list[str]:
    """Return what of a schema has changed other than by an optional addition, as places with reasons."""
    return list(_breaks(old, new, old, new, "", 0))


def _breaks(old: Json, new: Json, old_root: Json, new_root: Json, place: str, depth: int) -> Iterator[str]:
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    if depth > 20:
        return
    for keyword in ("type", "const", "format", "pattern"):
        if old.get(keyword) != new.get(keyword):
            yield f"{place or '/'}: {keyword} was {old.get(keyword)!r}, is {new.get(keyword)!r}"
    if "enum" in old and set(old["enum"]) - set(new.get("enum", [])):
        yield f"{place or '/'}: values were removed"
    present: Json = new.get("properties", {})
    for name, schema in old.get("properties", {}).items():
        inner = f"{place}/{name}"
        if name not in present:
            yield f"{inner}: was removed"
            continue
        if name in old.get("required", []) and name not in new.get("required", []):
            yield f"{inner}: need not be there any more"
        yield from _breaks(schema, present[name], old_root, new_root, inner, depth + 1)
    if "items" in old:
        yield from _breaks(old["items"], new.get("items", {}), old_root, new_root, f"{place}/*", depth + 1)
    for choice in ("anyOf", "oneOf"):
        if choice in old:
            yield from _choices(old[choice], new.get(choice, []), old_root, new_root, f"{place}?", depth)


def _choices(old: list[Json], new: list[Json], old_root: Json, new_root: Json, place: str, depth: int) -> Iterator[str]:
    """Every new alternative must be one that readers of the old schema know, and the old ones may stay away."""
    for schema in new:
        if all(any(_breaks(known, schema, old_root, new_root, place, depth + 1)) for known in old):
            yield f"{place}: has an alternative that was none"
    if not new:
        yield f"{place}: the alternatives are gone"


def _resolve(schema: Json, root: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
