"""What a client sends where TLS is due, told apart: records, and octets in clear.

A client that was meant to speak TLS may say its password in clear all the same: it was given the wrong port, or goes on
after STARTTLS as if nothing had happened. So octets count as encrypted for as long as they make records (RFC 8446 5.1),
from one segment to the next; from the first octet that cannot be one's, nothing does any more.
"""

from __future__ import annotations

__all__ = ["Records"]

_HEADER = 5
_TYPES = range(20, 25)
"""change_cipher_spec to heartbeat."""
_APPLICATION_DATA = 23
_MAJOR = 3
_MINORS = range(5)
_LONGEST = (1 << 14) + 2048
"""RFC 5246 6.2.3; TLS 1.3 has less."""
_OLD_HELLO = range(0x80, 0x84)
"""The first octet of a hello as SSL 2.0 has it (RFC 5246 E.2), of less than 1,024 octets."""
_SHORTEST_OLD_HELLO = 9


class Records:
    """The records of one connection, as far as they have come."""

    __slots__ = ("_broken", "_first", "_header", "_left")

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0
        self._first = True
        self._broken = False

    def take(self, data: bytes) -> int:
        """Return how many octets at the beginning of ``data`` belong to records: all of them, unless it ends there."""
        position = 0
        while position < len(data) and not self._broken:
            if self._left:
                taken = min(self._left, len(data) - position)
                self._left -= taken
                position += taken
                continue
            self._header.append(data[position])
            self._broken = not self._possible()
            position += not self._broken
            if len(self._header) == _HEADER and not self._broken:
                self._begin()
        return position

    def _possible(self) -> bool:
        """Return whether the header can go on as it has begun."""
        header = bytes(self._header)
        if self._first and header[0] in _OLD_HELLO:
            return _possible_old_hello(header)
        kind, major, minor = (*header, *_MISSING)[:3]
        if kind not in _TYPES or major not in (_MAJOR, None) or (minor is not None and minor not in _MINORS):
            return False
        length = int.from_bytes(header[3:].ljust(2, b"\0"))
        whole = len(header) == _HEADER
        return length <= _LONGEST and (length > 0 or not whole or kind == _APPLICATION_DATA)

    def _begin(self) -> None:
        header = bytes(self._header)
        old = self._first and header[0] in _OLD_HELLO
        self._left = _old_length(header) - (_HEADER - 2) if old else int.from_bytes(header[3:])
        self._header.clear()
        self._first = False


_MISSING = (None, None, None)


def _possible_old_hello(header: bytes) -> bool:
    """Return whether a client hello for this or that version can begin so."""
    shape = (_OLD_HELLO, range(256), (1,), (0, _MAJOR), _MINORS)
    fits = all(octet in allowed for octet, allowed in zip(header, shape, strict=False))
    return fits and (len(header) == 1 or _old_length(header) >= _SHORTEST_OLD_HELLO)


def _old_length(header: bytes) -> int:
    return int.from_bytes(header[:2]) & 0x7FFF
