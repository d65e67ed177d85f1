"""How long tests wait, so that a busy machine is no fault.

What has to come is waited for :data:`PATIENCE` seconds: the wait ends with its event, and only a fault takes that long.
It is longer where others want the processors when the tests begin, and never so long that a few faults take an hour.
What gives up by the clock, because giving up is what is tested, takes :func:`unhurried` seconds.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PATIENCE", "eventually", "unhurried"]

Seen = TypeVar("Seen")

_SYSTEM = Path("/proc/stat")


def unhurried(seconds: float) -> float:
    """Return the seconds of an idle machine's clock that do as much as ``seconds`` here, where others want it, too."""
    return seconds * max(1.0, _wanting() / (os.cpu_count() or 1))


def _wanting() -> float:
    """Return how many processes want a processor now, or wanted one in the last minute, whichever are more."""
    recently = os.getloadavg()[0]
    if not _SYSTEM.exists():
        return recently
    counts = dict(line.split(maxsplit=1) for line in _SYSTEM.read_text(encoding="ascii").splitlines())
    return max(recently, float(counts["procs_running"]))


PATIENCE = round(min(900.0, unhurried(150.0)))
"""Seconds for what has to come, a whole document's commands among it; pytest's own timeout is longer."""


def eventually(look: Callable[[], Seen], enough: Callable[[Seen], bool] = bool) -> Seen:
    """Look again and again until it is enough, or patience ends; return what was seen last."""
    deadline = time.monotonic() + PATIENCE
    while not enough(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen
