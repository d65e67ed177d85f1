"""Octets that clients make the lab hold, counted against bounds that hold for all of them together.

A :class:`Budget` says yes or no before anything is held. What is held is a :class:`Charge`, given back exactly once:
when it is closed, or when the last reference to it goes. Without I/O, and without a lock: the lab has one thread.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["Budget", "Budgets", "Charge"]

_LARGEST_SHARE = 256 << 10
_SMALLEST_SHARE = 4 << 10


class Budget:
    """A bound on octets. What a part ``within`` another holds counts there too."""

    __slots__ = ("_within", "held", "limit")

    def __init__(self, limit: int = sys.maxsize, *, within: Budget | None = None) -> None:
        self.limit = limit
        self.held = 0
        """Octets that are held now."""
        self._within = within

    def take(self, octets: int, *, forced: bool = False) -> bool:
        """Count ``octets`` more, or return False and count nothing.

        ``forced``: count them even beyond the limit; for what is bounded in another way and cannot be refused any more.
        """
        if not forced and self.held + octets > self.limit:
            return False
        if self._within is not None and not self._within.take(octets, forced=forced):
            return False
        self.held += octets
        return True

    def give(self, octets: int) -> None:
        """Count ``octets`` less."""
        self.held -= octets
        if self._within is not None:
            self._within.give(octets)


class Charge:
    """What one holder has of a budget; nothing at first."""

    __slots__ = ("_budget", "octets")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.octets = 0

    def resize(self, octets: int, *, forced: bool = False) -> bool:
        """Have ``octets`` in place of what it has; False, and nothing changed, when that is too much."""
        if octets > self.octets:
            if not self._budget.take(octets - self.octets, forced=forced):
                return False
        elif octets < self.octets:
            self._budget.give(self.octets - octets)
        self.octets = octets
        return True

    def close(self) -> None:
        """Give everything back."""
        if self.octets:
            self.resize(0)

    def __del__(self) -> None:
        if self.octets:
            self._budget.give(self.octets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The budgets of one lab. Neither finished nor unfinished mail can take the room that the other one needs."""

    memory: Budget
    """Everything in memory."""
    finished: Budget
    """Mail in mailboxes; with a store file, what of it is in the cache. Leaves every connection its share."""
    unfinished: Budget
    """What connections hold: mail and commands that have not ended, output that was not taken. At most half."""
    spool: Budget
    """Unfinished mail in the spool file."""
    share: int
    """Octets of one unfinished mail that stay in memory."""

    @classmethod
    def of(cls, *, memory: int, spool: int, connections: int) -> Budgets:
        """Return the budgets of a lab with so much memory, so much room in its spool and so many connections."""
        share = max(_SMALLEST_SHARE, min(_LARGEST_SHARE, memory // 2 // connections))
        whole = Budget(memory)
        return cls(
            memory=whole,
            finished=Budget(memory - min(memory // 2, share * connections), within=whole),
            unfinished=Budget(memory // 2, within=whole),
            spool=Budget(spool),
            share=share,
        )
