"""What is written: gathered until it leaves in one segment, and given to the transport no faster than it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.servers.transport import Transport

__all__ = ["FLUSH", "Output"]

FLUSH = 1 << 16
"""Octets after which what is gathered is written, so that one long answer does not sit in memory."""


class Output:
    """The writing side of one connection."""

    __slots__ = ("_gathered", "_unqueued", "size", "untaken")

    def __init__(self) -> None:
        self.size = 0
        """Octets that are gathered."""
        self.untaken = 0
        """Octets that the transport was given since it had sent everything."""
        self._gathered: list[bytes | memoryview] = []
        self._unqueued = True
        """The transport has sent everything it was given."""

    def gather(self, data: bytes | memoryview) -> bool:
        """Add octets; return whether it is time to let go of them."""
        self._gathered.append(data)
        self.size += len(data)
        return self.size >= FLUSH

    def taken(self) -> bytes:
        """Return what was gathered, and forget it."""
        gathered = self._gathered
        if not gathered:
            return b""
        data = bytes(gathered[0]) if len(gathered) == 1 else b"".join(gathered)
        gathered.clear()
        self.size = 0
        return data

    def clear(self) -> None:
        """Forget what was gathered."""
        self._gathered.clear()
        self.size = 0

    def sent(self) -> None:
        """Take note that the transport has sent everything."""
        self._unqueued = True
        self.untaken = 0

    def transmit(self, transport: Transport, data: bytes, *, at_once: bool) -> None:
        """Write a short answer at once, unless others wait: it costs a third less than a turn of the event loop.

        Long ones take their turns, so that a client that reads as fast as it is answered leaves time for the others.
        """
        if at_once and self._unqueued and len(data) < FLUSH:
            written = transport.writeSomeData(data)
            data = data[written:] if isinstance(written, int) else data  # else lost, as write() will find out again
        if data:
            self._unqueued = False
            self.untaken += len(data)
            transport.write(data)
