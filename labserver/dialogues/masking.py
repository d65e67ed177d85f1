"""Credentials out of the transcript: what a command may show of itself.

Better too much is masked than too little: a pattern looks at the octets as they came, so that a command which the
grammar refuses (a tab for a space, a forgotten tag) is masked like one that it accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

__all__ = ["MASK", "masked"]

MASK = b"****"


def masked(raw: bytes, shown: re.Pattern[bytes]) -> bytes:
    """Return ``raw`` with whatever follows the match of ``shown`` at its start masked; all of it without a match."""
    match = shown.match(raw)
    if match is None or not raw[match.end() :].strip():
        return raw
    return match.group() + b" " + MASK + b"\r\n"
