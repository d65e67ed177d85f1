"""ENVELOPE (RFC 3501 7.4.2): ten fields of a header, RFC 2047 words and raw 8-bit octets left as they are.

Fast on purpose: a client asks for ten thousand of them at once. One regular expression takes the ten fields out of the
header; nothing else in it is looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.message.addresses import MOST_ADDRESSES, addresses
from labserver.message.header import MOST_FIELDS, MOST_OCTETS, unfolded
from labserver.message.strings import nstring

if TYPE_CHECKING:
    from labserver.message.addresses import Address
    from labserver.message.part import Part

__all__ = ["envelope", "header_envelope"]

_FIELDS = re.compile(
    rb"\n(?i:(date|subject|from|sender|reply-to|to|cc|bcc|in-reply-to|message-id)[ \t]*:)"
    rb"([^\n]*+(?:\n[ \t][^\n]*+)*+)"
)
_LISTS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_BLANK = re.compile(rb"[\r\n\t]|  ")


def envelope(part: Part) -> bytes:
    """Return a message's ENVELOPE with its parentheses."""
    return header_envelope(part.content, part.start, part.body)


def header_envelope(content: bytes, start: int, end: int) -> bytes:
    """Return the ENVELOPE of the message that has its header in ``content[start:end]``.

    A repeated field counts by its last value, a repeated address field by all its addresses (RFC 5322 4.5.3 allows
    them). Sender and Reply-To default to From, also when they are empty. White space in the subject is folded into
    single spaces, as people read it.
    """
    fields: dict[bytes, bytes] = {}
    repeated: dict[bytes, list[bytes]] = {}
    lists: dict[bytes, bytes] = {}
    header = b"\n" + content[start : min(end, start + MOST_OCTETS)]
    for field, value in _FIELDS.findall(header)[:MOST_FIELDS]:
        name = field.lower()
        if name in fields and name in _LISTS:
            repeated.setdefault(name, [fields[name]]).append(unfolded(value))
        else:
            fields[name] = unfolded(value)
    for name, values in repeated.items():
        fields[name] = b",".join(values)
    subject = fields.get(b"subject")
    if subject is not None and _BLANK.search(subject):
        fields[b"subject"] = b" ".join(subject.split())
    most = MOST_ADDRESSES
    for name in _LISTS:
        listed = fields.get(name)
        found = addresses(listed, most=most) if listed else []
        most -= len(found)
        lists[name] = _spelled(found)
    author = lists[b"from"]
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(fields.get(b"date")),
        nstring(fields.get(b"subject")),
        author,
        author if lists[b"sender"] == b"NIL" else lists[b"sender"],
        author if lists[b"reply-to"] == b"NIL" else lists[b"reply-to"],
        lists[b"to"],
        lists[b"cc"],
        lists[b"bcc"],
        nstring(fields.get(b"in-reply-to")),
        nstring(fields.get(b"message-id")),
    )


def _spelled(found: list[Address]) -> bytes:
    if not found:
        return b"NIL"
    return b"(%b)" % b"".join([b"(%b %b %b %b)" % tuple(map(nstring, address)) for address in found])
