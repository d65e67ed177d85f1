"""When Python looks for garbage in cycles. Everybody waits while it does, so it looks often, and at little.

What survives a look at everything is *frozen*: it is not looked at again, and still goes when nothing refers to it. So
a look at everything is one at what came since the last, some ten thousand objects, however much mail there is. What is
frozen must not need to be found later: sessions, connections and mail are no cycles once they have ended.

This is the business of a process that is a lab's and nobody else's: the command line does it, and a lab in another
program leaves that program's garbage alone.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["THRESHOLDS", "collecting"]

THRESHOLDS = (1_000, 10, 1)
"""The youngest are looked at when there are so many more than before; those that survived it, every eleventh time;
everything that is not frozen, every second time of these: twenty-five thousand objects, a few milliseconds."""
_EVERYTHING = 2


@contextmanager
def collecting() -> Iterator[None]:
    """Look for garbage as a lab's process should; afterwards as before."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(_freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*before)
        gc.unfreeze()


def _freeze(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == _EVERYTHING:
        gc.freeze()
