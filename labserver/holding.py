"""Octets of mail that has not ended yet: a little in memory, the rest in blocks of a file, all of it counted.

Theory of operation. A :class:`Held` is written to as octets come. Up to its share they stay in memory; then they go to
the spool, block by block, and only the last, unfinished block stays. When neither has room, everything is dropped at
once and what still comes is only counted: the mail is *lost*, and whoever asked for it says so when it has ended. A
:class:`Span` is the part of a holder that is one message. Without I/O: whoever makes the :class:`Intake` brings the
spool.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from labserver.budget import Budget, Charge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Blocks", "Held", "Intake", "LineFeeds", "Span", "with_crlf"]

_CR, _LF = 0x0D, 0x0A
_ALWAYS = 8 << 10
"""Octets that a holder may have in any case, so that small mail finds room however full it is."""


class Blocks(Protocol):
    """A spool: blocks by number, all of one size, which is not larger than a holder's share."""

    @property
    def size(self) -> int:
        """Octets of a block."""

    @property
    def room(self) -> int:
        """Octets that there is room for."""

    def put(self, octets: memoryview) -> int:
        """Keep a block and return its number. OSError when there is no room; nothing is kept then."""

    def get(self, number: int) -> bytes:
        """Return a block. OSError when it cannot be read."""

    def free(self, numbers: Sequence[int]) -> None:
        """Forget blocks."""


class Intake:
    """Makes holders. ``share``: octets of one that stay in memory; without ``blocks`` there is nothing beyond it."""

    def __init__(self, *, budget: Budget | None = None, share: int = sys.maxsize, blocks: Blocks | None = None) -> None:
        self.budget = budget or Budget()
        self.share = share
        self.blocks = blocks

    def has_room(self, octets: int) -> bool:
        """Return whether so much more could be held now, if nobody else came between."""
        most = 0 if self.blocks is None else self.blocks.room
        return octets <= max(self.share, most)

    def hold(self) -> Held:
        """Return a holder with nothing in it."""
        return Held(self)


