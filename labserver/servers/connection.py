"""One accepted connection: owns the octets, the TLS engine, the timers and the back-pressure. The wire.

Theory of operation. Octets from the network go through the TLS engine, if there is one, into the membrane; then actions
are pulled from the membrane until it has none or the client does not read fast enough. What is said in one pull leaves
in one write, so that a reply is one segment (clients and scanners rely on it). A long command gives way: pulling goes
on in the next turn of the event loop, and until then at most one segment of the client's is taken in. STARTTLS is
written here once for all protocols: everything queued goes out in clear, then an engine is put between network and
membrane.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as ProtocolType

from twisted.internet import interfaces
from twisted.internet.protocol import Protocol, connectionDone
from zope.interface import implementer

from labserver import events
from labserver.budget import Budget, Charge
from labserver.dialogues.exchange import Farewell
from labserver.errors import StoreError
from labserver.servers.turns import Turns
from labserver.session.line import Line
from labserver.tls.records import Records
from labserver.wire.actions import Abort, Close, GiveWay, Hold, Pace, Pause, Send, StartTls, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.python.failure import Failure

    from labserver.limits import Limits
    from labserver.session.membrane import Membrane
    from labserver.session.transcript import SessionRecord
    from labserver.tls.engine import TlsEngine
    from labserver.wire.actions import Action

__all__ = ["Connection"]

log = logging.getLogger(__name__)

_FLUSH = 1 << 16
"""Octets after which queued output is written, so that one long answer does not sit in memory."""
_SHORTEST = 1e-6
"""Seconds that are waited at the least: the difference of two times may be rounded to one that does not reach."""
_PIECE = _FLUSH
"""Octets of a long reply that are written at a time, as the client takes them."""
_READ_AHEAD = 1 << 16
"""Octets of the client's that are kept while nothing can be done with them; then nothing more is read."""
_MUCH = 3 << 14
"""Octets without a reply from which on a client waits its turn when many send as much."""
_PIECES_IN_A_ROW = 64
"""Pieces of a long reply after which others have their turn, though they are short: each may have been work."""
_LAST_WORDS_TIME = 30.0
"""Seconds for a client to take the last words; then the connection is dropped."""


class _Transport(ProtocolType):
    """What the wire asks of a transport; little, so that another acceptor can be measured against Twisted's."""

    def write(self, data: bytes) -> None: ...
    def writeSomeData(self, data: bytes, /) -> object: ...  # noqa: N802 -- Twisted's name
    def getHost(self) -> object: ...  # noqa: N802 -- Twisted's name
    def getPeer(self) -> object: ...  # noqa: N802 -- Twisted's name
    def loseConnection(self) -> None: ...  # noqa: N802 -- Twisted's name
    def loseWriteConnection(self) -> None: ...  # noqa: N802 -- Twisted's name
    def abortConnection(self) -> None: ...  # noqa: N802 -- Twisted's name
    def pauseProducing(self) -> None: ...  # noqa: N802 -- Twisted's name
    def resumeProducing(self) -> None: ...  # noqa: N802 -- Twisted's name
    def setTcpNoDelay(self, enabled: bool, /) -> None: ...  # noqa: N802, FBT001 -- Twisted's signature
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...  # noqa: N802, FBT001 -- the same
    def unregisterProducer(self) -> None: ...  # noqa: N802 -- Twisted's name


