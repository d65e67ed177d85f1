"""The spool: unfinished mail that is too large for memory, in one file that has no name.

One file for all, because a file for each would take the descriptors that connections need. Blocks that are freed are
used again, lowest first, and the file is cut off behind the last one: in a tmpfs it is memory.
"""

from __future__ import annotations

import errno
import heapq
import os
from typing import TYPE_CHECKING

from labserver.private_files import open_nameless

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labserver.budget import Budget

__all__ = ["Spool"]

_LARGEST_BLOCK = 1 << 16
_SMALLEST_BLOCK = 1 << 12
_LEFT_FREE = 4 << 20
"""Octets of the file system that are not taken: the lab and others write other files there."""


class Spool:
    """Blocks in a file of ``directory``, which is made at the first use (:class:`labserver.holding.Blocks`).

    ``share`` is what a holder has in memory; a block is not larger.
    """

    def __init__(self, directory: Path, *, budget: Budget, share: int) -> None:
        self._directory = directory
        self._budget = budget
        self.size = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, 1 << (share.bit_length() - 1)))
        self._file: int | None = None
        self._end = 0
        """Blocks in the file, free ones among them."""
        self._free: set[int] = set()
        self._lowest: list[int] = []
        """The free blocks as a heap; some may be taken or cut off already."""

    @property
    def length(self) -> int:
        """Octets of the file."""
        return 0 if self._file is None else os.fstat(self._file).st_size

    @property
    def room(self) -> int:
        """Octets that there is room for, as far as that is counted."""
        return self._budget.limit - self._budget.held

    def put(self, octets: memoryview) -> int:
        """Keep a block and return its number. OSError when there is no room; nothing is kept then."""
        file = self._open()
        if not self._budget.take(self.size):
            raise OSError(errno.EDQUOT, "the spool is full")
        number = self._choose()
        try:
            self._check_room(file)
            written = 0
            while written < len(octets):
                written += os.pwrite(file, octets[written:], number * self.size + written)
        except BaseException:
            self.free([number])
            raise
        return number

    def get(self, number: int) -> bytes:
        """Return a block. OSError when it cannot be read."""
        found = os.pread(self._open(), self.size, number * self.size)
        if len(found) != self.size:
            raise OSError(errno.EIO, "a block is not there any more")
        return found

    def free(self, numbers: Sequence[int]) -> None:
        """Forget blocks."""
        self._budget.give(self.size * len(numbers))
        self._free.update(numbers)
        before = self._end
        while self._end and self._end - 1 in self._free:
            self._end -= 1
            self._free.discard(self._end)
        for number in numbers:
            if number in self._free:
                heapq.heappush(self._lowest, number)
        if self._end < before and self._file is not None:
            os.truncate(self._file, self._end * self.size)

    def close(self) -> None:
        """Give the file back; nothing is put or got afterwards."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open(self) -> int:
        if self._file is None:
            self._file = open_nameless(self._directory)
        return self._file

    def _choose(self) -> int:
        while self._lowest:
            number = heapq.heappop(self._lowest)
            if number in self._free:
                self._free.discard(number)
                return number
        self._end += 1
        return self._end - 1

    def _check_room(self, file: int) -> None:
        system = os.fstatvfs(file)
        if system.f_bavail * system.f_frsize < _LEFT_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
