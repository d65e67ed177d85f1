"""Large contents read from SQLite a piece at a time.

SQLite finds the octets at an offset by following the pages from the first, so reading goes on where the last piece
ended: a few contents stay open, each with the window that was read last, which others who read the same share. Nothing
is open while something is written (an open content keeps the write-ahead log from being taken over), and what has been
deleted is in no window.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["WINDOW", "Blobs"]

WINDOW = 1 << 20
"""Octets that are read together."""
_MOST = 8
"""Contents that have a window."""


class _Content:
    __slots__ = ("blob", "octets", "start")

    def __init__(self) -> None:
        self.blob: sqlite3.Blob | None = None
        self.octets = b""
        self.start = 0


class Blobs:
    """The ``octets`` column of the table ``content``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._contents: OrderedDict[int, _Content] = OrderedDict()

    @property
    def held(self) -> int:
        """Octets in memory."""
        return sum(len(content.octets) for content in self._contents.values())

    def read(self, key: int, start: int, end: int) -> bytes:
        """Return some octets of a content. sqlite3.Error, also when there is no such content."""
        content = self._contents.get(key)
        if content is None:
            content = self._contents[key] = _Content()
            if len(self._contents) > _MOST:
                self.forget(next(iter(self._contents)))
        else:
            self._contents.move_to_end(key)
        if not content.start <= start <= end <= content.start + len(content.octets):
            try:
                self._fill(content, key, start, end - start)
            except BaseException:
                self.forget(key)
                raise
        return content.octets[start - content.start : end - content.start]

    def close(self) -> None:
        """Have nothing open; the windows stay."""
        for content in self._contents.values():
            if content.blob is not None:
                content.blob.close()
                content.blob = None

    def forget(self, key: int) -> None:
        """Forget a content that is no more."""
        content = self._contents.pop(key, None)
        if content is not None and content.blob is not None:
            content.blob.close()

    def keep(self, keys: Container[int]) -> None:
        """Forget all contents but these: others may be no more."""
        for key in [key for key in self._contents if key not in keys]:
            self.forget(key)

    def _fill(self, content: _Content, key: int, start: int, least: int) -> None:
        if content.blob is None:
            content.blob = self._db.blobopen("content", "octets", key, readonly=True)
        content.octets = b""
        if start + least > len(content.blob):
            raise sqlite3.DatabaseError(f"content {key} ends too early")
        content.blob.seek(start)
        content.octets, content.start = content.blob.read(max(least, WINDOW)), start
