"""Room on the disk: mail is refused before the disk is full, so that what frees space can always be written.

A change goes into the log first and into the file later, so that a new message needs its size twice. Where the disk has
not much more than that, the log is written back before and after each new message, and a message that does not fit is
refused: what was acknowledged never waits in the log for room in the file. Other programs fill disks, too. Against them
there is a *reserve*, a file of zeros that shrinks when a change that adds no mail (flags, EXPUNGE, DELETE, MOVE)
finds no room, and grows again when there is some.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from labserver.errors import StorageFullError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Room", "is_full"]

T = TypeVar("T")

_MIB = 1 << 20
_PLENTY = 32 * _MIB
"""Octets that are free besides what a message needs where nobody has to count."""
_RESERVES = (8 * _MIB, 4 * _MIB, 2 * _MIB, _MIB, _MIB >> 2)
"""How large the reserve may be, the best first. The log waits for 4 MiB before it is written back by itself."""
_SLACK = 64 << 10
"""Octets that a change needs besides those of its messages: rows, indexes, the ends of pages."""
_LEAST_KEPT, _MOST_KEPT = _MIB >> 2, 16 * _MIB
"""Octets, in the file as in the log, that mail leaves for what frees room: flags that change make rows longer."""
_LENT = (0, 0, 1, 2)
"""Halves of the reserve that a change which found no room gets, attempt by attempt."""
_PAGE = 4096
_SHARE = 4
"""The reserve takes at most this part of what is free."""


def is_full(error: sqlite3.Error) -> bool:
    """Return whether a write failed for want of room: the disk is full, or a quota or a limit was reached."""
    return getattr(error, "sqlite_errorcode", 0) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


class Room:
    """The room for one store file, ``db``, whose log is ``log``."""

    def __init__(self, path: Path, log: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._log = log
        self._db = db
        self._reserve = path.with_name(f"{path.name}-reserve")
        self._reserved = self._found()
        self._tight = False
        """Whether there was not plenty when mail was added last."""

    def within(self, write: Callable[[], T], *, octets: int) -> T:
        """Do ``write``, which adds so many octets; 0 if it adds no mail, so that it may use the reserve.

        Raise what it raises, and StorageFullError when there is no room.
        """
        self._tight = self._free() < 2 * octets + _PLENTY
        if octets and self._tight:
            self._require(octets)
        for attempt in range(2 if octets else 4):
            if attempt:
                self._lend(0 if octets else _LENT[attempt] * self._reserved // 2)
                self._shrink()
            try:
                result = write()
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
            else:
                if attempt or self._tight:
                    self._settle(may_release=not octets)
                return result
        self._shrink()
        self.reserve()
        raise StorageFullError

    def _settle(self, *, may_release: bool) -> None:
        """See that nothing waits in the log for room in the file, and that there is a reserve."""
        if not self.write_back() and may_release:
            self.release()
            self.write_back()
        self.reserve()

    def _require(self, octets: int) -> None:
        """Raise StorageFullError if mail of so many octets would leave too little room for its way into the file."""
        needed = octets + octets // 32 + _SLACK
        if not self.write_back():
            raise StorageFullError
        page = self._pragma("page_size")
        in_file = self._pragma("freelist_count") * page
        in_log = self._log.stat().st_size if self._log.exists() else 0
        kept = max(_LEAST_KEPT, min(_MOST_KEPT, self._pragma("page_count") * page // 16))
        free = self._free()
        short = max(0, needed - in_file) + max(0, needed - in_log)
        short_later = max(0, needed + kept - in_file) + max(0, needed + kept - in_log)
        if short <= free and short_later <= free + self._reserved:
            return
        if needed > in_file or short > free + self._reserved:
            raise StorageFullError
        self._lend(short - free)  # the mail takes the place of other mail, and the log keeps what it gets

    def write_back(self) -> bool:
        """Write the log into the file, and return whether all of it is there."""
        return self._checkpoint("PASSIVE")

    def _shrink(self) -> None:
        """Give the room of the log back, if all of it can be written into the file."""
        self._checkpoint("TRUNCATE")

    def _checkpoint(self, mode: str) -> bool:
        try:
            busy, logged, written = self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error:
            return False
        return not busy and logged == written

    def reserve(self) -> None:
        """Make the reserve as large as it can be, if it is not the largest already."""
        for octets in _RESERVES:
            if octets <= self._reserved:
                return
            if (self._free() + self._reserved) // _SHARE >= octets:
                self.release()
                with suppress(OSError):
                    self._allocate(octets)
                    self._reserved = octets
                    return

    def _lend(self, octets: int) -> None:
        """Make the reserve smaller by so many octets, in whole pages."""
        left = (self._reserved - octets) // _PAGE * _PAGE
        if left <= 0:
            self.release()
        elif octets > 0:
            os.truncate(self._reserve, left)
            self._reserved = left

    def release(self) -> None:
        """Delete the reserve."""
        self._reserve.unlink(missing_ok=True)
        self._reserved = 0

    def close(self) -> None:
        """Delete the reserve where there is plenty; else it stays for the next process, before others take the room."""
        if self._free() >= _PLENTY:
            self.release()

    def _found(self) -> int:
        """Return the size of a reserve that an earlier process left."""
        try:
            status = self._reserve.lstat()
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def _allocate(self, octets: int) -> None:
        descriptor = os.open(self._reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, octets)
            else:
                os.write(descriptor, bytes(octets))
        except OSError:
            self._reserve.unlink()
            raise
        finally:
            os.close(descriptor)

    def _free(self) -> int:
        try:
            status = os.statvfs(self._path.parent)
        except OSError:
            return sys.maxsize  # nobody says, and SQLite will
        return status.f_bavail * status.f_frsize

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
