"""What a test asserts about work, in units and not in seconds: an effort that keeps count, and calls of functions."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from labserver.effort import TURN, Effort

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Counted", "calls"]


def calls(function: Callable[[], object]) -> int:
    """Return how many Python and C functions a call calls: a measure of work that no busy machine disturbs."""
    counted = 0

    def profile(_frame: object, event: str, _argument: Any) -> None:  # noqa: ANN401 -- sys.setprofile's
        nonlocal counted
        counted += event in {"call", "c_call"}

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # a collection may have calls of its own (gc.callbacks)
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return counted


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
