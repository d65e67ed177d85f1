"""Runs a reference client against a connection of the lab without sockets, in a time that only passes when all wait.

Everything of the lab takes part but the listeners: connection, membrane, TLS engine, session. The transport and the
event loop are the ones below.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from unittest import mock

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from labserver.check.case_run import Run
from labserver.check.witness import canary_of, trace_of
from labserver.clock import SystemClock
from labserver.mailstore.message import Draft
from labserver.pki.chain import certificates_pem
from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import UNREADABLE
from labserver.report.case import ClientRun
from labserver.servers.factory import ConnectionFactory, OpenConnections
from labserver.session.transcript import Transcript
from tests.pki.judges import UNPROVED
from tests.reference.asking import AskingContext
from tests.reference.client import client
from tests.reference.credulous import CredulousContext, CredulousTls
from tests.reference.sockets import context
from tests.reference.steps import Connect, Receive, RefusedError, Send, StartTls
from tests.reference.traits import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from twisted.internet.interfaces import IPushProducer

    from labserver.lab import Lab
    from labserver.mailstore.directory import User
    from labserver.pki.specification import ChainSpec
    from labserver.scenario import Scenario
    from labserver.servers.connection import Connection
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from tests.reference.asking import AskingObject
    from tests.reference.steps import Step
    from tests.reference.traits import Traits

__all__ = ["InMemory", "MemoryClock", "Said"]


class Said(StrEnum):
    """Who said what a note is about."""

    CLIENT = "C"
    SERVER = "S"
    HAPPENED = "--"
    """Nobody: it happened, as the note says in words."""


if TYPE_CHECKING:
    Note = Callable[[Said, bytes], None]
    """Is told octets of the dialogue, outside TLS or inside, and what happens between them."""


def _unnoted(said: Said, data: bytes) -> None:
    """Take no note."""


class MemoryClock:
    """Certificates are of today; time between events passes when it is told to."""

    elapsed = 0.0

    def now(self) -> datetime:
        """Return the time of day."""
        return SystemClock().now()

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.elapsed


@dataclass
class _Timer:
    call: Callable[[], object]

    def cancel(self) -> None:
        self.call = lambda: None


@dataclass
class _Loop:
    """As much of an event loop as a connection asks for."""

    clock: MemoryClock
    _timers: list[tuple[float, int, _Timer]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def call_later(self, seconds: float, call: Callable[..., object], *arguments: object) -> _Timer:
        timer = _Timer(lambda: call(*arguments))
        heapq.heappush(self._timers, (self.clock.elapsed + seconds, next(self._numbers), timer))
        return timer

    def next_before(self, until: float) -> bool:
        """Let time pass to the next timer and ring it; return False, at ``until``, if none comes before."""
        if not self._timers or self._timers[0][0] > until:
            self.clock.elapsed = max(self.clock.elapsed, until)
            return False
        self.clock.elapsed, _, timer = heapq.heappop(self._timers)
        timer.call()
        return True


@dataclass
class _Transport:
    """What Twisted's does, as far as the wire asks for it; the client reads what is written."""

    written: bytearray = field(default_factory=bytearray)
    producer: IPushProducer | None = None
    full: bool = False
    """The producer was told to wait."""
    closing: str = ""
    """How the server ends it, once it does: ``closes``, ``half-closes`` or ``resets``."""

    def write(self, data: bytes) -> None:
        self.written += data
        if len(self.written) > _ROOM and self.producer is not None and not self.full:
            self.full = True
            self.producer.pauseProducing()

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802 -- Twisted's name
        self.written += data
        return len(data)

    def read(self) -> bytes:
        """Return what is there; whoever waits for room goes on."""
        data = bytes(self.written)
        self.written.clear()
        if self.full and self.producer is not None:
            self.full = False
            self.producer.resumeProducing()
        return data

    def getHost(self) -> None:  # noqa: N802 -- Twisted's name
        return None

    getPeer = getHost  # noqa: N815 -- Twisted's name

    def loseConnection(self) -> None:  # noqa: N802 -- Twisted's name
        self.closing = self.closing or "closes"

    def loseWriteConnection(self) -> None:  # noqa: N802 -- Twisted's name
        self.closing = self.closing or "half-closes"

    def abortConnection(self) -> None:  # noqa: N802 -- Twisted's name
        self.closing = self.closing or "resets"

    def pauseProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Do nothing: the client reads everything."""

    resumeProducing = pauseProducing  # noqa: N815 -- Twisted's name

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802, FBT001 -- Twisted's signature
        """Do nothing: there are no segments."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:  # noqa: ARG002, N802, FBT001 -- Twisted's signature
        self.producer = producer

    def unregisterProducer(self) -> None:  # noqa: N802 -- Twisted's name
        self.producer, self.full = None, False


