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

_REWRITTEN = frozenset({"bare-cr", "bare-lf", "binary-part", "mixed-line-endings", "nul"})
"""What Dovecot stores otherwise than it was given: a bare LF as CRLF, a NUL as 0x80, a CR before a line end not at all."""


@cache
def samples() -> dict[str, bytes]:
    """Return the messages by name; CPython's are there only where its tests are installed, and get CRLF line ends."""
    found = {path.stem: path.read_bytes() for path in sorted(_OURS.glob("*.eml")) if path.stem not in _REWRITTEN}
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
