"""BINARY (RFC 3516): parts without their transfer encoding, and literals that may hold NUL.

APPEND stores a literal8 as it came and FETCH BODY[] returns it as it came, NUL included: the count tells where a
literal ends, and the other way out, a re-encoded message, would not be what was appended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labserver.imap.cursor import Refused
from labserver.imap.fetch import Item, Partial, message_tree, parse_path
from labserver.imap.syntax import literal, literal8
from labserver.imap.vocabulary import Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.view import View
    from labserver.mailstore.message import Message

__all__ = ["EXTENSION"]


def _parse(cursor: Cursor, *, size: bool = False, peek: bool = False) -> Item:
    cursor.expect(b"[")
    path = parse_path(cursor)
    cursor.expect(b"]")
    label = b"BINARY%b[%b]" % (b".SIZE" if size else b"", b".".join(b"%d" % number for number in path))
    if size:
        return Item(name=label, render=partial(_size, label, path))
    part = Partial.parse(cursor)
    if part is None:
        return Item(name=label, render=partial(_octets, label, path, slice(None)), sets_seen=not peek)
    return Item(
        name=label + b"<%d.%d>" % (part.offset, part.size),
        render=partial(_octets, label + b"<%d>" % part.offset, path, slice(part.offset, part.offset + part.size)),
        sets_seen=not peek,
    )


def _decoded(message: Message, path: tuple[int, ...]) -> bytes | None:
    """Return a part without its encoding, None if there is no such part; composite parts have no encoding."""
    if not path:
        return message.content
    part = message_tree(message).part(path)
    if part is None:
        return None
    octets = part.decoded()
    if octets is None:
        raise Refused("A part has an encoding that is not known here", "UNKNOWN-CTE")
    return octets


def _octets(label: bytes, path: tuple[int, ...], wanted: slice, _view: View, message: Message) -> bytes:
    octets = _decoded(message, path)
    if octets is None:
        return label + b" NIL"
    octets = octets[wanted]
    return b"%b %b" % (label, literal8(octets) if b"\0" in octets else literal(octets))


def _size(label: bytes, path: tuple[int, ...], _view: View, message: Message) -> bytes:
    return b"%b %d" % (label, len(_decoded(message, path) or b""))


EXTENSION = Extension(
    name="BINARY",
    reference="RFC 3516",
    capabilities=("BINARY",),
    fetch_items={
        b"BINARY": _parse,
        b"BINARY.PEEK": partial(_parse, peek=True),
        b"BINARY.SIZE": partial(_parse, size=True),
    },
)
