"""The messages that both servers are given: this project's samples and those of CPython's email tests."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

__all__ = ["NESTED", "samples"]

_OURS = Path(__file__).parents[1] / "samples"

NESTED = ("digest", "nested-messages", "delivery-report")
"""Samples with parts inside parts."""

_NOT_COMPARABLE = frozenset({"bare-cr", "bare-lf", "binary-part", "empty", "mixed-line-endings", "nul"})
"""What neither stores, and what Dovecot stores otherwise than it was given.

It makes a bare LF a CRLF and NUL 0x80, and drops a CR in front of a line ending.
"""


@cache
def samples() -> dict[str, bytes]:
    """Return the messages by name; CPython's are there only where its tests are installed, and get CRLF line ends."""
    found = {path.stem: path.read_bytes() for path in sorted(_OURS.glob("*.eml")) if path.stem not in _NOT_COMPARABLE}
    for folder in _cpython():
        for path in sorted(folder.glob("msg_*.txt")):
            found[f"cpython-{path.stem}"] = re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())
    return found


def _cpython() -> list[Path]:
    try:
        package = importlib.util.find_spec("test.test_email")
    except ModuleNotFoundError:
        return []
    return [Path(place) / "data" for place in package.submodule_search_locations or ()] if package else []
