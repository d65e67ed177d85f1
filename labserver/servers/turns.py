"""Turns at reading for clients that send much, so that they do not keep those waiting who send little.

Each turn of the event loop reads a segment from every connection that has one. With hundreds of large uploads that is a
long turn, and a dialogue of seven replies takes seven of them. So, where many upload at once, each rests after every
segment until it is its turn again, a few of them in each turn of the loop; all others are read whenever there is
something to be read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

__all__ = ["Rested", "Turns"]

_AT_ONCE = 16


class Rested(Protocol):
    """Whoever waits for a turn."""

    def read_again(self) -> None:
        """Read the next segment."""


class Turns:
    """One for all connections that share an event loop; ``at_once`` of those that send much are read in one turn."""

    def __init__(self, *, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._many: set[Rested] = set()
        self._resting: deque[Rested] = deque()
        self._next: asyncio.Handle | None = None

    def rests(self, one: Rested) -> bool:
        """Return whether one that has sent much must rest now; then it is told when to read again."""
        self._many.add(one)
        if len(self._many) <= self._at_once:
            return False
        self._resting.append(one)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._turn)
        return True

    def leaves(self, one: Rested) -> None:
        """Forget one that is answered, or gone."""
        self._many.discard(one)

    def _turn(self) -> None:
        for _ in range(min(self._at_once, len(self._resting))):
            self._resting.popleft().read_again()
        self._next = asyncio.get_running_loop().call_soon(self._turn) if self._resting else None
