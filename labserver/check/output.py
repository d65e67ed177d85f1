"""What a client printed, kept within bounds."""

from __future__ import annotations

from collections import deque

__all__ = ["Output"]

_KEPT = 1 << 14
"""Octets kept of the beginning and of the end of the output."""


class Output:
    """What was printed: its beginning and its end, however much came in between."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._first = bytearray()
        self._last: deque[bytes] = deque()
        self._last_size = 0
        self._dropped = 0

    def take(self, data: bytes) -> None:
        """Add a piece."""
        room = self._kept - len(self._first)
        self._first += data[:room]
        rest = data[room:] if room > 0 else data
        if not rest:
            return
        self._last.append(rest)
        self._last_size += len(rest)
        while self._last_size - len(self._last[0]) >= self._kept:
            gone = len(self._last.popleft())
            self._last_size -= gone
            self._dropped += gone

    def text(self) -> str:
        """Return it as text, with a note where something is missing."""
        last = b"".join(self._last)
        dropped = self._dropped + max(0, len(last) - self._kept)
        note = f"\n… {dropped} octets …\n".encode() if dropped else b""
        return (bytes(self._first) + note + last[-self._kept :]).decode("utf-8", "replace")
