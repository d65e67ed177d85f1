"""A long body without its transfer encoding, a stretch at a time.

Where a decoder stood is remembered every so often, and where it stood last, so that a stretch costs what it returns and
one after the other cost what all of them return. Nothing of the octets is kept.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from labserver.message.transfer import PIECE, decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.message.transfer import Decoder

    Read = Callable[[int, int], bytes]
    Place = tuple[int, int, bytes]

__all__ = ["DecodedBody"]

STEP = 1 << 16
"""Encoded octets between two places that are remembered, at least."""
MOST_PLACES = 1_024
"""Places of one body that are remembered at most."""

_LAST_PIECE = 1 << 12
"""Encoded octets that are read at a time where a stretch is about to end."""
_LONG_WAY = 64
"""Pieces without anything wanted, after which others have a turn."""

_decoded_at = itemgetter(0)


class DecodedBody:
    """One body of ``size`` encoded octets. ``read`` brings them, whichever are asked for; it may raise."""

    __slots__ = ("_encoding", "_last", "_places", "_size", "_step", "holds_nul", "size")

    def __init__(self, encoding: bytes, size: int) -> None:
        self._encoding = encoding
        self._size = size
        self._step = max(STEP, size // MOST_PLACES)
        self._places: list[Place] = [(0, 0, b"")]
        """Decoded octets, encoded octets, the decoder's state; ascending."""
        self._last: Place = self._places[0]
        self.size: int | None = None if size else 0
        """Decoded octets, once that was measured."""
        self.holds_nul: bool | None = None
        """Whether NUL is among them, for whoever found out to tell the next."""

    def measured(self, read: Read) -> Iterator[int]:
        """Find :attr:`size`; yield after every piece how far that is."""
        if self.size is None:
            for at, piece in self._pieces(read, self._places[-1], self._size):
                yield at + len(piece)

    def stretch(self, read: Read, start: int, end: int) -> Iterator[bytes]:
        """Yield the decoded octets from ``start`` to ``end``, as far as there are any; empty on a long way there."""
        passed = 0
        for at, piece in self._pieces(read, self._place(start), end):
            wanted = piece[max(0, start - at) : end - at]
            passed += 0 if wanted else 1
            if wanted or not passed % _LONG_WAY:
                yield wanted
            if at + len(piece) >= end:
                return

    def _place(self, start: int) -> Place:
        """Return the last place from which ``start`` can be reached."""
        found = self._places[bisect_right(self._places, start, key=_decoded_at) - 1]
        return self._last if found[0] <= self._last[0] <= start else found

    def _pieces(self, read: Read, place: Place, until: int) -> Iterator[tuple[int, bytes]]:
        """Decode from a place on; yield decoded octets with where they begin, less of them when ``until`` is near."""
        decoded, encoded, state = place
        undoing = decoder(self._encoding, state)
        assert undoing is not None  # noqa: S101 -- whoever makes this knows the encoding
        while encoded < self._size:
            self._last = (decoded, *self._standing(undoing, encoded))
            end = min(encoded + (PIECE if until - decoded > PIECE else _LAST_PIECE), self._size)
            piece = undoing.feed(read(encoded, end))
            if end == self._size:
                piece += undoing.finish()
                self.size = decoded + len(piece)
            yield decoded, piece
            decoded, encoded = decoded + len(piece), end
            self._remember(undoing, decoded, encoded)

    def _standing(self, undoing: Decoder, encoded: int) -> tuple[int, bytes]:
        back, state = undoing.mark()
        return encoded - back, state

    def _remember(self, undoing: Decoder, decoded: int, encoded: int) -> None:
        if encoded - self._places[-1][1] >= self._step and encoded < self._size:
            place = (decoded, *self._standing(undoing, encoded))
            if place[1] > self._places[-1][1]:
                self._places.append(place)
