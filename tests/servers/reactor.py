"""As much of a reactor as listens: sockets are real, connections are made by the test."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address

from tests.servers.line import Transport

if TYPE_CHECKING:
    from labserver.servers.connection import Connection
    from labserver.servers.factory import ConnectionFactory

__all__ = ["Reactor"]


class _Client(Transport):
    def getHost(self) -> IPv4Address:  # noqa: N802 -- Twisted's name
        return IPv4Address("TCP", "127.0.0.1", 3143)

    getPeer = getHost  # noqa: N815 -- Twisted's name


@dataclass
class _Port:
    """A socket that listens."""

    descriptor: int
    factory: ConnectionFactory
    address: tuple[str, int]

    def stopListening(self) -> None:  # noqa: N802 -- Twisted's name
        os.close(self.descriptor)


@dataclass
class Reactor:
    """As much of a reactor as listens; connections are made by the test."""

    ports: list[_Port] = field(default_factory=list)

    def adoptStreamPort(self, descriptor: int, family: int, factory: ConnectionFactory) -> _Port:  # noqa: N802 -- Twisted's
        """Take over a socket that listens."""
        with socket.socket(family, fileno=os.dup(descriptor)) as sock:
            address = sock.getsockname()[:2]
            if address[0] == "0.0.0.0":
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
                address = ("127.0.0.1", address[1])
        self.ports.append(_Port(os.dup(descriptor), factory, address))
        return self.ports[-1]

    def connect(self, port: int) -> tuple[Connection, bytes]:
        """Return a connection to a port, and what is said first."""
        factory = next(one.factory for one in self.ports if one.address[1] == port)
        connection, transport = factory.buildProtocol(None), _Client()
        assert connection is not None
        connection.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted has not typed it
        return connection, b"".join(transport.writes)