class Held:
    """Octets that come one after another; close it when they are not needed any more."""

    __slots__ = ("_blocks", "_charge", "_intake", "_tail", "lost", "size")

    def __init__(self, intake: Intake) -> None:
        self.size = 0
        """Octets written, those of lost mail too."""
        self.lost = False
        """There was no room, and nothing is held."""
        self._intake = intake
        self._charge = Charge(intake.budget)
        self._tail: bytes | bytearray = b""
        self._blocks: list[int] = []

    def write(self, octets: bytes) -> None:
        """Hold ``octets`` behind the others, or lose all of them."""
        self.size += len(octets)
        if self.lost:
            return
        whole = len(self._tail) + len(octets)
        if self._blocks or whole > self._intake.share or not self._charge.resize(whole, forced=whole <= _ALWAYS):
            self._spill(octets)
        else:
            self._append(octets)

    def close(self) -> None:
        """Hold nothing any more."""
        self._tail = b""
        self._charge.close()
        if self._intake.blocks is not None and self._blocks:
            numbers, self._blocks = self._blocks, []
            self._intake.blocks.free(numbers)

    def __del__(self) -> None:
        self.close()

    def lose(self) -> None:
        """Drop everything, and whatever still comes."""
        self.lost = True
        self.close()

    def span(self, size: int, *, mends: bool) -> Span:
        """Return the part that will come next, of so many octets; ``mends``: each of its lines is to end with CRLF."""
        return Span(self, self.size, size, feeds=LineFeeds(mends=mends))

    @property
    def resident(self) -> bool:
        """Everything is in memory."""
        return not self._blocks

    def only(self, start: int, size: int) -> bytes | None:
        """Return a part without copying it, None where that cannot be: mail that came in one segment."""
        return self._tail if isinstance(self._tail, bytes) and not start and size == len(self._tail) else None

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        """Yield a part in pieces, none larger than a block or the share. OSError when it cannot be read."""
        blocks, end = self._intake.blocks, start + size
        block_size = blocks.size if blocks is not None and self._blocks else 1
        if blocks is not None:
            for index in range(start // block_size, len(self._blocks)):
                base = index * block_size
                if base >= end:
                    return
                yield blocks.get(self._blocks[index])[max(0, start - base) : end - base]
        base = len(self._blocks) * block_size
        if end > base:
            first, last = max(0, start - base), end - base
            whole = first == 0 and last == len(self._tail)
            yield bytes(self._tail) if whole else bytes(self._tail[first:last])

    def _append(self, octets: bytes) -> None:
        if not self._tail:
            self._tail = octets  # mail that comes in one segment is never copied
            return
        if isinstance(self._tail, bytes):
            self._tail = bytearray(self._tail)
        self._tail += octets

    def _spill(self, octets: bytes) -> None:
        """Move whole blocks to the spool; what is left of the last one stays."""
        blocks = self._intake.blocks
        if blocks is None:
            self.lose()
            return
        tail = self._tail if isinstance(self._tail, bytearray) else bytearray(self._tail)
        self._tail = tail
        tail += octets
        try:
            while len(tail) >= blocks.size:
                with memoryview(tail) as view:
                    self._blocks.append(blocks.put(view[: blocks.size]))
                del tail[: blocks.size]
        except OSError:
            self.lose()
        else:
            self._charge.resize(len(tail), forced=True)  # less than a block, which every connection has room for


class LineFeeds:
    """Puts a carriage return before each line feed that has none, in pieces as they come, or only counts those."""

    __slots__ = ("_after_cr", "_mends", "alone", "bare")

    def __init__(self, *, mends: bool) -> None:
        self.bare = 0
        """Line feeds that came without a carriage return."""
        self.alone = False
        """A CR or LF in the octets that were passed on last, or a CR before them, may stand alone."""
        self._mends = mends
        self._after_cr = False

    @property
    def added(self) -> int:
        """How many octets there are more than came."""
        return self.bare if self._mends else 0

    def pass_on(self, octets: bytes) -> bytes:
        """Return the next octets as they are to be held."""
        self.alone = self._after_cr
        if not octets:
            return octets
        begun = self._after_cr and octets[0] == _LF
        pairs = octets.count(b"\r\n")
        bare = octets.count(b"\n") - pairs - begun
        self.bare += bare
        self.alone = bare > 0 or self._after_cr or octets.count(b"\r") > pairs
        self._after_cr = octets[-1] == _CR
        if not bare or not self._mends:
            return octets
        return b"\n" + _with_crlf(octets[1:]) if begun else _with_crlf(octets)


def with_crlf(octets: bytes) -> bytes:
    """Return octets with a carriage return before each line feed; bare ones stay as they are."""
    return LineFeeds(mends=True).pass_on(octets)


def _with_crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Span:
    """One message in a holder. Its octets come in order; ``prefix`` goes ahead of them."""

    __slots__ = ("_feeds", "_held", "_start", "binary", "prefix", "sent")

    def __init__(self, held: Held, start: int, size: int, *, prefix: bytes = b"", feeds: LineFeeds) -> None:
        self._held = held
        self._start = start
        self.sent = size
        """Octets as they came."""
        self.prefix = prefix
        self.binary = False
        """There is a NUL in it."""
        self._feeds = feeds

    @property
    def size(self) -> int:
        """How many octets are read."""
        return len(self.prefix) + self._stored

    @property
    def _stored(self) -> int:
        """Octets in the holder."""
        return self.sent + self._feeds.added

    @property
    def held(self) -> Held:
        """The holder."""
        return self._held

    @property
    def lost(self) -> bool:
        """There was no room for it."""
        return self._held.lost

    @property
    def resident(self) -> bool:
        """It is in memory."""
        return self._held.resident

    def write(self, octets: bytes, sent: bytes) -> None:  # noqa: ARG002 -- a sink's; a literal is what was sent
        """Take the next octets."""
        self.binary = self.binary or b"\0" in octets
        self._held.write(self._feeds.pass_on(octets))

    def drop(self) -> None:
        """Forget them: what they belong to will not be answered with more than a refusal."""
        self._held.lose()

    def behind(self, prefix: bytes) -> Span:
        """Return the same octets with others ahead of them."""
        span = Span(self._held, self._start, self.sent, prefix=prefix + self.prefix, feeds=self._feeds)
        span.binary = self.binary
        return span

    def pieces(self) -> Iterator[bytes]:
        """Yield the octets in pieces. OSError when they cannot be read."""
        if self.prefix:
            yield self.prefix
        yield from self._held.pieces(self._start, self._stored)

    def read(self) -> bytes:
        """Return the octets; there is one copy of them at a time."""
        if not self.prefix:
            alone = self._held.only(self._start, self._stored)
            if alone is not None:
                return alone
        pieces = self.pieces()
        first = next(pieces, b"")
        if len(first) == self.size:
            return first
        whole = BytesIO()  # gives what it was filled with away without copying it
        whole.write(first)
        for piece in pieces:
            whole.write(piece)
        return whole.getvalue()