_ROOM = 1 << 16
"""Octets that a transport takes before it has its producer wait."""
_STEPS = 1 << 10
"""Octets that count for one step of a client."""
_MOST = 1 << 25
"""Octets after which a client that still reads has not ended."""


class _TimedOutError(Exception):
    """The deadline has come."""


@dataclass
class _Driver:
    """Performs a client's steps on connections that a factory makes."""

    factory: ConnectionFactory
    loop: _Loop
    context: ssl.SSLContext | CredulousContext | AskingContext
    host: str
    patience: float | None
    deadline: float
    note: Note
    alpn: str
    """What it has offered and insists on; empty for nothing."""

    def __post_init__(self) -> None:
        self._connection: Connection | None = None
        self._transport = _Transport()
        self._open = self._shaking = False
        self._since = self.loop.clock.elapsed
        """When the client did something last."""
        self._borne = 0
        self._tls: ssl.SSLObject | CredulousTls | AskingObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def run(self, steps: Generator[Step, bytes, None]) -> bool:
        """Perform the steps; return whether the deadline came first, or so much was said that it must have."""
        try:
            step = next(steps)
            while True:
                self._bear(_STEPS)
                try:
                    answer = self._perform(step)
                except (OSError, EOFError):
                    step = steps.throw(RefusedError())
                else:
                    step = steps.send(answer)
        except StopIteration:
            self.drop()
            return False
        except _TimedOutError:
            self.note(Said.HAPPENED, b"the client still waits")
            return True

    def drop(self) -> None:
        """Close the connection as a client does that has nothing more to say."""
        self._note_end()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.connectionLost(connectionDone)

    def _note_end(self) -> None:
        """Note what the server said and the client did not read, and who ended the connection."""
        if self._open:
            self._open = False
            self.note(Said.SERVER, self._unread())
            ended = f"the server {self._transport.closing}" if self._transport.closing else "the client closes"
            self.note(Said.HAPPENED, ended.encode("ascii"))

    def _unread(self) -> bytes:
        """Return what has come and was not read."""
        octets, unread = bytes(self._transport.written), b""
        if self._tls is None:
            return b"" if self._shaking else octets
        self._incoming.write(octets)
        with suppress(OSError):
            while piece := self._tls.read(1 << 16):
                unread += piece
        return unread

    def _bear(self, most: int) -> None:
        """Count what costs a client time; one that has had too much of it is still at work at the deadline."""
        self._borne += most
        if self._borne > _MOST:
            raise _TimedOutError

    def _perform(self, step: Step) -> bytes:
        if not isinstance(step, Receive):
            self._since = self.loop.clock.elapsed
        match step:
            case Connect():
                self.drop()
                self._tls, self._transport = None, _Transport()
                self._connection = self.factory.buildProtocol(None)
                assert self._connection is not None
                self._open, self._shaking = True, False
                self.note(Said.HAPPENED, b"the client connects")
                self._connection.makeConnection(self._transport)  # type: ignore[no-untyped-call]  # Twisted has not typed it
                if step.tls:
                    self._secure()
            case Send():
                self.note(Said.CLIENT, step.data)
                self._send(step.data)
            case Receive():
                data = self._received()
                self.note(Said.SERVER, data)
                return data
            case StartTls():
                self._secure()
        return b""

    def _send(self, data: bytes) -> None:
        if self._tls is None:
            self._deliver(data)
        else:
            self._tls.write(data)
            self._deliver(self._outgoing.read())

    def _received(self) -> bytes:
        if self._tls is None:
            return self._heard()
        while True:
            try:
                return self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                octets = self._heard()
                if not octets:
                    return b""
                self._incoming.write(octets)
            except ssl.SSLZeroReturnError:
                return b""

    def _secure(self) -> None:
        self._shaking = True
        try:
            self._shake_hands()
        except (OSError, EOFError):
            self.note(Said.HAPPENED, b"TLS fails")
            raise
        self.note(Said.HAPPENED, b"TLS is established")

    def _shake_hands(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(self._incoming, self._outgoing, server_hostname=self.host)
        while True:
            try:
                tls.do_handshake()
                self._look_at_alpn(tls)
            except ssl.SSLWantReadError:
                self._deliver(self._outgoing.read())
                octets = self._heard()
                if not octets:
                    raise EOFError from None
                self._incoming.write(octets)
            except ssl.SSLError:
                self._deliver(self._outgoing.read())  # the alert
                raise
            else:
                self._deliver(self._outgoing.read())
                self._tls = tls
                return

    def _look_at_alpn(self, tls: ssl.SSLObject | CredulousTls | AskingObject) -> None:
        """Refuse a protocol that was not offered (RFC 7301 3.2); a client that is not careful does not look."""
        selected = tls.selected_alpn_protocol() if isinstance(tls, ssl.SSLObject) else None
        if self.alpn and selected not in (None, self.alpn):
            raise ssl.SSLError(f"ALPN selected {selected}")

    def _deliver(self, data: bytes) -> None:
        if data and self._connection is not None:
            self._connection.dataReceived(data)
        self._bury()

    def _heard(self) -> bytes:
        """Return what the server has sent; wait for it as long as patience and deadline allow; nothing at the end."""
        until = self.deadline if self.patience is None else self._since + self.patience
        while not self._transport.written:
            if self._connection is None or not self.loop.next_before(min(until, self.deadline)):
                break
            self._bury()
        data = self._transport.read()
        self._bear(len(data))
        if not data and self._connection is not None and self.loop.clock.elapsed >= self.deadline:
            raise _TimedOutError
        return data

    def _bury(self) -> None:
        """Take note that the server has closed."""
        if self._transport.closing and self._connection is not None:
            connection, self._connection = self._connection, None
            connection.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]  # the same