class _Lines:
    """What a misbehaving session's octets go through, above TLS and, where that is asked for, below it."""

    __slots__ = ("above", "below", "cut", "stopped", "timer")

    def __init__(self, *, below: Pace | None) -> None:
        self.above = Line()
        self.below = None if below is None else Line(below)
        self.cut = False
        """Something has left below TLS."""
        self.stopped = False
        """A pause is in the line: nothing more is pulled before it is over."""
        self.timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Octets that wait."""
        return self.above.size + (0 if self.below is None else self.below.size)

    def hurry(self) -> None:
        """Delay nothing any more."""
        self.above.hurry()
        self.stopped = False
        if self.below is not None:
            self.below.hurry()


@implementer(interfaces.IPushProducer, interfaces.IHalfCloseableProtocol)
class Connection(Protocol):
    """The wire between a transport and a membrane."""

    __slots__ = (
        "_charge",
        "_closed_in_order",
        "_closing",
        "_deaf",
        "_end_reason",
        "_ended_by",
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
        "_out",
        "_out_size",
        "_overloaded",
        "_paused",
        "_pumping",
        "_received",
        "_records",
        "_rest",
        "_resting",
        "_sent",
        "_timer",
        "_turns",
        "_unanswered",
        "_unqueued",
        "_untaken",
        "_waiting",
        "_whole",
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
        self._charge = Charge(budget or Budget())
        """What is kept of the client's octets until they are a whole unit and answered."""
        self._turns = turns or Turns()
        self._unanswered = 0
        """Octets that came since the last reply."""
        self._resting = False
        """Nothing is read before it is this connection's turn."""
        self._engine: TlsEngine | None = None
        self._records = Records()
        self._out: list[bytes | memoryview] = []
        self._out_size = 0
        self._rest: Iterator[bytes | memoryview] | None = None
        """What is left of a long reply."""
        self._whole = 0
        """Octets of a long reply that is in memory as a whole."""
        self._untaken = 0
        """Octets that the transport was given since it had sent everything."""
        self._unqueued = True
        """The transport has sent everything it was given."""
        self._paused = False
        self._waiting: asyncio.Handle | None = None
        self._working = False
        """It waits for no time to pass, but for its next turn."""
        self._deaf = False
        """Nothing is read, because what was read last waits for a command that works, or for time to pass."""
        self._pumping = False
        self._closing = False
        self._lost = False
        self._heard_all = False
        self._ended_by = ""
        self._closed_in_order = False
        self._end_reason = ""
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = 0.0
        self._received = 0
        self._sent = 0
        self._lines: _Lines | None = None
        """What a misbehaving session says goes through them; an honest one has none."""
        self._make_membrane = make_membrane
        self._membrane: Membrane  # from connectionMade on: who is met depends on the address the client dialled

    # The transport's side

    def connectionMade(self) -> None:  # noqa: N802 -- Twisted's name
        """Greet, or wait for a ClientHello."""
        transport = self._tcp
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)  # noqa: FBT003 -- Twisted's signature
        self._membrane = self._make_membrane(self)
        if self._membrane.misbehaves:
            self._lines = _Lines(below=self._membrane.below)
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
        self._received += len(data)
        self._last_heard = self.record.elapsed()
        self._note_received(data)
        if self._closing:
            return
        if self._working:
            self._deaf = True
            self._tcp.pauseProducing()
        try:
            if self._engine is None:
                self._membrane.receive(data)
                self._pump()
            else:
                self._engine.receive(data)
                self._drive(self._engine)
            self._account()
            self._unanswered += len(data)
            if self._unanswered > _MUCH:
                self._rest_if_many()
        except Exception as error:  # noqa: BLE001 -- whatever a client sends must not end the lab
            self._fault(error)

    def _note_received(self, data: bytes) -> None:
        """Take note of octets; where TLS is due, those that are none are in clear all the same."""
        encrypted = self._records.take(data) if self._engine is not None else 0
        if self.record.passes_over(len(data)):
            return
        parts = ((data[:encrypted], True), (data[encrypted:], False)) if encrypted else ((data, False),)
        for part, inside in parts:
            if part:
                self.record.observe(
                    events.RawReceived(at=self._last_heard, data=part, size=len(part), encrypted=inside)
                )

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
        tick = None if self._lines is None else self._lines.timer
        for timer in (self._timer, self._waiting, tick):
            if timer is not None:
                timer.cancel()
        self._release_output()
        engine = self._engine
        self._membrane.disconnected()
        self._charge.close()
        self._turns.leaves(self)
        at = self.record.elapsed()
        if engine is not None and not engine.established and engine.failure is None:
            reason_given = self._end_reason or "the client left during the handshake"
            self.record.observe(events.TlsFailed(at=at, reason=reason_given))
        self.record.observe(
            events.Disconnected(
                at=at,
                by=self._ended_by or "client",
                clean=engine is None or engine.peer_closed or (self._ended_by == "server" and self._closed_in_order),
                reason=self._end_reason or ("" if self._ended_by else reason.getErrorMessage()),
                received=self._received,
                sent=self._sent,
            )
        )
        self._engine = None
        self.transport = None
        self._gone(self)

    def pauseProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Stop pulling and stop reading: the client does not take what it asked for."""
        self._paused = True
        self._tcp.pauseProducing()
        self._account()

    def resumeProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Go on: the client takes what it asked for, which is a sign of life, too."""
        self._paused = False
        self._unqueued = True
        self._untaken = 0
        self._last_heard = self.record.elapsed()
        self._read_on()
        self._pump_safely()
        self._account()

    def stopProducing(self) -> None:  # noqa: N802 -- Twisted's name
        """Nothing more can be sent; connectionLost follows."""
        self._paused = True

    # The lab's side

    @property
    def local(self) -> str:
        """The address that the client dialled."""
        return str(getattr(self._tcp.getHost(), "host", ""))

    @property
    def peer(self) -> str:
        """The client's address and port."""
        address = self._tcp.getPeer()
        return f"{getattr(address, 'host', '')} port {getattr(address, 'port', 0)}"

    @property
    def queued(self) -> int:
        """Octets that are made and not given to the transport."""
        return self._out_size + (0 if self._lines is None else self._lines.size)

    @property
    def held(self) -> int:
        """Octets of the client's that are no whole unit, or not answered yet."""
        return self._membrane.held

    def recast(self, membrane: Membrane) -> None:
        """Let another membrane have the dialogue, which has not begun."""
        self._membrane = membrane
        self._lines = _Lines(below=None) if membrane.misbehaves else None

    def read_again(self) -> None:
        """Go on reading: it is this connection's turn."""
        self._resting = False
        if not self._lost:
            self._read_on()

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
            self._ended_by, self._end_reason = "server", reason
            self._closing = True
            self._release_output()
            self._tcp.abortConnection()

    @property
    def _tcp(self) -> _Transport:
        transport: _Transport = self.transport  # type: ignore[assignment]  # Twisted types it as ITransport
        return transport

    def _open(self) -> None:
        self._membrane.open(self._wake, refusal=Farewell.OVERLOADED if self._overloaded else None)

    def _wake(self) -> None:
        if not self._pumping and not self._lost:
            self._pump_safely()

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
            if self._lines is not None:
                self._pump_lines(self._lines)
            while not (self._paused or self._closing or self._waiting or self._lines):
                if self._rest is not None:
                    self._write_piece(self._rest)
                    continue
                action = self._membrane.next_action()
                if action is None:
                    break
                self._perform(action)
        finally:
            self._pumping = False
        self._flush()
        if self._lines is not None:
            self._set_alarm(self._lines)
        if self._heard_all and not (self._paused or self._waiting or (self._lines and self._lines.above)):
            self._close("client")

    def _perform(self, action: Action) -> None:
        match action:
            case Send():
                if self._unanswered > _MUCH:
                    self._turns.leaves(self)
                self._unanswered = 0
                if action.rest:
                    self._rest = iter(action.rest)
                self._write(action.data)
            case StartTls():
                self._begin_tls()
            case GiveWay() | Pause():
                self._wait(action)
            case Close():
                self._close("server", notify=action.notify, half=action.half)
            case Abort():
                self.abort("on purpose")
            case Told() | Hold() | Pace():
                raise AssertionError(action)  # a line's, which an honest session does not have

    def _wait(self, action: GiveWay | Pause) -> None:
        match action:
            case GiveWay():
                self._give_way()
            case Pause():
                self._flush()
                self._waiting = asyncio.get_running_loop().call_later(action.seconds, self._continue)

    def _pump_lines(self, lines: _Lines) -> None:
        """Pull what a misbehaving session says through its line, from which it leaves when its time has come."""
        above = lines.above
        while not (self._paused or self._closing or self._waiting):
            item = above.take(self.record.elapsed())
            if isinstance(item, bytes):
                self._out.append(item)
                self._out_size += len(item)
                if above.paced or self._out_size >= _FLUSH:
                    self._flush()
            elif isinstance(item, Told):
                self.record.observe(replace(item.event, at=self.record.elapsed()))
            elif item is not None:
                self._perform(item)
            elif above.size >= _FLUSH or lines.stopped:
                break
            elif self._rest is not None:
                self._write_piece(self._rest)
            else:
                action = self._membrane.next_action()
                if action is None:
                    break
                self._line_up(lines, action)

    def _line_up(self, lines: _Lines, action: Action) -> None:
        match action:
            case Send():
                self._perform(action)
            case GiveWay():
                self._give_way()
            case _:
                lines.stopped = lines.stopped or isinstance(action, Pause)
                lines.above.put(action)

    def _set_alarm(self, lines: _Lines) -> None:
        """Have this called again when something is due that no event will bring about.

        While the client takes nothing, or a pause runs, the end of that brings it about, and no timer.
        """
        blocked = self._paused or self._waiting is not None
        dues = (
            None if blocked else lines.above.due(),
            None if blocked else self._membrane.deadline(),
            None if lines.below is None else lines.below.due(),
        )
        if lines.timer is not None:
            lines.timer.cancel()
            lines.timer = None
        if any(due is not None for due in dues) and not self._lost:
            seconds = max(_SHORTEST, min(due for due in dues if due is not None) - self.record.elapsed())
            lines.timer = asyncio.get_running_loop().call_later(seconds, self._tick, lines)

    def _tick(self, lines: _Lines) -> None:
        lines.timer = None
        self._last_heard = self.record.elapsed() if lines.above or lines.below else self._last_heard
        self._membrane.tick()
        self._release(lines)
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

    def _give_way(self) -> None:
        self._flush()
        self._working = True
        # Not call_soon: what is ready to be read goes first, so that nobody waits for two turns of this one.
        self._waiting = asyncio.get_running_loop().call_later(0, self._continue)

    def _continue(self) -> None:
        self._waiting = None
        self._working = False
        if self._lines is not None:
            self._lines.stopped = False
        self._last_heard = self.record.elapsed()  # the client owed nothing so far
        self._pump_safely()
        self._listen()

    def _account(self) -> None:
        """Count what the client sent and what it does not take; read no more where it would only pile up."""
        held = self._membrane.held + (0 if self._lines is None else self._lines.size)
        output = self._untaken + self._whole if self._paused else 0
        if held or output or self._charge.octets:
            self._charge.resize(held + output, forced=True)  # each framer has its own bound, and so has output
        if held > _READ_AHEAD and not self._deaf and self._keeps_waiting:
            self._deaf = True
            self._tcp.pauseProducing()

    @property
    def _keeps_waiting(self) -> bool:
        """What was read last is not worked off yet, or a misbehaviour keeps back what was said to it."""
        return self._waiting is not None or (self._lines is not None and bool(self._lines.above))

    def _listen(self) -> None:
        """Read again, if what was read last is being worked off."""
        self._account()
        if self._deaf and not self._keeps_waiting:
            self._deaf = False
            self._read_on()

    def _rest_if_many(self) -> None:
        """Read no more for now, if many others send as much."""
        if not self._closing and self._turns.rests(self):
            self._resting = True
            self._tcp.pauseProducing()

    def _read_on(self) -> None:
        if not (self._paused or self._deaf or self._resting):
            self._tcp.resumeProducing()

    # TLS

    def _begin_tls(self) -> None:
        self._flush()
        self._engine = self._make_engine()
        self.record.observe(events.TlsStarted(at=self.record.elapsed()))
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
            self.record.observe(
                events.TlsFailed(
                    at=self.record.elapsed(),
                    reason=engine.failure.reason,
                    alert=engine.failure.alert,
                    during_handshake=not engine.established,
                )
            )
            self._close("error", engine.failure.reason)
        elif engine.peer_closed and self._working:
            self._heard_all = True
        elif engine.peer_closed:
            self._close("client")

    # Output

    def _write(self, data: bytes | memoryview) -> None:
        if len(data) > _PIECE:
            self._whole = len(data)
            self._rest = chain(_cut(data), self._rest or ())
            return
        if self._lines is not None:
            self._lines.above.put(data)
            return
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size >= _FLUSH:
            self._flush()

    def _write_piece(self, rest: Iterator[bytes | memoryview]) -> None:
        """Write the next piece of what is too long to be made, and encrypted, before the client has taken any."""
        try:
            piece = next(rest, None)
        except StoreError as error:
            self.abort(f"the rest of a reply cannot be had: {error}")
        except Exception:
            self.abort("internal error")  # nothing can be said in the middle of a reply
            raise
        else:
            if piece is None:
                self._rest = None
                self._whole = 0
                return
            if piece:
                self._write(piece)
            if not piece or len(self._out) >= _PIECES_IN_A_ROW:
                self._give_way()

    def _flush(self) -> None:
        if not self._out:
            return
        data = bytes(self._out[0]) if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        if self._engine is not None:
            self._engine.send(data)
            data = self._engine.outgoing()
        if self._lines is None:
            self._let_go(data)
        else:
            self._emit(data)

    def _emit(self, data: bytes) -> None:
        if self._lines is not None and self._lines.below is not None:
            self._lines.below.put(data)
            self._release(self._lines)
        else:
            self._let_go(data)

    def _release(self, lines: _Lines) -> None:
        """Let go of what is due of that which is spread over time below TLS."""
        below = lines.below
        while below is not None and not self._lost and (item := below.take(self.record.elapsed())) is not None:
            if isinstance(item, bytes):
                if not lines.cut:
                    lines.cut = True
                    self._membrane.cut_below()
                self._let_go(item)
            elif isinstance(item, Close):
                self._hang_up(half=item.half)
        if below and lines.timer is None:
            self._set_alarm(lines)

    def _let_go(self, data: bytes) -> None:
        if data and not self._lost:
            self._sent += len(data)
            if not self.record.passes_over(len(data)):
                encrypted = self._engine is not None
                self.record.observe(
                    events.RawSent(at=self.record.elapsed(), data=data, size=len(data), encrypted=encrypted)
                )
            self._transmit(data)

    def _transmit(self, data: bytes) -> None:
        """Write a short answer at once, unless others wait: it costs a third less than a turn of the event loop.

        Long ones take their turns, so that a client that reads as fast as it is answered leaves time for the others.
        """
        if self._unqueued and not self._closing and len(data) < _FLUSH:
            written = self._tcp.writeSomeData(data)
            data = data[written:] if isinstance(written, int) else data  # else lost, as write() will find out again
        if data:
            self._unqueued = False
            self._untaken += len(data)
            self._tcp.write(data)

    def _close(self, by: str, reason: str = "", *, notify: bool = True, half: bool = False) -> None:
        if self._closing or self._lost:
            return
        self._flush()
        self._closing = True
        self._release_output()
        self._ended_by, self._end_reason = by, reason
        engine = self._engine
        if notify and engine is not None and engine.established and engine.failure is None:
            engine.shutdown()
            self._emit(engine.outgoing())
            self._closed_in_order = True
        if self._lines is not None and self._lines.below:
            self._lines.below.put(Close(half=half))
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
        self._out.clear()
        self._out_size = self._whole = 0
        self._rest = None
        if self._lines is not None:
            self._lines.above.clear()

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
        if self._lines is not None and (self._waiting or self._lines.above or self._lines.below):
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
        elif self._paused:
            self.abort("the client stopped reading")
        else:
            self._depart(Farewell.IDLE, at_once=True)
            self._pump_safely()

    def _fault(self, error: Exception) -> None:
        """Answer an exception of ours: a finding about the lab, logged with the session, and the session ends."""
        log.error("internal error in session %s: %s", self.record.number, _traced(error))
        self.record.observe(
            events.InternalFault(
                at=self.record.elapsed(), description=f"{type(error).__name__}: {error}", masked=_placed(error)
            )
        )
        if self._closing:
            return
        try:
            self._depart(Farewell.INTERNAL, at_once=True)
            self._pump()
        except Exception as another:  # noqa: BLE001 -- the session is beyond words
            log.error("session %s could not be ended in good order: %s", self.record.number, _traced(another))  # noqa: TRY400 -- the exception's own words are left out
            self.abort("internal error")


def _placed(error: Exception) -> str:
    """Return what was raised and where, without the exception's own words: they may repeat what the client said."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return type(error).__name__ + where


def _traced(error: Exception) -> str:
    """Return the same with the whole way there."""
    return f"{_placed(error)}\n{''.join(traceback.format_tb(error.__traceback__))}"


def _cut(data: bytes | memoryview) -> Iterator[memoryview]:
    """Yield long data piece by piece, without a copy of it."""
    view = memoryview(data)
    return (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))
