"""Credentials out of the transcript: what a command may show of itself.

Better too much is masked than too little: a pattern looks at the octets as they came, so that a command which the
grammar refuses (a tab for a space, a forgotten tag) is masked like one that it accepts.
"""

from __future__ import annotations

import re

__all__ = ["AUTH", "MASK", "is_stray_response", "masked"]

AUTH = rb"AUTH(?=[\s=:])(?:\s+(?-i:[A-Z0-9_-]{1,20}|[a-z0-9_-]{1,20})(?!\S))?"
"""A pattern for SMTP's and POP3's AUTH and its mechanism (RFC 4422 3.1), which a forgotten one's response is not."""
MASK = b"****"
_KEYWORD = re.compile(rb"[A-Za-z]{1,4}|UTF8|STARTTLS", re.IGNORECASE)
"""Commands of one word: all that SMTP and POP3 have."""


def masked(raw: bytes, shown: re.Pattern[bytes]) -> bytes:
    """Return ``raw`` with whatever follows the match of ``shown`` at its start masked; all of it without a match."""
    match = shown.match(raw)
    if match is None or not raw[match.end() :].strip():
        return raw
    return match.group() + b" " + MASK + b"\r\n"


def is_stray_response(line: bytes) -> bool:
    """Return whether a line that came as a command looks like the response to a challenge which was never made.

    Clients that do not wait for the challenge, or do not heed a refusal, send a password this way.
    """
    words = line.split()
    return len(words) == 1 and not _KEYWORD.fullmatch(words[0])
