"""The membrane: between the octets of a connection and the honest session behind it, in the protocol's own terms.

Theory of operation. ``receive`` feeds the framer; ``next_action`` is pulled by the connection for as long as it may
send. Each pull advances one *exchange* (:mod:`labserver.dialogues.exchange`): the generator that answers one command.
Every command enters at :meth:`Membrane._open`, every reply leaves at :meth:`Membrane._say`: the two places where a
chain of misbehaviours hides, rewrites, injects, delays or answers instead (:mod:`labserver.misbehaviours.chain`). The
backend never knows.

STARTTLS and AUTH are exchanges of the membrane's own, for all protocols (:mod:`labserver.session.security`). After
STARTTLS whatever the client pipelined in clear is discarded and the backend is replaced by a fresh one (RFC 3207 4.2,
RFC 2595 4), so nothing said before TLS has any effect after it (CVE-2011-0411).
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import (
    Await,
    AwaitKind,
    Command,
    Farewell,
    Grant,
    Identity,
    LoginFailure,
    Preauthenticate,
    Refuse,
    Reply,
    ReplyKind,
)
from labserver.dialogues.http import http_word
from labserver.misbehaviours.chain import NONE, Tell
from labserver.misbehaviours.moment import Occasion
from labserver.session.access import NoChannel
from labserver.session.asked import cut, nameless, untagged
from labserver.session.doubted import Doubted
from labserver.session.literals import Literals
from labserver.session.misbehaving import Misbehaving, nothing
from labserver.session.notes import Notes, keeps_all
from labserver.session.security import authenticate, upgrade
from labserver.wire.actions import Abort, Action, Close, GiveWay, Hold, Pace, Pause, Send, StartTls, Told
from labserver.wire.framing import Framed, ImapFramer, LiteralRequest, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from labserver import events
    from labserver.dialogues.exchange import Backend, Dialogue
    from labserver.events import TlsFacts
    from labserver.mailstore.delivery import Outcome
    from labserver.mailstore.envelope import Envelope
    from labserver.misbehaviours.chain import Chain
    from labserver.misbehaviours.moment import Memories, Moment
    from labserver.sasl.mechanism import Channel, Credentials
    from labserver.session.access import Access

    Step = Reply | Await | Grant | Refuse | Preauthenticate | Tell | Action
    Asked = Command | Overflow | Reply
    MembraneExchange = Generator[Step, Framed | Overflow | None, None]

__all__ = ["Membrane"]

_IN_A_ROW = 64
"""Commands after which others have their turn: a segment of pipelined ones may hold thousands."""


class Membrane:
    """One connection's dialogue. Without I/O; also the :class:`labserver.dialogues.exchange.Link` of its backend."""

    __slots__ = (
        "__weakref__",  # who looks a session up by its link
        "_access",
        "_account",
        "_awaited",
        "_awaiting",
        "_backend",
        "_channel",
        "_command",
        "_departing",
        "_dialogue",
        "_exchange",
        "_failed_logins",
        "_finished",
        "_framer",
        "_in_a_row",
        "_literals",
        "_make_backend",
        "_misbehaving",
        "_negotiating",
        "_news",
        "_notes",
        "_notified",
        "_queue",
        "_running",
        "_upgradable",
        "_wake",
        "peer",
        "secure",
        "service",
    )

    def __init__(  # noqa: PLR0913 -- a session's parts, none of which belongs to another
        self,
        *,
        service: str,
        peer: str,
        dialogue: Dialogue,
        access: Access,
        make_backend: Callable[[Membrane], Backend],
        observe: Callable[[events.Event], None],
        elapsed: Callable[[], float],
        upgradable: bool,
        scenario: str = "good",
        account: str = "",
        passes_over: Callable[[int], bool] = keeps_all,
        chain: Chain = NONE,
        memories: Memories | None = None,
    ) -> None:
        """``passes_over``: that so many octets of the dialogue would neither be kept nor told; then they are counted.

        ``observe`` is not called for them, so it must not need to see every event.
        """
        self.service = service
        self.peer = peer
        self.secure = False
        self._dialogue = dialogue
        self._access = access
        self._make_backend = make_backend
        self._notes = Notes(
            dialogue=dialogue,
            observe=observe,
            elapsed=elapsed,
            passes_over=passes_over,
            is_account=access.knows,
            scenario=scenario,
        )
        self._upgradable = upgradable
        self._account = account
        self._misbehaving: Misbehaving | None = None
        """None in an honest session."""
        if chain:
            self._misbehaving = Misbehaving(
                chain=chain, memories=memories, service=service, dialogue=dialogue, elapsed=elapsed
            )
        self._literals = Literals(dialogue, self._notes)
        self._command: Command | None = None
        self._channel: Channel = NoChannel()
        self._framer = dialogue.framer()
        self._backend: Backend | None = None
        self._exchange: MembraneExchange | None = None
        self._running: MembraneExchange | None = None
        """The exchange that is being advanced right now, and so cannot be closed."""
        self._awaiting: Await | None = None
        self._awaited = False
        """The exchange has had the framer frame something else than commands."""
        self._queue: deque[Action] = deque()
        self._wake: Callable[[], None] | None = None
        self._notified = False
        self._news: MembraneExchange | None = None
        """What the backend is saying unasked."""
        self._departing: Farewell | None = None
        self._failed_logins = 0
        self._finished = False
        self._negotiating = False
        self._in_a_row = 0

    # What the connection calls

    def open(self, wake: Callable[[], None], *, refusal: Farewell | None = None) -> None:
        """Begin the dialogue with a greeting, or end it with a refusal in its place (RFC 5321 3.1, RFC 9051 7.1.5).

        ``wake`` asks the connection to pull again when something happens.
        """
        self._wake = wake
        self._backend = self._make_backend(self)
        if refusal is not None:
            self._leave(self._dialogue.farewell(refusal))
            return
        self._exchange = self._wrapped(Occasion.GREETING, self._greet(self._backend))

    def secured(self, facts: TlsFacts, channel: Channel) -> None:
        """TLS is up: from here on the dialogue is inside it."""
        self.secure = True
        self._channel = channel
        self._negotiating = False
        self._notes.secured(facts)
        misbehaving = self._misbehaving
        if misbehaving is not None:
            misbehaving.moment.crossed()
        if self._wake is not None:
            self._backend = self._make_backend(self)
            if misbehaving is not None:
                self._exchange = misbehaving.wrapped(Occasion.SECURED, nothing())

    def receive(self, data: bytes) -> None:
        """Take application octets from the client."""
        self._framer.feed(data)
        if self._misbehaving is not None:
            self._misbehaving.spoke()

    def deadline(self) -> float | None:
        """Return when to call :meth:`tick`, in seconds since the session began; None for never."""
        if self._misbehaving is None or self._finished or self._negotiating or self._wake is None:
            return None
        if self._news is not None:
            return None  # it is being said already
        return self._misbehaving.deadline()

    def tick(self) -> None:
        """Take note of the time: the client may have been silent for as long as something waits for."""
        if self.deadline() is not None and self._misbehaving is not None and self._news is None:
            self._news = self._misbehaving.silence()

    def next_action(self) -> Action | None:
        """Return what to do next; None until more octets, a notification or a wake-up come."""
        while not self._queue:
            if self._finished or self._negotiating or self._backend is None or not self._advance(self._backend):
                return None
        return self._queue.popleft()

    def depart(self, reason: Farewell, *, at_once: bool = False) -> None:
        """Say goodbye as soon as no command is half answered (``at_once``: even then) and close."""
        if self._finished or (self._negotiating and not at_once):
            return
        if at_once or self._exchange is None or (self._awaiting and self._awaiting.kind is AwaitKind.LINE):
            self._drop_exchange()
            self._leave(self._dialogue.farewell(reason))
        else:
            self._departing = reason

    def disconnected(self) -> None:
        """Release everything: the connection is gone."""
        self._notes.unfinished(self._framer.clear())
        self._finished = True
        self._drop_exchange()
        self._misbehaving = None
        self._queue.clear()
        self._command = self._wake = None
        self._channel = NoChannel()
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.disconnected()

    @property
    def misbehaves(self) -> bool:
        """What is said may be delayed, cut in pieces or ended in other ways than an honest server's."""
        return self._misbehaving is not None

    @property
    def moment(self) -> Moment | None:
        """Where the session stands when its scenario misbehaves, in a TLS handshake, too; None for an honest one."""
        return None if self._misbehaving is None else self._misbehaving.moment

    @property
    def below(self) -> Pace | None:
        """How octets are cut on their way to the network, TLS records included; None for not at all."""
        found = None if self._misbehaving is None else self._misbehaving.chain.below
        return None if found is None else found[0]

    def cut_below(self) -> None:
        """Take note that the first octets have left in pieces, below TLS."""
        found = None if self._misbehaving is None else self._misbehaving.chain.below
        if found is not None:
            self._notes.misbehaved(found[1].kind)

    @property
    def held(self) -> int:
        """Octets that came and are kept here, because they are no whole unit or are not answered yet."""
        return self._framer.held

    # What the backend calls (Link)

    @property
    def offers_starttls(self) -> bool:
        """The upgrade can be asked for now."""
        return self._upgradable and not self.secure

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms to advertise now, best first."""
        return self._access.mechanisms(secure=self.secure, channel=self._channel)

    @property
    def accepts_passwords(self) -> bool:
        """Whether LOGIN, USER and PASS are accepted now."""
        return (self.secure or self._access.cleartext) and self._access.passwords

    def notify(self) -> None:
        """Have the connection pull again: the backend may have unsolicited replies."""
        self._notified = True
        if self._wake is not None:
            self._wake()

    @property
    def credentials(self) -> Credentials:
        """What proves who a client is, to this session."""
        misbehaving, honest = self._misbehaving, self._access.credentials
        if misbehaving is None or not misbehaving.chain.believes_otherwise:
            return honest
        return Doubted(honest, partial(misbehaving.believed, tell=self._tell))

    def logged_in(self, identity: Identity) -> None:
        """Take note that the client is authenticated."""
        self._failed_logins = 0
        self._enter(identity)
        self._notes.logged_in(identity)

    def login_refused(self, mechanism: str, failure: LoginFailure) -> None:
        """Take note that an authentication failed; too many of them end the connection."""
        self._failed_logins += 1
        self._notes.login_refused(mechanism, failure, self._access.remedy(mechanism, failure))
        if self._failed_logins >= self._access.limits.failed_logins:
            self._departing = Farewell.TOO_MANY_ERRORS

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Take note of a mail that was delivered to somebody."""
        self._notes.delivered(envelope, outcomes)

    def tolerated(self, what: str) -> None:
        """Take note, once for each kind, that the client was understood although it keeps to no grammar."""
        self._notes.tolerated(what)

    def _enter(self, identity: Identity) -> None:
        """Trust the client with more, now that it is authenticated."""
        self._notes.entered(self._command)
        if self._misbehaving is not None:
            self._misbehaving.moment.account = identity.account
        if isinstance(self._framer, ImapFramer):
            self._framer.literal_limit = self._access.limits.imap_line

    # How an exchange advances

    def _advance(self, backend: Backend) -> bool:
        if self._notified and self._news is None:
            self._notified = False
            self._news = self._wrapped(Occasion.UNSOLICITED, _as_exchange(backend.unsolicited()))
        if self._news is not None:
            news = self._news
            step = next(news, None)
            if step is not None:
                self._do(step)
            elif self._news is news:
                self._news = None
            return True
        if self._exchange is None:
            return self._begin(backend)
        if self._awaiting is None:
            return self._step(self._exchange, None)
        unit = self._framer.next()
        if unit is None:
            return self._framer.busy and self._lets_others()
        if not isinstance(unit, LiteralRequest):
            self._notes.awaited(self._awaiting, unit)
            self._awaiting = None
            return self._step(self._exchange, unit)
        return True

    def _begin(self, backend: Backend) -> bool:
        if self._departing is not None:
            self.depart(self._departing)
            return True
        unit = self._framer.next()
        if unit is None:
            return self._framer.busy and self._lets_others()
        if isinstance(unit, LiteralRequest):
            if not unit.unasked:
                self._notes.veiled = b""
            self._answer_literal(backend, unit)
        else:
            self._take(backend, unit)
        return True

    def _lets_others(self) -> bool:
        """Let others have their turn: the framer has done much, and needs no more octets to go on."""
        self._queue.append(GiveWay())
        return True

    def _take(self, backend: Backend, unit: Framed | Overflow) -> None:
        """Take note of what was asked, and answer it."""
        command = self._dialogue.command(unit if isinstance(unit, Framed) else cut(unit.parts))
        word = self._dialogue.word(command)
        if not word and (method := http_word(command.parts[0])):
            self._notes.requested(command, method)
            self.depart(Farewell.HTTP, at_once=True)
            return
        veiled = self._notes.asked(command, word)
        asked: Asked = command
        if not isinstance(unit, Framed):
            refusal = self._literals.refusal()
            if unit.fatal or refusal is None:
                asked = unit if word else replace(unit, parts=nameless(unit.parts))
            else:
                asked = refusal
        elif not word:
            asked = untagged(command, suspicious=bool(self._failed_logins or self._notes.literal_refused))
        self._answer(backend, asked, veiled)

    def _answer(self, backend: Backend, asked: Asked, veiled: bytes) -> None:
        self._notes.veiled = veiled
        match asked:
            case Command():
                self._notes.literal_refused = False
                self._in_a_row += 1
                if not self._in_a_row % _IN_A_ROW:
                    self._queue.append(GiveWay())
                self._command = asked
                self._exchange = self._open(backend, asked)
            case Reply():
                self._say(asked)
                self._notes.literal_refused = True
            case Overflow() if asked.fatal:
                self._leave(self._dialogue.overflow(asked))
            case Overflow():
                self._say(self._dialogue.overflow(asked))
                self._notes.literal_refused = asked.literal

    def _step(self, exchange: MembraneExchange, unit: Framed | Overflow | None) -> bool:
        self._running = exchange
        try:
            step = next(exchange) if unit is None else exchange.send(unit)
        except StopIteration:
            if self._exchange is exchange:
                self._exchange = None
                if self._misbehaving is not None:
                    self._answered(self._misbehaving)
                if self._awaited and not self._negotiating:
                    self._awaited = False
                    self._framer.expect_command()
            return True
        finally:
            self._running = None
        if isinstance(step, Reply):
            self._say(step)
        else:
            self._do(step)
        return True

    def _do(self, step: Step) -> None:
        match step:
            case Reply():
                self._say(step)
            case Await():
                self._expect(step)
            case StartTls():
                self._cross(step)
            case Grant() | Refuse():
                self._literals.decide(step, self._framer)
            case Preauthenticate():
                self._preauthenticate()
            case Tell():
                self._tell(step)
            case Close() | Abort():
                self._end(step)
            case Send() | Pause() | GiveWay() | Hold() | Pace() | Told():
                self._queue.append(step)

    def _wrapped(self, occasion: Occasion, honest: MembraneExchange) -> MembraneExchange:
        """Return an exchange as this client gets it."""
        return honest if self._misbehaving is None else self._misbehaving.wrapped(occasion, honest)

    def _open(self, backend: Backend, command: Command) -> MembraneExchange:
        """Every command enters here."""
        if self._misbehaving is None:
            return self._honest(backend, command)
        return self._misbehaving.answered(command, self._lazily(backend, command))

    def _lazily(self, backend: Backend, command: Command) -> MembraneExchange:
        """Answer honestly, beginning when the first step is asked for."""
        yield from self._honest(backend, command)

    def _answered(self, misbehaving: Misbehaving) -> None:
        """Leave nothing of an exchange behind, however it ended."""
        if self._literals.undecided:
            self._literals.decide(Refuse(), self._framer)  # whoever was not let in is refused
        misbehaving.done()

    def _tell(self, tell: Tell) -> None:
        """Take note of a misbehaviour when it passes."""
        self._queue.append(Told(self._notes.of_misbehaviour(tell.kind)))

    def _preauthenticate(self) -> None:
        if self._backend is not None:
            identity = Identity(account=self._account, mechanism="PREAUTH")
            deque(self._backend.authenticated(Command(verb=""), identity), maxlen=0)
            self._enter(identity)

    def _greet(self, backend: Backend) -> MembraneExchange:
        yield backend.greeting()

    def _honest(self, backend: Backend, command: Command) -> MembraneExchange:
        """Return what the honest server answers."""
        if command.verb == self._dialogue.upgrade_verb:
            return upgrade(command, self, backend, self._dialogue)
        if command.verb == self._dialogue.authenticate_verb and command.argument:
            return authenticate(command, self, backend, self._dialogue, access=self._access, channel=self._channel)
        return backend.handle(command)

    def _say(self, reply: Reply) -> None:
        """Every reply leaves here."""
        if reply.rest:
            self._queue.append(Send(b"", self._notes.saying(reply)))
        elif self._misbehaving is not None:
            self._queue.append(Send(reply.raw))
            self._queue.append(Told(self._notes.of_reply(reply)))
        else:
            self._notes.said(reply)
            self._queue.append(Send(reply.raw))
        if reply.kind is ReplyKind.FAREWELL and self._misbehaving is None:
            self._end(Close())

    def _leave(self, farewell: Reply) -> None:
        """Say the lab's own last words, which nothing delays and nobody changes, and close."""
        self._queue = deque(action for action in self._queue if not isinstance(action, Pause | Hold | Pace))
        self._notes.said(farewell)
        self._queue.append(Send(farewell.raw))
        self._end(Close())

    def _end(self, close: Close | Abort) -> None:
        self._drop_exchange()
        self._finished = True
        self._queue.append(close)

    def _expect(self, awaited: Await) -> None:
        self._awaiting = awaited
        self._awaited = True
        match awaited.kind:
            case AwaitKind.LINE:
                self._framer.expect_line()
            case AwaitKind.DATA:
                self._framer.expect_data(awaited.limit, awaited.sink)
            case AwaitKind.CHUNK:
                self._framer.expect_chunk(awaited.size, awaited.limit, awaited.sink)

    def _drop_exchange(self) -> None:
        exchange, self._exchange, self._awaiting = self._exchange, None, None
        self._news = None
        if exchange is not None and exchange is not self._running:
            exchange.close()

    def _answer_literal(self, backend: Backend, request: LiteralRequest) -> None:
        if self._misbehaving is not None and not request.unasked:
            self._literals.announced(request)
            self._command = self._dialogue.command(cut(request.parts))
            self._misbehaving.moment.asks(self._command)
            self._exchange = self._wrapped(Occasion.LITERAL, _as_exchange(self._literals.admission(backend, request)))
            return
        for step in self._literals.admission(backend, request):
            self._do(step)

    def _cross(self, start: StartTls) -> None:
        """Cross the boundary: nothing said in clear survives it."""
        self._notes.discarded(self._framer.clear())
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.disconnected()
        self._framer = self._dialogue.framer()
        self._exchange = self._news = None
        self._negotiating = True
        self._queue.append(start)


def _as_exchange(steps: Iterator[Reply | Grant | Refuse | GiveWay]) -> MembraneExchange:
    """Give steps that await nothing the shape of an exchange."""
    yield from steps
