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
from typing import TYPE_CHECKING, NamedTuple

from labserver.effort import GIVE_WAY, Effort, at_once
from labserver.message.header import MOST_OCTETS, WINDOW, header_end, read_header_end
from labserver.message.part import Part

if TYPE_CHECKING:
    from labserver.effort import Work

__all__ = ["DEEPEST", "MOST_COMPARISONS", "MOST_PARTS", "read_tree", "tree"]

DEEPEST = 100
"""Parts in parts, the message included, beyond which nothing is opened any more."""
MOST_PARTS = 10_000
"""Parts of one message beyond which no more are looked for."""
MOST_COMPARISONS = 10_000_000
"""Boundaries compared with lines in one message, after which none are looked for: many of both would take minutes."""

_LINE_START = re.compile(rb"\n--")
_HEADER_STOP = re.compile(rb"\n(?:(\r?\n)|--)")
_DASHES = 2
_BORDER = 2
"""Octets behind its first that either of them matches."""
_COMPARISON, _PART = 32, 512
"""Units of work (:mod:`labserver.effort`) for a boundary compared with a line, and for a part."""
_CR = 0x0D


def tree(content: bytes) -> Part:
    """Return the message in ``content``. Its parts are found when they are first asked for. Never raises."""
    return _Message(content, header_end(content))


def read_tree(content: bytes, effort: Effort) -> Work[Part]:
    """Return the message in ``content``, its parts found already: in turns, for content that is long."""
    message = _Message(content, (yield from read_header_end(content, effort)))
    yield from message.grow(effort)
    return message


class _Message(Part):
    """A whole message: reading its header costs nothing more than its header."""

    __slots__ = ("_grown",)

    def __init__(self, content: bytes, body: int) -> None:
        super().__init__(content, 0, body, is_body_part=False)
        self._grown = False

    @property
    def children(self) -> list[Part]:
        """The parts; looked for once."""
        if not self._grown:
            self._grown = True
            if self.is_multipart or self.is_message:
                at_once(self.grow(Effort()))
        return self._children

    def grow(self, effort: Effort) -> Work[None]:
        """Look for the parts."""
        if self.is_multipart or self.is_message:
            yield from _Growth(self, self._children).run(effort)
        self._grown = True


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
    """The pass: the path from the message down to the current part, and the multiparts on it that are open.

    Each step looks at a window of the octets, at most, and returns where the next delimiter is to be looked for; None
    while the end of a header is, or at the end.
    """

    def __init__(self, message: Part, children: list[Part]) -> None:
        self._content = message.content
        self._path = [message]
        self._children = [children]
        self._open: list[_Open] = []
        self._start: int | None = None
        """Where a part begins whose header's end is looked for."""
        self._position = 0
        """Where to look for it now."""
        self._is_body_part = False
        self._count = 1
        self._comparisons = 0
        self._looked = 0
        """Units of work that were not counted yet."""

    def run(self, effort: Effort) -> Work[None]:
        position = self._enter(self._path[-1])
        while True:
            if self._start is not None:
                position = self._look_for_header_end(self._start)
            elif position is not None:
                position = self._look_for_delimiter(position)
            else:
                break
            if self._looked >= WINDOW:
                if effort.spend(self._looked):
                    yield GIVE_WAY
                self._looked = 0
        if effort.spend(self._looked):
            yield GIVE_WAY

    def _enter(self, part: Part) -> int | None:
        """Look at a part whose header is known, and into the message in it."""
        if len(self._path) >= DEEPEST and (part.is_multipart or part.is_message):
            part.leave_unopened()
        elif part.is_multipart:
            boundary = part.content_type.parameter(b"boundary")
            if boundary:
                self._open.append(_Open(boundary, len(self._path) - 1))
        elif part.is_message:
            self._begin(part.body, is_body_part=False)
            return None
        return part.body

    def _begin(self, start: int, *, is_body_part: bool) -> None:
        """Look for the end of the header that begins at ``start`` from now on."""
        self._start, self._position, self._is_body_part = start, start - 1, is_body_part

    def _begun(self, start: int, body: int) -> Part:
        """Make the part whose header ends at ``body``."""
        parent = self._path[-1]
        in_digest = self._is_body_part and parent.content_type.subtype.lower() == b"digest"
        part = Part(self._content, start, body, is_body_part=self._is_body_part, in_digest=in_digest)
        self._children[-1].append(part)
        self._path.append(part)
        self._children.append(part.children)
        self._count += 1
        self._looked += _PART + min(body - start, MOST_OCTETS)
        self._start = None
        return part

    def _look_for_header_end(self, start: int) -> int | None:
        content, position = self._content, self._position
        until = position + WINDOW
        most = self._looked + WINDOW
        while (stop := _HEADER_STOP.search(content, position, until + _BORDER)) is not None:
            if stop[1] is not None:
                return self._enter(self._begun(start, stop.end()))
            if self._match(stop.start()) is not None:
                return self._begun(start, max(start, self._cut(stop.start()))).body
            self._position = position = stop.end() - _DASHES
            if self._looked >= most:
                return None
        self._looked += WINDOW
        if until >= len(content):
            return self._enter(self._begun(start, len(content)))
        self._position = until
        return None

    def _look_for_delimiter(self, position: int) -> int | None:
        """Find the next boundary line that starts at ``position`` or later."""
        content = self._content
        if not self._open:
            return None
        start = max(position - 1, 0)
        most = self._looked + WINDOW
        for candidate in _LINE_START.finditer(content, start, start + WINDOW + _BORDER):
            delimiter = self._match(candidate.start())
            if delimiter is not None:
                self._looked += candidate.end() - start
                return self._pass(delimiter)
            if self._looked >= most:
                return candidate.end()
        self._looked += WINDOW
        return start + WINDOW + 1 if start + WINDOW < len(content) else None

    def _match(self, newline: int) -> _Delimiter | None:
        """Match the line behind ``newline``, which begins with two dashes, against the open boundaries."""
        content, start = self._content, newline + 1 + _DASHES
        self._comparisons += len(self._open)
        self._looked += _COMPARISON * (1 + len(self._open))
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
        self._begin(delimiter.follows, is_body_part=True)
        return None
