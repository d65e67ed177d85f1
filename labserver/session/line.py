"""What leaves, in order: octets that may be held, cut and spread over time, and marks that pass when their turn comes.

One class, used above TLS and below it. It does nothing by itself and knows no clock: whoever has it puts in what was
said, takes out what is due at a time, and asks when to come again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from labserver.wire.actions import Hold, Pace, Pause

if TYPE_CHECKING:
    from labserver.wire.actions import Action

__all__ = ["Line"]

_AS_USUAL = Pace()
_MOST_SEARCHED = 1 << 12
"""Octets that are looked through for the end of a piece; without one, that is the piece."""


class Line:
    """Octets and marks in the order in which they were put in."""

    __slots__ = ("_free", "_items", "_pace", "size")

    def __init__(self, pace: Pace = _AS_USUAL) -> None:
        self._pace = pace
        self._items: deque[memoryview | Action] = deque()
        self._free = 0.0
        """When the next item may leave."""
        self.size = 0
        """Octets that wait."""

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._items)

    def put(self, item: bytes | memoryview | Action) -> None:
        """Append octets, or a mark."""
        if isinstance(item, bytes | memoryview):
            if not item:
                return
            item = memoryview(item)
            self.size += len(item)
        self._items.append(item)

    def take(self, now: float) -> bytes | Action | None:
        """Return what leaves next, a piece or a mark; None where nothing is due.

        Hold and Pace are obeyed here, and never returned.
        """
        while self._items and self._free <= now:
            item = self._items[0]
            if isinstance(item, memoryview):
                return self._piece(item, now)
            self._items.popleft()
            match item:
                case Pace():
                    self._pace = item
                case Hold():
                    self._free = now + item.seconds
                case _:
                    return item
        return None

    @property
    def paced(self) -> bool:
        """Whether what leaves now leaves in pieces, each by itself."""
        return self._pace != _AS_USUAL

    def hurry(self) -> None:
        """Let everything that waits leave at once, in one piece."""
        self._items = deque(item for item in self._items if not isinstance(item, Hold | Pace | Pause))
        self._free = 0.0
        self._pace = _AS_USUAL

    def due(self) -> float | None:
        """Return when to take again, in the clock of :meth:`take`; None where nothing waits."""
        return self._free if self._items else None

    def clear(self) -> None:
        """Forget everything: nobody will take it."""
        self._items.clear()
        self._free = 0.0
        self._pace = _AS_USUAL
        self.size = 0

    def _piece(self, octets: memoryview, now: float) -> bytes:
        size = _cut(octets, self._pace)
        if size < len(octets):
            self._items[0] = octets[size:]
        else:
            self._items.popleft()
        self.size -= size
        self._free = now + self._pace.seconds
        return bytes(octets[:size])


def _cut(octets: memoryview, pace: Pace) -> int:
    """Return the size of the first piece."""
    size = min(len(octets), pace.size) if pace.size else len(octets)
    if pace.behind:
        size = min(size, _MOST_SEARCHED)
        found = bytes(octets[:size]).find(pace.behind)
        size = size if found < 0 else found + len(pace.behind)
    return size
