"""An effort that keeps count: what a test asserts about work, in units and not in seconds."""

from __future__ import annotations

from labserver.effort import TURN, Effort

__all__ = ["Counted"]


class Counted(Effort):
    """Counts all work, the largest step of it, and how often it was time to give way."""

    __slots__ = ("largest", "total", "turns")

    def __init__(self, turn: int = TURN) -> None:
        super().__init__(turn)
        self.total = 0
        self.largest = 0
        self.turns = 0

    def spend(self, units: int) -> bool:
        """Count."""
        self.total += units
        self.largest = max(self.largest, units)
        due = super().spend(units)
        self.turns += due
        return due
