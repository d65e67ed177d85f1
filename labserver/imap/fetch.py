"""What FETCH can ask of a message, and how each item is rendered (RFC 3501 6.4.5 and 7.4.2).

An item is read once and rendered for every message; what is costly to find is left with it (``message.keep``),
the tree it is found in for a while in ``message.scratch``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from labserver.errors import StoreError
from labserver.imap.body_starts import body_start
from labserver.imap.cursor import BadSyntax, beginning
from labserver.imap.octets import Cut, Decoded, Encoded, Literal, Replaced, Selected, Stretch
from labserver.imap.syntax import astring, internal_date, without_nul
from labserver.message.as_base64 import base64_lines, encoding_value, goes_as_base64
from labserver.message.envelope import envelope, header_envelope
from labserver.message.header import MOST_OCTETS, header_end, selecting
from labserver.message.structure import body_structure, describe
from labserver.message.tree import read_tree, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from labserver.effort import Effort, Work
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.octets import Octets
    from labserver.imap.view import View
    from labserver.mailstore.message import Message
    from labserver.message.part import Part

__all__ = [
    "FETCH_ITEMS",
    "Item",
    "Partial",
    "Section",
    "is_located",
    "located",
    "message_tree",
    "nothing",
    "parse_items",
    "read",
]

Found = TypeVar("Found")

_MOST_NAMED = 8192
"""Octets of HEADER.FIELDS, which every answer repeats (RFC 9051 7.5.2)."""
_NAME_END = re.compile(rb"[^A-Za-z0-9.-]")
_PATH = re.compile(rb"[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*")
_TEXTS = (b"HEADER.FIELDS.NOT", b"HEADER.FIELDS", b"HEADER", b"TEXT", b"MIME")
_BASE64 = b" base64\r\n"
_LOOKED_INTO = 1_024
"""Units of work to look into a message, besides its octets."""
_MOST_KEPT = 1 << 12
"""Octets of an ENVELOPE or a BODYSTRUCTURE that stay with their message."""
_ELSEWHERE = b""
"""Stands for what is long."""
_SMALL = 1 << 14
"""Octets of a message whose header is found as soon as it would be looked up."""
_MOST_PLACES = 64
"""Sections of one message whose places are kept."""
_DEEPEST = 16
"""Numbers of the path to a section whose place is kept."""
_PER_PLACE = 1_024
"""Octets counted for a place: its key, with a path of so many numbers, and three tuples of numbers."""
_PLACES = "imap.places"
_MACROS: Mapping[bytes, tuple[bytes, ...]] = {
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}


def nothing(_message: Message, _effort: Effort) -> Work[None]:
    """Prepare nothing."""
    yield from ()


def read(message: Message, effort: Effort) -> Work[None]:
    """Find the parts of a message, in turns; of one that is gone there are none."""
    if "tree" not in message.scratch:
        try:
            content = message.content
        except StoreError as error:
            if error.code != "EXPUNGEISSUED":
                raise
        else:
            found = yield from read_tree(content, effort)
            message.scratch["tree"] = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to fetch."""

    name: bytes
    """As asked for, without PEEK; items of one name are the same."""
    render: Callable[[View, Message], bytes]
    """Returns the item as it stands in the response, with its name; may raise Refused."""
    column: Callable[[View, Sequence[Message]], list[bytes]] | None = None
    """Does the same for many messages, where that is quicker."""
    long: Callable[[Message], Iterable[bytes]] | None = None
    """Returns the same for a large message, brought piece by piece; None for what does not grow with the message.

    It is asked before the response begins, so that it can still raise Refused, and gone through afterwards.
    """
    prepare: Callable[[Message, Effort], Work[None]] = nothing
    """Does what takes its time before a message of some size can be rendered, and leaves the result with it."""
    sets_seen: bool = False
    implies: str = ""
    """An extension that asking for it enables (RFC 7162 3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """``<offset.size>`` of a section's octets."""

    offset: int
    size: int

    @classmethod
    def parse(cls, cursor: Cursor) -> Partial | None:
        """Read a partial if there is one."""
        if not cursor.skip(b"<"):
            return None
        offset = cursor.number()
        cursor.expect(b".")
        size = cursor.number()
        cursor.expect(b">")
        if not size:
            raise BadSyntax("A partial fetch asks for at least one octet")
        return cls(offset=offset, size=size)

    def of(self, octets: Octets) -> Octets:
        """Return this part of what a large message has."""
        end = self.offset + self.size
        if isinstance(octets, Stretch):
            start = min(octets.start + self.offset, octets.end)
            return replace(octets, start=start, end=min(octets.start + end, octets.end))
        if isinstance(octets, Decoded | Encoded):
            return replace(octets, start=self.offset, end=end)
        return Cut(octets, self.offset, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands between the brackets: which part, and what of it."""

    path: tuple[int, ...]
    text: str = ""
    fields: tuple[bytes, ...] = ()
    """The names of HEADER.FIELDS as the client spelled them."""
    wanted: frozenset[bytes] = frozenset()
    """The same in lower case."""

    @classmethod
    def parse(cls, cursor: Cursor) -> Section:
        """Read ``[1.2.HEADER.FIELDS (From To)]``."""
        cursor.expect(b"[")
        path = parse_path(cursor)
        text = b""
        if not path or cursor.skip(b"."):
            text = next((text for text in _TEXTS if cursor.skip(text)), b"")
            if path and not text:
                raise BadSyntax("Invalid section")
        if text == b"MIME" and not path:
            raise BadSyntax("MIME needs a part number")
        fields: tuple[bytes, ...] = ()
        if text.startswith(b"HEADER.FIELDS"):
            cursor.space()
            fields = tuple(cursor.parenthesised(cursor.astring))
            if not fields:
                raise BadSyntax("Name at least one header field")
            if sum(map(len, fields)) > _MOST_NAMED:
                raise BadSyntax(f"The names of header fields have at most {_MOST_NAMED} octets together")
        cursor.expect(b"]")
        return cls(path=path, text=text.decode(), fields=fields, wanted=frozenset(name.lower() for name in fields))

    def label(self) -> bytes:
        """Return the section as it is repeated in the response."""
        words = [str(number).encode() for number in self.path] + ([self.text.encode()] if self.text else [])
        fields = b" (%b)" % b" ".join(map(astring, self.fields)) if self.fields else b""
        return b"[%b%b]" % (b".".join(words), fields)

    def find(self, message: Message) -> Octets | None:
        """Return what brings the octets of a large message, None if the message has no such part."""
        if not self.path and not self.text:
            return Stretch(message.reading(), 0, message.size)
        place = located(message, (self.path, self.text), lambda: self._place(message))
        if place is None:
            return None
        start, end, encoding = place
        reading = message.reading()
        if self.wanted:
            return Selected(reading, start, end, self.wanted, self.text == "HEADER.FIELDS.NOT")
        if encoding is None:
            return Stretch(reading, start, end)
        if not self.text:
            return Encoded(reading, start, end - start)
        return Replaced(Stretch(reading, start, encoding[0]), _BASE64, Stretch(reading, encoding[1], end))

    def read(self, message: Message) -> bytes | None:
        """Return the octets, None if the message has no such part."""
        if not self.path:
            return self._of_all(message)
        part = self._encoded(message)
        if part is None:
            return message_tree(message).section(self.path, self.text, self.wanted)
        if not self.text:
            return base64_lines(part.body_octets())
        start, end = encoding_value(part)
        return part.content[part.start : start] + _BASE64 + part.content[end : part.body]

    def _place(self, message: Message) -> tuple[int, int, tuple[int, int] | None] | None:
        """Return where the octets are, and the value of their transfer encoding if they are to be encoded."""
        place = message_tree(message).place(self.path, self.text)
        part = self._encoded(message)
        return None if place is None else (*place, None if part is None else encoding_value(part))

    def _encoded(self, message: Message) -> Part | None:
        """Return the part that is asked for if it is given as base64; the message as a whole never is."""
        part = message_tree(message).part(self.path) if self.path and self.text in {"", "MIME"} else None
        return part if part is not None and goes_as_base64(part) else None

    def _of_all(self, message: Message) -> bytes:
        """Return what is asked of the message itself, for which no tree is needed."""
        content = message.content
        if not self.text:
            return content
        body = body_start(message, content) if len(content) <= MOST_OCTETS else header_end(content)
        if self.wanted:
            return selecting(self.wanted, excluding=self.text == "HEADER.FIELDS.NOT")(content, 0, body)
        return content[body:] if self.text == "TEXT" else content[:body]


def parse_path(cursor: Cursor) -> tuple[int, ...]:
    """Read part numbers, ``1.2.3``; empty if there are none."""
    match = cursor.match(_PATH)
    return tuple(map(int, match.group().split(b"."))) if match else ()


def message_tree(message: Message) -> Part:
    """Return the message's MIME tree, made anew unless the message was one of the last that were asked for theirs."""
    scratch = message.scratch
    found: Part | None = scratch.get("tree")
    if found is None:
        found = scratch["tree"] = tree(message.content)
    return found


def located(message: Message, key: tuple[tuple[int, ...], str], find: Callable[[], Found]) -> Found:
    """Return what was found for ``key`` in a large message, now or before; it is small, and only some are kept."""
    places: dict[tuple[tuple[int, ...], str], Found] | None = message.known(_PLACES)
    if places is not None and key in places:
        return places[key]
    found = find()
    if len(key[0]) <= _DEEPEST:
        if places is None:
            places = {}
        if len(places) >= _MOST_PLACES:
            del places[next(iter(places))]
            places[key] = found
        elif message.keep(_PLACES, places, _PER_PLACE):
            places[key] = found
    return found


def is_located(message: Message, key: tuple[tuple[int, ...], str]) -> bool:
    """Return whether :func:`located` knows it already."""
    return key in (message.known(_PLACES) or ())


def parse_items(cursor: Cursor, dialect: Dialect) -> tuple[Item, ...]:
    """Read a macro, one item or a list of items; what is asked for twice is sent once."""

    def one() -> Item:
        name = cursor.word(_NAME_END).upper()
        if name not in dialect.fetch_items:
            raise BadSyntax(f"Unknown FETCH item {beginning(name)}")
        return dialect.fetch_items[name](cursor)

    if cursor.peek() == b"(":
        items = cursor.parenthesised(one)
        if not items:
            raise BadSyntax("Name at least one FETCH item")
    else:
        macro = next((macro for macro in _MACROS if cursor.skip(macro)), None)
        items = [one()] if macro is None else [dialect.fetch_items[name](cursor) for name in _MACROS[macro]]
    return tuple({(item.name, item.sets_seen): item for item in items}.values())


def _derived(key: str, make: Callable[[Message], bytes], view: View | None, message: Message) -> bytes:
    found: bytes | None = message.known(key)
    if found:
        return found
    if found is not None or message.size > _SMALL:
        found = message.scratch.get(key)
    if not found:
        found = _kept(message, key, make(message))
        if view is not None:
            view.rendered += _LOOKED_INTO + message.size
    return found


def _kept(message: Message, key: str, found: bytes) -> bytes:
    """Leave with a message what was found: what is short for as long as its octets, what is long for a while."""
    if len(found) <= _MOST_KEPT:
        left = message.keep(key, found)
    else:
        left = False
        if message.known(key) is None:
            message.keep(key, _ELSEWHERE)
    if not left:
        message.scratch[key] = found
    return found


def _envelope(message: Message) -> bytes:
    if message.size > _SMALL:
        return b"ENVELOPE " + envelope(message_tree(message))
    content = message.content
    return b"ENVELOPE " + header_envelope(content, 0, body_start(message, content, kept=True))


def _found(name: bytes, key: str, make: Callable[[Message], bytes], prepare: Callable[..., Work[None]]) -> Item:
    """Return an item that is found once and kept, and may be as long as the message."""
    render = partial(_derived, key, make)
    return Item(name=name, render=render, long=lambda message: (_derived(key, make, None, message),), prepare=prepare)


def _structure(name: bytes, key: str, *, extended: bool) -> Item:
    """Return BODY or BODYSTRUCTURE."""

    def make(message: Message) -> bytes:
        return name + b" " + body_structure(message_tree(message), extended=extended)

    def prepare(message: Message, effort: Effort) -> Work[None]:
        if not message.known(key) and key not in message.scratch:
            yield from read(message, effort)
            part = message.scratch.get("tree")
            if part is not None:
                described = yield from describe(part, effort, extended=extended)
                _kept(message, key, name + b" " + described)

    return _found(name, key, make, prepare)


_BODY = _structure(b"BODY", "imap.body", extended=False)


def _section_item(cursor: Cursor, *, peek: bool) -> Item:
    if not peek and cursor.peek() != b"[":
        return _BODY
    section = Section.parse(cursor)
    part = Partial.parse(cursor)
    return _octets_item(b"BODY" + section.label(), section, part, sets_seen=not peek)


def _octets_item(name: bytes, section: Section, part: Partial | None, *, sets_seen: bool) -> Item:
    label = name + b"<%d>" % part.offset if part else name
    whole = not section.path and not section.text

    def prepare(message: Message, effort: Effort) -> Work[None]:
        if (section.path or section.text) and not is_located(message, (section.path, section.text)):
            yield from read(message, effort)

    def render(view: View, message: Message) -> bytes:
        octets = message.content if whole else section.read(message)
        view.rendered += _LOOKED_INTO
        if octets is None:
            return label + b" NIL"
        if part is not None:
            octets = octets[part.offset : part.offset + part.size]
        if b"\0" in octets:
            octets = without_nul(octets)
        return b"%b {%d}\r\n%b" % (label, len(octets), octets)

    def long(message: Message) -> Iterable[bytes]:
        octets = section.find(message)
        if octets is None:
            return (label + b" NIL",)
        return Literal(label, octets if part is None else part.of(octets))

    named = name + b"<%d.%d>" % (part.offset, part.size) if part else name
    return Item(name=named, render=render, long=long, prepare=prepare, sets_seen=sets_seen)


def _always(item: Item, _cursor: Cursor) -> Item:
    return item


def _quick(name: bytes, column: Callable[[View, Sequence[Message]], list[bytes]]) -> Item:
    """Return an item of what is at hand: for many messages, calling a function for each would take the longest."""
    return Item(name=name, render=lambda view, message: column(view, (message,))[0], column=column)


_FIXED = (
    _quick(b"FLAGS", lambda view, messages: view.flags_of(messages)),
    _quick(b"UID", lambda _, messages: [b"UID %d" % message.uid for message in messages]),
    _quick(b"RFC822.SIZE", lambda _, messages: [b"RFC822.SIZE %d" % message.size for message in messages]),
    _quick(b"INTERNALDATE", lambda _, messages: [b"INTERNALDATE " + internal_date(one.arrived) for one in messages]),
    _found(b"ENVELOPE", "imap.envelope", _envelope, read),
    _structure(b"BODYSTRUCTURE", "imap.structure", extended=True),
    _octets_item(b"RFC822", Section(path=()), None, sets_seen=True),
    _octets_item(b"RFC822.HEADER", Section(path=(), text="HEADER"), None, sets_seen=False),
    _octets_item(b"RFC822.TEXT", Section(path=(), text="TEXT"), None, sets_seen=True),
)

FETCH_ITEMS: Mapping[bytes, Callable[[Cursor], Item]] = {
    **{item.name: partial(_always, item) for item in _FIXED},
    b"BODY": partial(_section_item, peek=False),
    b"BODY.PEEK": partial(_section_item, peek=True),
}
"""The items of RFC 3501 by name, each with what reads the rest of it."""
