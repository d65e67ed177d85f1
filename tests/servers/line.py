"""A connection on a transport and a loop that only tests move."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.servers.connection import Connection
from labserver.services import SERVICES
from labserver.session.membrane import Membrane
from labserver.session.transcript import SessionRecord, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.budget import Budget
    from labserver.dialogues.exchange import Backend, Link
    from labserver.misbehaviours.moment import Memories
    from labserver.servers.turns import Turns
    from labserver.tls.engine import TlsEngine
    from tests.session.playbook import Building
    from tests.tls.clients import Client


@dataclass
class Transport:
    """What Twisted's does, as far as the wire asks for it, with everything written kept apart."""

    writes: list[bytes] = field(default_factory=list)
    nodelay: bool = False
    producer: Connection | None = None
    room: int = 1 << 30
    """Octets that the network takes at once; negative when it is broken."""
    queued: int = 0
    """Octets that it did not take at once."""
    full_after_each_write: bool = False
    pauses: int = 0
    resumptions: int = 0
    losing: bool = False
    half_losing: bool = False
    aborts: int = 0

    def write(self, data: bytes) -> None:
        """Keep a segment."""
        assert data
        assert not self.aborts
        self.writes.append(data)
        self.queued += len(data)
        if self.full_after_each_write and self.producer is not None:
            self.producer.pauseProducing()

    def writeSomeData(self, data: bytes) -> int | ConnectionLost:  # noqa: N802 -- Twisted's name
        """Keep as much of a segment as there is room for."""
        if self.room < 0:
            return ConnectionLost()
        taken = data[: self.room]
        self.room -= len(taken)
        if taken:
            self.writes.append(taken)
        return len(taken)

    def loseConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Close when everything is written; a producer must be gone, or Twisted would wait for it."""
        assert self.producer is None
        self.losing = True

    def loseWriteConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Close this side when everything is written."""
        assert self.producer is None
        self.half_losing = True

    def abortConnection(self) -> None:  # noqa: N802 -- Twisted's name
        """Drop."""
        self.aborts += 1

    def pauseProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Stop reading."""
        self.pauses += 1

    def resumeProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Read."""
        self.resumptions += 1

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802, FBT001 -- Twisted's signature
        """Take note."""
        self.nodelay = enabled

    def registerProducer(self, producer: Connection, streaming: bool) -> None:  # noqa: N802, FBT001 -- the same
        """Take note."""
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:  # noqa: N802 -- Twisted's name
        """Take note."""
        self.producer = None


@dataclass
class _Timer:
    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        self.call = int  # asyncio's lets go of what it would have called, too


@dataclass
class Loop:
    """An event loop whose time passes when :meth:`pass_time` is called."""

    building: Building
    _timers: list[tuple[float, int, _Timer]] = field(default_factory=list)
    _soon: list[_Timer] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def call_soon(self, call: Callable[..., object], *arguments: object) -> _Timer:
        """Remember a call for the next turn."""
        return self.call_later(0, call, *arguments)

    def turn(self) -> int:
        """Make the calls that were waiting for a turn, not those that they ask for; return how many there were."""
        waiting, self._soon = self._soon, []
        called = [handle for handle in waiting if not handle.cancelled]
        for handle in called:
            handle.call()
        return len(called)

    def call_later(self, seconds: float, call: Callable[..., object], *arguments: object) -> _Timer:
        """Remember a call; without a delay it is for the next turn."""
        timer = _Timer(lambda: call(*arguments))
        if not seconds:
            self._soon.append(timer)
            return timer
        heapq.heappush(self._timers, (self.building.clock.elapsed + seconds, next(self._numbers), timer))
        return timer

    @property
    def armed(self) -> int:
        """How many timers are waiting."""
        return sum(not timer.cancelled for _, _, timer in self._timers)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, timers included."""
        clock = self.building.clock
        until = clock.elapsed + seconds
        while self._timers and self._timers[0][0] <= until:
            clock.elapsed, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.call()
        clock.elapsed = until


@dataclass
class Line:
    """One connection: ``say`` is a segment from the client; the answer is what was written."""

    connection: Connection
    transport: Transport
    record: SessionRecord
    gone: list[Connection]

    def connect(self) -> bytes:
        """Connect, and return what the server says first."""
        self.begin()
        return self.heard()

    def begin(self) -> None:
        """Connect."""
        self.connection.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def end(self) -> str:
        """Return ``open``, ``closing`` (once everything is written) or ``dropped``."""
        if self.transport.aborts:
            return "dropped"
        return "closing" if self.transport.losing else "open"

    def say(self, data: bytes) -> bytes:
        """Send one segment."""
        self.connection.dataReceived(data)
        return self.heard()

    def heard(self) -> bytes:
        """Return what was written since the last time."""
        said = b"".join(self.transport.writes)
        self.transport.writes.clear()
        return said

    def tls(self, client: Client) -> bytes:
        """Carry octets between a TLS client and the server until both are silent; return what the client decrypted."""
        heard = []
        while True:
            heard.append(client.step())
            sent = client.outgoing()
            if sent:
                self.connection.dataReceived(sent)
            answered = self.heard()
            client.receive(answered)
            if not sent and not answered:
                return b"".join([*heard, client.step()])

    def lose(self, *, cleanly: bool = True) -> events.Disconnected:
        """Have the transport be gone, and return the last event."""
        if self.transport.producer is not None:
            self.connection.stopProducing()
        reason = ConnectionDone() if cleanly else ConnectionLost()
        self.connection.connectionLost(Failure(reason))  # type: ignore[no-untyped-call]  # Twisted has not typed it
        last = self.record.events[-1]
        assert isinstance(last, events.Disconnected)
        return last

    def all(self, kind: type[events.Event]) -> list[events.Event]:
        """Return the events of a kind."""
        return [event for event in self.record.events if isinstance(event, kind)]


def line(  # noqa: PLR0913 -- all that a connection is made from
    building: Building,
    service: str,
    make_backend: Callable[[Link], Backend] | None = None,
    *,
    make_engine: Callable[[], TlsEngine] | None = None,
    chain: Chain | None = None,
    memories: Memories | None = None,
    overloaded: bool = False,
    budget: Budget | None = None,
    turns: Turns | None = None,
) -> Line:
    """Return a connection that has not begun."""
    one = SERVICES[service]
    transcript = Transcript(clock=building.clock, octets=1 << 20, raw_octets=1 << 20, sessions=10)
    record = transcript.begin()
    backends = building.backends()
    gone: list[Connection] = []

    def membrane(_: Connection) -> Membrane:
        return Membrane(
            service=service,
            peer="127.0.0.1",
            dialogue=backends.dialogue(one),
            access=building.access(),
            make_backend=make_backend or backends.maker(one),
            observe=record.observe,
            elapsed=record.elapsed,
            upgradable=not one.implicit_tls,
            passes_over=record.passes_over_dialogue,
            chain=chain or Chain(),
            memories=memories,
        )

    connection = Connection(
        make_membrane=membrane,
        make_engine=make_engine or cast("Callable[[], TlsEngine]", None),
        implicit_tls=one.implicit_tls,
        limits=building.limits,
        record=record,
        overloaded=overloaded,
        budget=budget,
        gone=gone.append,
        turns=turns,
    )
    return Line(connection, Transport(), record, gone)
