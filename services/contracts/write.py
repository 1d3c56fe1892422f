"""Builds every contract file: OpenAPI, AsyncAPI, event schemas and the pages of the problems."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from services.contracts import asyncapi, openapi, problems
from services.contracts.parts import PARTS, Json
from shared.events import schema

ROOT: Final = Path(__file__).parents[2]
CONTRACTS: Final = Path("shared/contracts")
EVENTS: Final = CONTRACTS / "events"
PROBLEMS: Final = Path("docs/problems")


def _json(document: Json | list[dict[str, object]]) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def files() -> Iterator[tuple[Path, str]]:
    """Yield path (from the repository's root) and content of every contract file."""
    yield CONTRACTS / "openapi.json", _json(openapi.document(PARTS))
    yield CONTRACTS / "asyncapi.yaml", asyncapi.text(PARTS)
    for part in PARTS:
        for event in part.events:
            yield EVENTS / f"{event.type}.json", _json(schema(event))
    yield CONTRACTS / "problems.json", _json(problems.catalogue())
    for name, page in problems.pages():
        yield PROBLEMS / name, page


def build(root: Path = ROOT) -> list[Path]:
    """Write every contract file that differs and remove those that are no longer made; returns what changed."""
    made = dict(files())
    changed = []
    for path, content in made.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != content:
            target.write_text(content, encoding="utf-8")
            changed.append(path)
    for folder, pattern in ((EVENTS, "*.json"), (PROBLEMS, "*.md")):
        for present in (root / folder).glob(pattern):
            if folder / present.name not in made:
                present.unlink()
                changed.append(folder / present.name)
    return changed


def main() -> None:
    """Build the contracts and say what changed."""
    changed = build()
    sys.stdout.write("".join(f"{path}\n" for path in sorted(changed)) or "Nothing has changed.\n")
