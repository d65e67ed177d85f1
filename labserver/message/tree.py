"""Where the parts of a message are: one pass over the octets, on demand.

Theory of operation. The boundaries of all multiparts that are open are looked for together, at line starts only, the
longest match wins, and a match ends every part inside its multipart (RFC 2046 5.1.2: an outer boundary ends an inner
multipart that was never closed). The beginning of a line is enough for a match (RFC 2046 5.1.1). A header ends at a
blank line or where an outer boundary cuts it off. The position only ever moves forward, so the work is linear in the
message's length whatever it contains; nesting and the number of parts are bounded. The tolerance is Dovecot's, whose
parser met the world's broken mail.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labserver.message.header import header_end
from labserver.message.part import Part

__all__ = ["DEEPEST", "MOST_COMPARISONS", "MOST_PARTS", "tree"]

DEEPEST = 100
"""Parts in parts, the message included, beyond which nothing is opened any more."""
MOST_PARTS = 10_000
"""Parts of one message beyond which no more are looked for."""
MOST_COMPARISONS = 10_000_000
"""Boundaries compared with lines in one message, after which none are looked for: many of both would take minutes."""

_LINE_START = re.compile(rb"\n--")
_HEADER_STOP = re.compile(rb"\n(?:(\r?\n)|--)")
_DASHES = 2
_CR = 0x0D


def tree(content: bytes) -> Part:
    """Return the message in ``content``. Its parts are found when they are first asked for. Never raises."""
    return _Message(content)


class _Message(Part):
    """A whole message: reading its header costs nothing more than its header."""

    __slots__ = ("_grown",)

    def __init__(self, content: bytes) -> None:
        super().__init__(content, 0, header_end(content), is_body_part=False)
        self._grown = False

    @property
    def children(self) -> list[Part]:
        """The parts; looked for once."""
        if not self._grown:
            self._grown = True
            if self.is_multipart or self.is_message:
                _Growth(self, self._children).run()
        return self._children


class _Open(NamedTuple):
    """A multipart whose end has not been seen."""

    boundary: bytes
    depth: int
    """The multipart's place in the path from the message to the current part."""


class _Delimiter(NamedTuple):
    """A boundary line of an open multipart."""

    cut: int
    """Where the parts before it end: in front of the line ending that belongs to it."""
    follows: int
    """Where the line after it starts; -1 when the message ends in it."""
    level: int
    """The index of its multipart among those that are open."""
    closes: bool


class _Growth:
    """The pass: the path from the message down to the current part, and the multiparts on it that are open."""

    def __init__(self, message: Part, children: list[Part]) -> None:
        self._content = message.content
        self._path = [message]
        self._children = [children]
        self._open: list[_Open] = []
        self._count = 1
        self._comparisons = 0

    def run(self) -> None:
        position: int | None = self._enter(self._path[-1])
        while position is not None:
            delimiter = self._next_delimiter(position)
            position = None if delimiter is None else self._pass(delimiter)

    def _enter(self, part: Part) -> int:
        """Look at a part whose header is known, and into the message in it; return where to search on."""
        while True:
            if len(self._path) >= DEEPEST and (part.is_multipart or part.is_message):
                part.leave_unopened()
                return part.body
            if part.is_multipart:
                boundary = part.content_type.parameter(b"boundary")
                if boundary:
                    self._open.append(_Open(boundary, len(self._path) - 1))
                return part.body
            if not part.is_message:
                return part.body
            part, cut_off = self._begin(part.body, is_body_part=False)
            if cut_off:
                return part.body

    def _begin(self, start: int, *, is_body_part: bool) -> tuple[Part, bool]:
        """Make the part whose header begins at ``start``; tell whether a boundary cut its header off."""
        body, cut_off = self._header_end(start)
        parent = self._path[-1]
        in_digest = is_body_part and parent.content_type.subtype.lower() == b"digest"
        part = Part(self._content, start, body, is_body_part=is_body_part, in_digest=in_digest)
        self._children[-1].append(part)
        self._path.append(part)
        self._children.append(part.children)
        self._count += 1
        return part, cut_off

    def _header_end(self, start: int) -> tuple[int, bool]:
        content = self._content
        position = start - 1
        while (stop := _HEADER_STOP.search(content, position)) is not None:
            if stop[1] is not None:
                return stop.end(), False
            if self._match(stop.start()) is not None:
                return max(start, self._cut(stop.start())), True
            position = stop.end() - _DASHES
        return len(content), False

    def _next_delimiter(self, position: int) -> _Delimiter | None:
        """Find the next boundary line that starts at ``position`` or later."""
        if not self._open:
            return None
        for candidate in _LINE_START.finditer(self._content, max(position - 1, 0)):
            delimiter = self._match(candidate.start())
            if delimiter is not None:
                return delimiter
        return None

    def _match(self, newline: int) -> _Delimiter | None:
        """Match the line behind ``newline``, which begins with two dashes, against the open boundaries."""
        content, start = self._content, newline + 1 + _DASHES
        self._comparisons += len(self._open)
        if self._comparisons > MOST_COMPARISONS:
            return None
        best, length = -1, 0
        for level in range(len(self._open) - 1, -1, -1):
            boundary = self._open[level].boundary
            if len(boundary) > length and content.startswith(boundary, start):
                best, length = level, len(boundary)
        if best < 0:
            return None
        closes = content.startswith(b"--", start + length)
        return _Delimiter(self._cut(newline), content.find(b"\n", start + length) + 1 or -1, best, closes)

    def _cut(self, newline: int) -> int:
        return newline - 1 if newline and self._content[newline - 1] == _CR else newline

    def _pass(self, delimiter: _Delimiter) -> int | None:
        """End what the boundary ends, begin what it begins; return where to search on, None at the end."""
        depth = self._open[delimiter.level].depth
        end = delimiter.cut
        for part in reversed(self._path[depth + 1 :]):
            # A blank line right in front of the boundary stays the end of the header, also for what is around it.
            end = part.end = max(part.body, end)
        del self._path[depth + 1 :], self._children[depth + 1 :]
        del self._open[delimiter.level + (not delimiter.closes) :]
        if delimiter.follows < 0 or self._count >= MOST_PARTS:
            return None
        if delimiter.closes:
            return delimiter.follows
        part, cut_off = self._begin(delimiter.follows, is_body_part=True)
        return part.body if cut_off else self._enter(part)
