"""Octets with some of them replaced, read a piece at a time without a copy of the whole."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Spliced"]


class Spliced:
    """A :class:`labserver.mailstore.message.Reading` of ``content`` with replacements, which are in order."""

    def __init__(self, content: bytes, replacements: Iterable[tuple[int, int, bytes]]) -> None:
        self._pieces: list[memoryview] = []
        self._starts: list[int] = []
        """Where each piece begins in what is read."""
        self._moves: list[tuple[int, int]] = []
        """Behind which octet of the content octets are how far from where they were."""
        self._size = 0
        whole, at = memoryview(content), 0
        for start, end, octets in replacements:
            self._add(whole[at:start])
            self._add(memoryview(octets))
            self._moves.append((end, self._size - end))
            at = end
        self._add(whole[at:])

    def __len__(self) -> int:
        """Return how many octets there are."""
        return self._size

    def octets(self, start: int, end: int) -> bytes:
        """Return some of them."""
        found: list[memoryview] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._pieces) and self._starts[index] < end:
            piece, begins = self._pieces[index], self._starts[index]
            found.append(piece[max(0, start - begins) : end - begins])
            index += 1
        return b"".join(found)

    def moved(self, position: int) -> int:
        """Return where an octet of the content, which was not replaced, is now."""
        return position + next((by for end, by in reversed(self._moves) if end <= position), 0)

    def _add(self, piece: memoryview) -> None:
        if piece:
            self._starts.append(self._size)
            self._pieces.append(piece)
            self._size += len(piece)
