"""Header values as people read them: RFC 2047 encoded-words, charsets, raw 8-bit octets."""

from __future__ import annotations

import re
from itertools import islice

from labserver.message.charsets import decode
from labserver.message.transfer import decode as transfer_decode

__all__ = ["MOST_WORDS", "readable"]

MOST_WORDS = 4_000
"""Encoded-words of one value that are decoded; those beyond stay as they are."""

_ENCODED_WORD = re.compile(rb"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,64})?\?([BbQq])\?([^?\r\n]*+)\?=")
_WHITE = b" \t\r\n"


def readable(value: bytes) -> str:
    """Return an unfolded field value as text; what is no valid encoded-word stays as it is.

    White space between two encoded-words is not part of the text (RFC 2047 6.2). Neighbours in one charset are joined
    before they are decoded, because many senders cut characters in two.
    """
    if b"=?" not in value:
        return decode(value)
    pieces: list[tuple[str | None, list[bytes]]] = []
    position = 0
    for word in islice(_ENCODED_WORD.finditer(value), MOST_WORDS):
        octets = _octets(word[2].lower(), word[3])
        between = value[position : word.start()]
        charset = word[1].decode("latin-1").lower()
        if between and not (pieces and pieces[-1][0] is not None and not between.strip(_WHITE)):
            pieces.append((None, [between]))
        if pieces and pieces[-1][0] == charset:
            pieces[-1][1].append(octets)
        else:
            pieces.append((charset, [octets]))
        position = word.end()
    pieces.append((None, [value[position:]]))
    return "".join([decode(b"".join(octets), charset) for charset, octets in pieces])


def _octets(encoding: bytes, text: bytes) -> bytes:
    if encoding == b"b":
        return transfer_decode(b"base64", text) or b""
    return transfer_decode(b"quoted-printable", text.replace(b"_", b"=20")) or b""
