"""Work in turns: how much one session may do before all others have theirs.

Work is a generator that yields :data:`GIVE_WAY` between its steps. How much was done is counted, not timed, so that a
test can count as well: an :class:`Effort` is told of every step, in *units* of what it takes to look at an octet, about
ten nanoseconds, and says when it is time. No step may be long, since nothing interrupts it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["GIVE_WAY", "MESSAGE", "TURN", "Effort", "GiveWay", "Work", "at_once", "in_steps"]

T = TypeVar("T")
U = TypeVar("U")

TURN = 1 << 19
"""Units of one turn: five to twenty milliseconds, of the fifty that nobody is to wait."""
MESSAGE = 64
"""Units that it takes to look at a message's metadata."""
_STEP = 4_096
"""Items of one step, unless each of them is much."""


@dataclass(frozen=True, slots=True)
class GiveWay:
    """Send what is queued, let all other connections have their turn, then go on; what the client sends waits."""


GIVE_WAY = GiveWay()
Work = Generator[GiveWay, None, T]
"""Work in turns; its result is the generator's."""


class Effort:
    """What a session has done since it last gave way. Short commands add up, too: many may come in one turn."""

    __slots__ = ("spent", "turn")

    def __init__(self, turn: int = TURN) -> None:
        self.turn = turn
        self.spent = 0
        """Units in this turn."""

    def spend(self, units: int) -> bool:
        """Count work that was done, or is about to be; return whether to give way now."""
        self.spent += units
        if self.spent < self.turn:
            return False
        self.spent = 0
        return True


def at_once(work: Work[T]) -> T:
    """Do work without giving way, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result


def in_steps(
    items: Sequence[T], step: Callable[[Sequence[T]], Iterable[U]], effort: Effort, units: int = MESSAGE
) -> Work[list[U]]:
    """Return all that ``step`` returns of some thousand ``items`` at a time, each of which takes ``units``."""
    found: list[U] = []
    size = max(1, min(_STEP, effort.turn // units))
    for start in range(0, len(items), size):
        part = items[start : start + size] if len(items) > size else items
        found += step(part)
        if effort.spend(units * len(part)):
            yield GIVE_WAY
    return found
