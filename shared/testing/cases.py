"""Where the real cases are: plans and payloads of third parties, never part of this repository."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def cases(folder: str) -> Path:
    """Return a folder of real cases: below `PMO_CASES`, else beside the repository."""
    return Path(os.environ.get("PMO_CASES") or ROOT.parent / "shared" / "data") / folder
