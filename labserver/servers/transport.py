"""What the wire asks of a transport; little, so that another acceptor can be measured against Twisted's."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Transport", "host_of", "peer_of"]


class Transport(Protocol):
    """A TCP connection, as Twisted calls what can be done with one."""

    def write(self, data: bytes) -> None:
        """Send octets, as soon as the client takes them."""

    def writeSomeData(self, data: bytes, /) -> object:  # noqa: N802 -- Twisted's name
        """Send what the system takes at once, and return how many; an exception where the connection is lost."""

    def getHost(self) -> object:  # noqa: N802 -- Twisted's name
        """Return our address."""

    def getPeer(self) -> object:  # noqa: N802 -- Twisted's name
        """Return the client's address."""

    def loseConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Close when everything was sent."""

    def loseWriteConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Close our side when everything was sent."""

    def abortConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Drop the connection."""

    def pauseProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Read no more."""

    def resumeProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Read again."""

    def setTcpNoDelay(self, enabled: bool, /) -> None:  # noqa: N802, FBT001 -- Twisted's signature
        """Send small segments at once."""

    def registerProducer(self, producer: object, streaming: bool, /) -> None:  # noqa: N802, FBT001 -- the same
        """Tell ``producer`` when there is too much to be sent, and when there is not."""

    def unregisterProducer(self) -> None:  # noqa: N802 -- Twisted's name
        """Tell it no more, so that the connection can be closed."""


def host_of(transport: Transport) -> str:
    """Return the address that the client dialled."""
    return str(getattr(transport.getHost(), "host", ""))


def peer_of(transport: Transport) -> str:
    """Return the client's address and port."""
    address = transport.getPeer()
    return f"{getattr(address, 'host', '')} port {getattr(address, 'port', 0)}"
