"""From an accepted connection to a running session: one factory per service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.protocol import ServerFactory

from labserver import events
from labserver.servers.connection import Connection
from labserver.servers.membrane import Membrane

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress

    from labserver.dialogues.exchange import Backend, Dialogue
    from labserver.limits import Limits
    from labserver.servers.access import Access
    from labserver.servers.transcript import Transcript
    from labserver.services import Service
    from labserver.tls.engine import TlsEngine

__all__ = ["ConnectionFactory", "OpenConnections"]


@dataclass(kw_only=True)
class OpenConnections:
    """The connections of all services, counted against one limit."""

    limits: Limits
    connections: set[Connection] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._emptied: asyncio.Future[None] | None = None

    @property
    def overloaded(self) -> bool:
        """One more would be too many: it is greeted with the protocol's refusal."""
        return len(self.connections) >= self.limits.connections

    @property
    def flooded(self) -> bool:
        """Too many are waiting to be refused: the next ones are dropped without a word."""
        return len(self.connections) >= 2 * self.limits.connections

    def forget(self, connection: Connection) -> None:
        """Count a connection no more: it is gone."""
        self.connections.discard(connection)
        if not self.connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def drain(self, seconds: float) -> None:
        """Say goodbye to every client as its dialogue allows; after ``seconds`` drop those that remain."""
        for connection in tuple(self.connections):
            connection.drain()
        if self.connections:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._emptied], timeout=seconds)
        for connection in tuple(self.connections):
            connection.abort("shutting down")


class ConnectionFactory(ServerFactory):
    """Builds the session of one service for each connection."""

    noisy = False

    def __init__(
        self,
        *,
        service: Service,
        dialogue: Dialogue,
        access: Access,
        make_backend: Callable[[Membrane], Backend],
        make_engine: Callable[[], TlsEngine],
        transcript: Transcript,
        connections: OpenConnections,
    ) -> None:
        self._service = service
        self._dialogue = dialogue
        self._access = access
        self._make_backend = make_backend
        self._make_engine = make_engine
        self._transcript = transcript
        self._connections = connections

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # noqa: N802 -- Twisted's name
        """Return the connection's protocol; None drops it."""
        if self._connections.flooded:
            return None
        peer = str(getattr(addr, "host", ""))
        record = self._transcript.begin()
        record.observe(
            events.Connected(
                at=0.0, service=self._service.name, peer=f"{peer} port {getattr(addr, 'port', 0)}", local=""
            )
        )

        def membrane(_: Connection) -> Membrane:
            return Membrane(
                service=self._service.name,
                peer=peer,
                dialogue=self._dialogue,
                access=self._access,
                make_backend=self._make_backend,
                observe=record.observe,
                elapsed=record.elapsed,
                upgradable=not self._service.implicit_tls,
            )

        connection = Connection(
            make_membrane=membrane,
            make_engine=self._make_engine,
            implicit_tls=self._service.implicit_tls,
            limits=self._connections.limits,
            record=record,
            overloaded=self._connections.overloaded,
            gone=self._connections.forget,
        )
        self._connections.connections.add(connection)
        return connection
