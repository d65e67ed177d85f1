"""How much memory there is: the least of the machine's, the cgroup's and the address space's limit.

And how it is given back: glibc keeps what was freed for the next one who wants some, unless it is told.
"""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.budget import Budget

__all__ = ["Ebb", "default_memory", "memory_limit"]

_LEAST = 128 << 20
_WORTH_IT = 16 << 20
_ROOT = Path("/")
_MOUNT = re.compile(r"\S+ \S+ \S+ (?P<root>\S+) (?P<point>\S+) .* - (?P<type>cgroup2?) \S+ (?P<options>\S+)")
_LIMIT_FILES = {"cgroup2": "memory.max", "cgroup": "memory.limit_in_bytes"}


def default_memory(root: Path = _ROOT) -> int:
    """Return how many octets a lab lets its clients fill by default: half of what there is, at least 128 MiB."""
    return max(_LEAST, memory_limit(root) // 2)


def memory_limit(root: Path = _ROOT) -> int:
    """Return how many octets this process can have; ``root`` is where proc and the cgroups are mounted."""
    import resource  # noqa: PLC0415 -- not on every system

    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    found = [machine, *_cgroup_limits(root)]
    if address_space != resource.RLIM_INFINITY:
        found.append(address_space)
    return min(found)


class Ebb:
    """Gives memory back to the system when what a budget holds has fallen by half, and by enough to be worth it."""

    def __init__(self, budget: Budget, give_back: Callable[[], object] | None = None) -> None:
        self._budget = budget
        self._give_back = _trim if give_back is None else give_back
        self._high = 0

    def look(self) -> None:
        """Look at the budget; to be called when something may have risen or fallen."""
        held = self._budget.held
        self._high = max(self._high, held)
        if held <= self._high // 2 and self._high - held >= _WORTH_IT:
            self._high = held
            self._give_back()


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's only (malloc_trim(3))
    if trim is not None:
        trim(0)


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of this process's cgroup and of those around it, of version 1 and 2 (cgroups(7))."""
    groups = dict(_groups(root))
    for line in _read(root / "proc/self/mountinfo").splitlines():
        mount = _MOUNT.fullmatch(line)
        if mount is None or (mount["type"] == "cgroup" and "memory" not in mount["options"].split(",")):
            continue
        group = groups.get(mount["type"])
        if group is not None:
            yield from _limits(root / mount["point"].lstrip("/"), mount["root"], group, _LIMIT_FILES[mount["type"]])


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the path of this process's cgroup that has to do with memory, by the kind of its file system."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _limits(point: Path, mounted: str, group: str, name: str) -> Iterator[int]:
    """Yield the limits on the way from a cgroup up to what is mounted.

    In a container the mount may begin at its own cgroup, which has a longer path outside.
    """
    inside = group.removeprefix(mounted.rstrip("/")) if group.startswith(mounted) else group
    place = point / inside.strip("/")
    if ".." in place.parts or not place.is_dir():
        place = point
    while True:
        text = _read(place / name).strip()
        if text.isdecimal():  # version 2 says max; version 1 has a number that nothing reaches
            yield int(text)
        if place == point:
            return
        place = place.parent


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
