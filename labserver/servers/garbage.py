"""When Python looks for garbage in cycles. Everybody waits while it does, so that it looks seldom, and at little.

What a lab is made of, and the mail it began with, is *frozen*: it is not looked at again, and still goes when nothing
refers to it. So is, later, mail that has come: at a moment without clients, because what belongs to a session is full
of cycles and must not be frozen. This is the business of a process that is a lab's and nobody else's: the command line
does it, and a lab in another program leaves that program's garbage alone.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WORTH_FREEZING", "YOUNG", "Collector", "collecting"]

YOUNG = 5_000
"""Objects more than before at which the youngest are looked at: some tenths of a millisecond. Python has 700."""
WORTH_FREEZING = 20_000
"""Old objects that are frozen together: looking at them takes some milliseconds."""
_OLDEST = 2


class Collector:
    """Freezes what lasts, at moments that others choose."""

    def __init__(self) -> None:
        self._moved = False

    def freeze(self) -> None:
        """Look at nothing that is there now again: it was all made to last."""
        gc.freeze()

    def idle(self) -> None:
        """Freeze what has grown old, if that is much; to be called when there is no client."""
        if not self._moved:
            return
        self._moved = False
        if len(gc.get_objects(generation=_OLDEST)) >= WORTH_FREEZING:
            gc.collect()  # the cycles of sessions that ended would stay for ever
            gc.freeze()

    def collected(self, phase: str, info: dict[str, int]) -> None:
        """Take note that objects have grown old (:data:`gc.callbacks`)."""
        if phase == "stop" and info["generation"] == _OLDEST - 1:
            self._moved = True


@contextmanager
def collecting() -> Iterator[Collector]:
    """Look for garbage as a lab's process should; afterwards as before."""
    collector = Collector()
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *before[1:])
    gc.callbacks.append(collector.collected)
    try:
        yield collector
    finally:
        gc.callbacks.remove(collector.collected)
        gc.set_threshold(*before)
        gc.unfreeze()
