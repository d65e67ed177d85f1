"""BINARY (RFC 3516): parts without their transfer encoding, and literals that may hold NUL.

APPEND stores a literal8 as it came, and BINARY returns it as it came, NUL included. BODY[] cannot hold NUL: it has 0x80
in its place (:func:`labserver.imap.syntax.literal`). But a part that says it is binary is told as base64 and, by its
number, given as base64 (:mod:`labserver.message.as_base64`), so that clients without BINARY get it, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labserver.imap.cursor import Refused
from labserver.imap.fetch import Item, Partial, is_located, located, message_tree, parse_path, read
from labserver.imap.octets import PIECE, Decoded, DecodedSize, Literal, Stretch
from labserver.imap.syntax import literal, literal8
from labserver.imap.vocabulary import Extension
from labserver.message.decoded import DecodedBody
from labserver.message.transfer import IDENTITIES, decoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.effort import Effort, Work
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
        return Item(
            name=label,
            render=partial(_size, label, path),
            long=partial(_long_size, label, path),
            prepare=partial(_prepare, path),
        )
    part = Partial.parse(cursor)
    name = label if part is None else label + b"<%d.%d>" % (part.offset, part.size)
    if part is not None:
        label += b"<%d>" % part.offset
    return Item(
        name=name,
        render=partial(_octets, label, path, part),
        long=partial(_long_octets, label, path, part),
        prepare=partial(_prepare, path),
        sets_seen=not peek,
    )


def _prepare(path: tuple[int, ...], message: Message, effort: Effort) -> Work[None]:
    if path and not is_located(message, (path, "BINARY")):
        yield from read(message, effort)


def _decoded(message: Message, path: tuple[int, ...]) -> bytes | None:
    """Return a part without its encoding, None if there is no such part; composite parts have no encoding."""
    if not path:
        return message.content
    part = message_tree(message).part(path)
    if part is None:
        return None
    octets = part.decoded()
    if octets is None:
        raise _unknown()
    return octets


def _octets(label: bytes, path: tuple[int, ...], part: Partial | None, _view: View, message: Message) -> bytes:
    octets = _decoded(message, path)
    if octets is None:
        return label + b" NIL"
    if part is not None:
        octets = octets[part.offset : part.offset + part.size]
    return b"%b %b" % (label, literal8(octets) if b"\0" in octets else literal(octets))


def _size(label: bytes, path: tuple[int, ...], _view: View, message: Message) -> bytes:
    return b"%b %d" % (label, len(_decoded(message, path) or b""))


def _find(message: Message, path: tuple[int, ...]) -> Stretch | Decoded | None:
    """Return what :func:`_decoded` returns, of a large message: the octets are brought when they are wanted."""
    if not path:
        return Stretch(message.reading(), 0, message.size, binary=True)
    place = located(message, (path, "BINARY"), partial(_place, message, path))
    if place is None:
        return None
    start, end, decoded = place
    if decoded is None:
        return Stretch(message.reading(), start, end, binary=True)
    return Decoded(message.reading(), start, decoded)


def _place(message: Message, path: tuple[int, ...]) -> tuple[int, int, DecodedBody | None] | None:
    """Return where a part's body is, and what undoes its encoding if it has one that changes anything."""
    part = message_tree(message).part(path)
    if part is None:
        return None
    encoding = part.encoding
    if encoding in IDENTITIES:
        return part.body, part.end, None
    if decoder(encoding) is None:
        raise _unknown()
    return part.body, part.end, DecodedBody(encoding, part.size)


def _long_octets(label: bytes, path: tuple[int, ...], part: Partial | None, message: Message) -> Iterable[bytes]:
    octets = _find(message, path)
    if octets is None:
        return (label + b" NIL",)
    if part is None:
        return Literal(label, octets, binary=True)
    return Literal(label, part.of(octets), binary=True, short=part.size <= PIECE)


def _long_size(label: bytes, path: tuple[int, ...], message: Message) -> Iterable[bytes]:
    octets = _find(message, path)
    if isinstance(octets, Decoded):
        return DecodedSize(label, octets)
    return (b"%b %d" % (label, 0 if octets is None else octets.end - octets.start),)


def _unknown() -> Refused:
    return Refused("A part has an encoding that is not known here", "UNKNOWN-CTE")


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
