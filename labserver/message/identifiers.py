"""Message identifiers, for threading (RFC 5322 3.6.4, RFC 5256 3)."""

from __future__ import annotations

import re

__all__ = ["MOST_IDENTIFIERS", "message_ids"]

MOST_IDENTIFIERS = 10_000
"""Identifiers of one field that are looked at."""

_IDENTIFIER = re.compile(rb"<([^<>]++)>")
_QUOTED = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def message_ids(value: bytes, *, most: int = MOST_IDENTIFIERS) -> list[bytes]:
    """Return the identifiers in a Message-ID, In-Reply-To or References value, without brackets and quotes.

    Phrases and whatever else stands between them are passed over; what has no ``@`` is no identifier. Equal
    identifiers compare equal however they were quoted (RFC 5256 3, "normalized").
    """
    found: list[bytes] = []
    for match in _IDENTIFIER.finditer(value):
        identifier = match[1].strip()
        if b'"' in identifier:
            identifier = _QUOTED.sub(lambda quoted: _QUOTED_PAIR.sub(rb"\1", quoted[1]), identifier)
        if b"@" in identifier:
            found.append(identifier)
            if len(found) == most:
                break
    return found