def _tells_openssl(recipe: ChainSpec) -> bool:
    """Return whether OpenSSL refuses it even if it is told to verify nothing."""
    signed = recipe.in_message and not recipe.client_certificate
    return signed or recipe.openssl == UNREADABLE or recipe.id in UNPROVED


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """Brings a reference client and a lab together, without a thread or a socket."""

    lab: Lab
    clock: MemoryClock
    traits: Traits
    user: User
    seconds: float
    note: Note = _unnoted
    around: Callable[[Generator[Step, bytes, None]], Generator[Step, bytes, None]] = lambda steps: steps
    """What the client's steps go through on their way to the driver."""

    def _alpn(self, service: Service) -> str:
        """Return the protocol that the client offers by ALPN: a client with little to do offers none.

        ``imap`` and ``pop3`` are IANA's; for SMTP there is none, so that a server may well not know it.
        """
        return service.protocol.value if self.traits.thorough else ""

    def _context(self, scenario: Scenario, service: Service) -> ssl.SSLContext | CredulousContext | AskingContext:
        """Return what the client is as careful with as it is."""
        if self.traits.antique:
            return CredulousContext(antique=True)
        if not self.traits.careful and scenario.id in all_recipes() and _tells_openssl(all_recipes()[scenario.id]):
            return CredulousContext()
        chain = self.lab.chains.chain(scenario.id)
        if self.traits.careful and (scenario.asked == "status_request" or chain.crls):
            return AskingContext(chain)
        return context(certificates_pem(chain.anchors).decode(), careful=self.traits.careful, alpn=self._alpn(service))

    def _leave_a_message(self) -> None:
        """See to it that there is something to read."""
        inbox = self.lab.store.account(self.user.name).mailbox("INBOX")
        if inbox is not None and not inbox.messages:
            inbox.append([Draft(content=b"Subject: A message to read\r\n\r\nHello!\r\n")])

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:  # noqa: ARG002 -- the interface's
        """Run the client once."""
        transcript = Transcript(clock=self.clock, octets=1 << 20, raw_octets=1 << 20, sessions=10)
        driver = _Driver(
            factory=ConnectionFactory(
                service=service,
                roles=self.lab.roles,
                transcript=transcript,
                connections=OpenConnections(limits=self.lab.settings.limits),
                role=self.lab.roles.role(scenario.id, control=control),
            ),
            loop=_Loop(self.clock),
            context=self._context(scenario, service),
            host=scenario.host_names[0],
            patience=self.traits.patience,
            deadline=self.clock.elapsed + self.seconds,
            note=self.note,
            alpn=self._alpn(service) if self.traits.careful else "",
        )
        if self.traits.thorough:
            self._leave_a_message()
        password = f"no {self.user.password[::-1]}" if self.traits.mistaken else self.user.password
        account = Account(user=self.user.name, password=password, address=self.user.address)
        with mock.patch.object(asyncio, "get_running_loop", return_value=driver.loop):
            timed_out = driver.run(self.around(client(service.name, self.traits, account)))
            trace = trace_of(transcript.records(), canary_of(self.user))
            driver.drop()
        return Run(trace=trace, client=ClientRun(ended="", seconds=0.0, output=""), timed_out=timed_out)
