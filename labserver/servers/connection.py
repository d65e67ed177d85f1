"""One accepted connection, between a transport and a membrane: the TLS engine, the timers and the order of things.

Theory of operation. Octets from the network go through the TLS engine, if there is one, into the membrane; then actions
are pulled from the membrane, or from the lines of a session that misbehaves, until there is none or the client does not
read fast enough. What is said in one pull leaves in one write, so that a reply is one segment (clients and scanners
rely on it). A long command gives way: pulling goes on in the next turn of the event loop, and until then at most one
segment of the client's is taken in. STARTTLS is written here once for all protocols: everything queued goes out in
clear, then an engine is put between network and membrane.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet import interfaces
from twisted.internet.protocol import Protocol, connectionDone
from zope.interface import implementer

from labserver import events
from labserver.budget import Budget, Charge
from labserver.dialogues.exchange import Farewell
from labserver.errors import StoreError
from labserver.servers.faults import placed, traced
from labserver.servers.output import Output
from labserver.servers.reading import Reading
from labserver.servers.transport import Transport, host_of, peer_of
from labserver.servers.turns import Turns
from labserver.servers.wire_notes import WireNotes
from labserver.session.lines import Lines
from labserver.session.pieces import PIECE, CutShort, Pieces
from labserver.wire.actions import Abort, Close, GiveWay, Hold, Pace, Pause, Send, StartTls, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from labserver.limits import Limits
    from labserver.session.membrane import Membrane
    from labserver.session.transcript import SessionRecord
    from labserver.tls.engine import TlsEngine
    from labserver.wire.actions import Action

__all__ = ["Connection"]

log = logging.getLogger(__name__)

_SHORTEST = 1e-6
"""Seconds that are waited at the least: the difference of two times may be rounded to one that does not reach."""
_LAST_WORDS_TIME = 30.0
"""Seconds for a client to take the last words; then the connection is dropped."""


@implementer(interfaces.IPushProducer, interfaces.IHalfCloseableProtocol)
class Connection(Protocol):
    """The wire between a transport and a membrane."""

    __slots__ = (
        "_alarm",
        "_budget",
        "_closing",
        "_engine",
        "_gone",
        "_heard_all",
        "_implicit_tls",
        "_last_heard",
        "_limits",
        "_lines",
        "_lost",
        "_make_engine",
        "_make_membrane",
        "_membrane",
        "_notes",
        "_output",
        "_overloaded",
        "_pieces",
        "_pumping",
        "_reading",
        "_timer",
        "_turns",
        "_waiting",
        "_working",
        "record",
    )

    def __init__(  # noqa: PLR0913 -- a connection's parts, none of which belongs to another
        self,
        *,
        make_membrane: Callable[[Connection], Membrane],
        make_engine: Callable[[], TlsEngine],
        implicit_tls: bool,
        limits: Limits,
        record: SessionRecord,
        overloaded: bool,
        gone: Callable[[Connection], None],
        budget: Budget | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.record = record
        self._make_engine = make_engine
        self._implicit_tls = implicit_tls
        self._limits = limits
        self._overloaded = overloaded
        self._gone = gone
        self._budget = budget or Budget()
        self._turns = turns or Turns()
        self._engine: TlsEngine | None = None
        self._notes = WireNotes(record)
        self._output = Output()
        self._reading: Reading  # from connectionMade on
        self._pieces: Pieces | None = None
        """What is left of a long reply."""
        self._waiting: asyncio.Handle | None = None
        self._working = False
        """It waits for no time to pass, but for its next turn."""
        self._pumping = False
        self._closing = False
        self._lost = False
        self._heard_all = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = 0.0
        self._lines: Lines | None = None
        """What a misbehaving session says goes through them; an honest one has none."""
        self._alarm: asyncio.TimerHandle | None = None
        """The lines' timer."""
        self._make_membrane = make_membrane
        self._membrane: Membrane  # from connectionMade on: who is met depends on the address the client dialled

    # The transport's side

    def connectionMade(self) -> None:  # noqa: N802 -- Twisted's name
        """Greet, or wait for a ClientHello."""
        transport = self._tcp
        self._reading = Reading(transport, Charge(self._budget), self._turns)
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)  # noqa: FBT003 -- Twisted's signature
        self._membrane = self._make_membrane(self)
        if self._membrane.misbehaves:
            self._lines = Lines(self._membrane, self.record.elapsed)
        self._last_heard = self.record.elapsed()
        self._arm(self._limits.handshake_time if self._implicit_tls else self._limits.idle_time)
        try:
            if self._implicit_tls:
                self._begin_tls()
            else:
                self._open()
                self._pump()
        except Exception as error:  # noqa: BLE001 -- one session that cannot begin must not end the lab
            self._fault(error)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 -- Twisted's name
        """Take octets from the network."""
        self._last_heard = self.record.elapsed()
        self._notes.received(data, self._last_heard)
        if self._closing:
            return
        if self._working:
            self._reading.be_deaf()
        try:
            if self._engine is None:
                self._membrane.receive(data)
                self._pump()
            else:
                self._engine.receive(data)
                self._drive(self._engine)
            self._account()
            self._reading.came(len(data), closing=self._closing)
        except Exception as error:  # noqa: BLE001 -- whatever a client sends must not end the lab
            self._fault(error)

    def readConnectionLost(self) -> None:  # noqa: N802 -- Twisted's name
        """Answer what was asked, then close: the client has closed its side (``printf … | nc -N``)."""
        self._heard_all = True
        if self._closing and not self._lost:
            self._tcp.loseConnection()  # our own side is closed already
        self._pump_safely()

    def writeConnectionLost(self) -> None:  # noqa: N802 -- Twisted's name
        """Nothing is to be done: what is closed on one side only goes on being read."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 -- Twisted's name
        """Release everything: nothing that is left refers to itself, so that it is gone without garbage collection."""
        self._lost = True
        for timer in (self._timer, self._waiting, self._alarm):
            if timer is not None:
                timer.cancel()
        self._release_output()
        self._membrane.disconnected()
        self._reading.end()
        self._notes.disconnected(self._engine, reason.getErrorMessage())
        self._engine = None
        self._lines = None
        self.transport = None
        self._gone(self)

    def pauseProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Stop pulling and stop reading: the client does not take what it asked for."""
        self._reading.pause()
        self._account()

    def resumeProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Go on: the client takes what it asked for, which is a sign of life, too."""
        self._output.sent()
        self._last_heard = self.record.elapsed()
        self._reading.resume()
        self._pump_safely()
        self._account()

    def stopProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Nothing more can be sent; connectionLost follows."""
        self._reading.paused = True

    # The lab's side

    @property
    def local(self) -> str:
        """The address that the client dialled."""
        return host_of(self._tcp)

    @property
    def peer(self) -> str:
        """The client's address and port."""
        return peer_of(self._tcp)

    @property
    def queued(self) -> int:
        """Octets that are made and not given to the transport."""
        return self._output.size + (0 if self._lines is None else self._lines.size)

    @property
    def held(self) -> int:
        """Octets of the client's that are no whole unit, or not answered yet."""
        return self._membrane.held

    def recast(self, membrane: Membrane) -> None:
        """Let another membrane have the dialogue, which has not begun."""
        self._membrane = membrane
        self._lines = Lines(membrane, self.record.elapsed, below=False) if membrane.misbehaves else None

    def drain(self) -> None:
        """Say goodbye as soon as the dialogue allows it."""
        if not self._closing:
            if self._engine is not None and not self._engine.established:
                self.abort("shutting down")
                return
            self._depart(Farewell.SHUTDOWN)
            self._pump_safely()

    def abort(self, reason: str) -> None:
        """Drop the connection at once."""
        if not self._lost:
            self._notes.ending("server", reason)
            self._closing = True
            self._release_output()
            self._tcp.abortConnection()

    @property
    def _tcp(self) -> Transport:
        transport: Transport = self.transport  # type: ignore[assignment]  # Twisted types it as ITransport
        return transport

    def _open(self) -> None:
        self._membrane.open(self._wake, refusal=Farewell.OVERLOADED if self._overloaded else None)

    def _wake(self) -> None:
        if not self._pumping and not self._lost:
            self._pump_safely()

    # What is said

    def _pump_safely(self) -> None:
        try:
            self._pump()
        except Exception as error:  # noqa: BLE001 -- as in dataReceived
            self._fault(error)

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            self._pull()
        except CutShort as cut:
            self.abort(cut.reason)
            if isinstance(cut.__cause__, Exception) and not isinstance(cut.__cause__, StoreError):
                raise cut.__cause__ from None
        finally:
            self._pumping = False
        self._flush()
        if self._lines is not None:
            self._set_alarm(self._lines)
        waits = self._lines is not None and self._lines.waits
        if self._heard_all and not (self._reading.paused or self._waiting or waits):
            self._close("client")

    def _pull(self) -> None:
        reading = self._reading
        while not (reading.paused or self._closing or self._waiting):
            if self._pieces is not None:
                action: Action | None = self._pieces.next_action()
                if action is None:
                    self._pieces = None
                    continue
            else:
                action = (self._lines or self._membrane).next_action()
                if action is None:
                    return
            if isinstance(action, Send):
                self._say(action)
            else:
                self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case StartTls():
                self._begin_tls()
            case GiveWay() | Pause():
                self._wait(action)
            case Close():
                self._close("server", notify=action.notify, half=action.half)
            case Abort():
                self.abort("on purpose")
            case Told():
                self.record.observe(replace(action.event, at=self.record.elapsed()))
            case Send() | Hold() | Pace():
                raise AssertionError(action)  # said, or obeyed by a line; an honest session does not hold anything

    def _say(self, reply: Send) -> None:
        reading = self._reading
        if reading.sends_much:
            reading.answered()
        reading.unanswered = 0
        if reply.rest or len(reply.data) > PIECE:
            self._pieces = Pieces(reply)
        elif self._output.gather(reply.data) or (self._lines is not None and self._lines.paced):
            self._flush()

    def _wait(self, action: GiveWay | Pause) -> None:
        self._flush()
        # A turn is not call_soon: what is ready to be read goes first, so that nobody waits for two turns of this one.
        self._working = isinstance(action, GiveWay)
        seconds = 0 if isinstance(action, GiveWay) else action.seconds
        self._waiting = asyncio.get_running_loop().call_later(seconds, self._continue)

    def _continue(self) -> None:
        self._waiting = None
        self._working = False
        if self._lines is not None:
            self._lines.go_on()
        self._last_heard = self.record.elapsed()  # the client owed nothing so far
        self._pump_safely()
        self._listen()

    def _depart(self, reason: Farewell, *, at_once: bool = False) -> None:
        """Say the lab's own last words; what a misbehaviour is delaying does not wait any longer."""
        self._membrane.depart(reason, at_once=at_once)
        if self._lines is not None:
            self._lines.hurry()
            if self._waiting is not None and not self._working:
                self._waiting.cancel()
                self._waiting = None

    # What is read

    @property
    def _keeps_waiting(self) -> bool:
        """What was read last is not worked off yet, or a misbehaviour keeps back what was said to it."""
        return self._waiting is not None or (self._lines is not None and self._lines.waits)

    def _account(self) -> None:
        """Count what the client sent and what it does not take; read no more where it would only pile up."""
        lines, held, untaken = self._lines, self._membrane.held, self._output.untaken
        if lines is not None:
            held += lines.size
            untaken += lines.whole
        elif self._pieces is not None:
            untaken += self._pieces.whole
        if (held or self._reading.counts) and self._reading.account(held, untaken) and self._keeps_waiting:
            self._reading.be_deaf()

    def _listen(self) -> None:
        """Read again, if what was read last is being worked off."""
        self._account()
        if not self._keeps_waiting:
            self._reading.listen()

    # The lines of a session that misbehaves

    def _set_alarm(self, lines: Lines) -> None:
        """Have this called again when something is due that no event will bring about."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = lines.due(blocked=self._reading.paused or self._waiting is not None)
        if due is not None and not self._lost:
            seconds = max(_SHORTEST, due - self.record.elapsed())
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._tick, lines)

    def _tick(self, lines: Lines) -> None:
        self._alarm = None
        if lines.keeps_waiting:
            self._last_heard = self.record.elapsed()
        self._membrane.tick()
        self._release(lines)
        self._pump_safely()
        self._listen()

    def _release(self, lines: Lines) -> None:
        """Let go of what is due of that which is spread over time below TLS."""
        while not self._lost and (item := lines.due_below()) is not None:
            if isinstance(item, Close):
                self._hang_up(half=item.half)
            else:
                self._let_go(item)
        if lines.below_waits and self._alarm is None:
            self._set_alarm(lines)

    # TLS

    def _begin_tls(self) -> None:
        self._flush()
        self._engine = self._make_engine()
        self._notes.tls_started()
        self._arm(self._limits.handshake_time)

    def _drive(self, engine: TlsEngine) -> None:
        established = engine.established
        data = engine.decrypted()
        self._emit(engine.outgoing())
        if engine.established and not established:
            self._arm(self._limits.idle_time)
            self._membrane.secured(engine.facts(), engine)
            if self._implicit_tls:
                self._open()
        if data:
            self._membrane.receive(data)
        if engine.established:
            self._pump()
        if engine.failure is not None:
            self._notes.tls_failed(engine)
            self._close("error", engine.failure.reason)
        elif engine.peer_closed and self._working:
            self._heard_all = True
        elif engine.peer_closed:
            self._close("client")

    # What is written

    def _flush(self) -> None:
        if not self._output.size:
            return
        data = self._output.taken()
        if self._engine is not None:
            self._engine.send(data)
            data = self._engine.outgoing()
        if self._lines is None:
            self._let_go(data)
        else:
            self._emit(data)

    def _emit(self, data: bytes) -> None:
        lines = self._lines
        if lines is None:
            self._let_go(data)
            return
        self._let_go(lines.lower(data))
        self._release(lines)

    def _let_go(self, data: bytes) -> None:
        if data and not self._lost:
            self._notes.sent(data)
            self._output.transmit(self._tcp, data, at_once=not self._closing)

    def _close(self, by: str, reason: str = "", *, notify: bool = True, half: bool = False) -> None:
        if self._closing or self._lost:
            return
        self._flush()
        self._closing = True
        self._release_output()
        self._notes.ending(by, reason)
        engine = self._engine
        if notify and engine is not None and engine.established and engine.failure is None:
            engine.shutdown()
            self._emit(engine.outgoing())
            self._notes.closed_in_order()
        if self._lines is not None and self._lines.close_below(Close(half=half)):
            self._set_alarm(self._lines)
        else:
            self._hang_up(half=half)

    def _hang_up(self, *, half: bool) -> None:
        """Close the connection, or this side of it, when all that was written has been sent."""
        self._tcp.unregisterProducer()
        if half:
            self._tcp.loseWriteConnection()
        else:
            self._tcp.loseConnection()
        self._arm(_LAST_WORDS_TIME)

    def _release_output(self) -> None:
        self._output.clear()
        self._pieces = None
        if self._lines is not None:
            self._lines.clear()

    # Time and faults

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._check_time, seconds)

    def _check_time(self, seconds: float) -> None:
        """Look at the time: one timer a connection, armed again for the rest if something was heard meanwhile."""
        if self._closing:
            self.abort("the client did not take the last words")
            return
        if self._lines is not None and (self._waiting or self._lines.keeps_waiting):
            self._last_heard = self.record.elapsed()  # it is us who keep the client waiting
            self._arm(seconds)
            return
        silent = self.record.elapsed() - self._last_heard
        handshaking = self._engine is not None and not self._engine.established
        if not handshaking and (silent < seconds or self._working):
            left = seconds if self._working else seconds - silent
            self._timer = asyncio.get_running_loop().call_later(left, self._check_time, seconds)
        elif handshaking:
            self.abort("handshake not finished in time")
        elif self._reading.paused:
            self.abort("the client stopped reading")
        else:
            self._depart(Farewell.IDLE, at_once=True)
            self._pump_safely()

    def _fault(self, error: Exception) -> None:
        """Answer an exception of ours: a finding about the lab, logged with the session, and the session ends."""
        log.error("internal error in session %s: %s", self.record.number, traced(error))
        self.record.observe(
            events.InternalFault(
                at=self.record.elapsed(), description=f"{type(error).__name__}: {error}", masked=placed(error)
            )
        )
        if self._closing:
            return
        try:
            self._depart(Farewell.INTERNAL, at_once=True)
            self._pump()
        except Exception as another:  # noqa: BLE001 -- the session is beyond words
            log.error("session %s could not be ended in good order: %s", self.record.number, traced(another))  # noqa: TRY400 -- the exception's own words are left out
            self.abort("internal error")
