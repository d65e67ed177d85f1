"""From an accepted connection to a running session: one factory per service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.protocol import ServerFactory

from labserver import events
from labserver.budget import Budget
from labserver.servers.connection import Connection
from labserver.servers.memory import Ebb
from labserver.servers.turns import Turns
from labserver.session.membrane import Membrane

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress

    from labserver.limits import Limits
    from labserver.misbehaviours.moment import Moment
    from labserver.services import Service
    from labserver.session.roles import Role, Roles
    from labserver.session.transcript import SessionRecord, Transcript
    from labserver.tls.engine import TlsEngine

__all__ = ["ConnectionFactory", "OpenConnections"]


@dataclass(kw_only=True)
class OpenConnections:
    """The connections of all services, counted against one limit."""

    limits: Limits
    budget: Budget = field(default_factory=Budget)
    """What they hold together."""
    turns: Turns = field(default_factory=Turns)
    ebb: Ebb = field(default_factory=lambda: Ebb(Budget()))
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
        self.ebb.look()
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
        roles: Roles,
        transcript: Transcript,
        connections: OpenConnections,
        role: Role | None = None,
    ) -> None:
        self._service = service
        self._roles = roles
        self._transcript = transcript
        self._connections = connections
        self._role = role
        """Who is met here, whatever the address; None to choose by address and by the name asked for in TLS."""

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # noqa: N802, ARG002 -- Twisted's
        """Return the connection's protocol; None drops it."""
        if self._connections.flooded:
            return None
        record = self._transcript.begin()
        role = self._roles.good

        session: Membrane | None = None

        def membrane(connection: Connection) -> Membrane:
            nonlocal role, session
            local, peer = connection.local, connection.peer
            role = self._role or self._roles.at(local)
            record.observe(
                events.Connected(
                    at=record.elapsed(), service=self._service.name, scenario=role.scenario, peer=peer, local=local
                )
            )
            session = self._membrane(role, record, peer)
            return session

        def become(another: Role) -> None:
            nonlocal role, session
            if self._service.implicit_tls:
                role, session = another, self._membrane(another, record, connection.peer)
                connection.recast(session)

        def moment(whose: Role) -> Moment | None:
            return session.moment if session is not None and whose is role else None

        def engine() -> TlsEngine:
            return self._engine(role, record, become, moment)

        connection = Connection(
            make_membrane=membrane,
            make_engine=engine,
            implicit_tls=self._service.implicit_tls,
            limits=self._connections.limits,
            record=record,
            overloaded=self._connections.overloaded,
            gone=self._connections.forget,
            budget=self._connections.budget,
            turns=self._connections.turns,
        )
        self._connections.connections.add(connection)
        return connection

    def _membrane(self, role: Role, record: SessionRecord, peer: str) -> Membrane:
        return Membrane(
            service=self._service.name,
            peer=peer.partition(" ")[0],
            dialogue=role.dialogue(self._service),
            access=role.access,
            make_backend=role.maker(self._service),
            observe=record.observe,
            elapsed=record.elapsed,
            upgradable=not self._service.implicit_tls,
            scenario=role.scenario,
            account=role.account,
            chain=role.chain,
            memories=role.memories,
            passes_over=record.passes_over_dialogue,
        )

    def _engine(
        self,
        role: Role,
        record: SessionRecord,
        become: Callable[[Role], None],
        moment: Callable[[Role], Moment | None],
    ) -> TlsEngine:
        def misbehaved(scenario: str, facet: str) -> None:
            record.observe(events.Misbehaved(at=record.elapsed(), scenario=scenario, facet=facet))

        if self._role is None and role is self._roles.good:
            return self._roles.good_engine(self._service, misbehaved, become, moment)
        return role.watched_engine(self._service, misbehaved, moment)
