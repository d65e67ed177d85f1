"""``python -m tests.coverage`` shows what the catalogue covers; ``--write`` keeps it as docs/COVERAGE.md."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.coverage.document import document
from tests.ours import CATALOGUE

__all__ = ["DOCUMENT"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "COVERAGE.md"

if __name__ == "__main__":
    text = document(list(CATALOGUE.values()))
    if sys.argv[1:] == ["--write"]:
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
