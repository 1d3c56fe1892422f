"""Published cases, found outside the repository; absent as a whole they are skipped, by name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

CASES = Path(os.environ.get("PMO_CASES") or Path(__file__).parents[4] / "shared" / "data")


def load(name: str) -> Any:
    """The JSON of a file, or None where the folder of cases is absent; a missing file in it is an error."""
    return json.loads((CASES / name).read_text()) if CASES.is_dir() else None


def each(name: str, cases: list[dict[str, Any]] | None) -> list[Any]:
    """One test parameter per case, or one that is skipped and tells the file's name."""
    if cases is None:
        return [pytest.param({}, id=name, marks=pytest.mark.skip(reason=f"no {CASES}/{name}"))]
    return [pytest.param(case, id=case["id"]) for case in cases]
