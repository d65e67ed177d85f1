"""A membrane without a connection: octets in, actions out, and every event kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from labserver import events
from labserver.clock import FixedClock, SeededEntropy
from labserver.dialogues.exchange import Await, Command, Exchange, Farewell, Identity, Reply
from labserver.events import TlsFacts
from labserver.holding import Intake
from labserver.limits import Limits
from labserver.mailstore.delivery import Delivery
from labserver.mailstore.directory import Directory, User
from labserver.mailstore.message import Draft
from labserver.mailstore.store import MailStore
from labserver.misbehaviours.chain import Chain
from labserver.services import SERVICES
from labserver.session.access import Access
from labserver.session.backends import Backends
from labserver.session.membrane import Membrane
from labserver.session.notes import keeps_all
from labserver.wire.actions import Abort, Action, Close, GiveWay, Hold, Pace, Pause, Send, StartTls, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.dialogues.exchange import Backend, Link
    from labserver.misbehaviours.moment import Memories
    from labserver.session.transcript import SessionRecord
    from labserver.wire.framing import LiteralRequest

FACTS = TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", engine="none")
DIGEST = bytes(range(32))


class BoundChannel:
    """A TLS channel that has a binding and no client certificate."""

    client_certificate: bytes | None = None

    def binding(self, kind: str) -> bytes | None:
        """Return 32 octets for ``tls-exporter``."""
        return DIGEST if kind == "tls-exporter" else None


@dataclass
class Talk:
    """One session; ``say`` feeds octets and returns what was said back."""

    membrane: Membrane
    seen: list[events.Event]
    woken: int = 0
    ended: Close | Abort | None = None
    """How the server has ended it."""
    delays: list[Pause | Hold | Pace] = field(default_factory=list)
    """What would have taken time, or cut what is said into pieces; here it does neither."""
    negotiating: bool = False
    ways_given: int = 0

    @property
    def closed(self) -> bool:
        """The server has ended it."""
        return self.ended is not None

    def open(self, *, refusal: Farewell | None = None) -> bytes:
        """Begin, and return the greeting."""
        self.membrane.open(self._wake, refusal=refusal)
        return self.pull()

    def say(self, data: bytes) -> bytes:
        """Send octets; return everything that is sent back until the session waits."""
        self.membrane.receive(data)
        return self.pull()

    def typed(self, data: bytes) -> bytes:
        """Send the octets one by one."""
        return b"".join(self.say(data[index : index + 1]) for index in range(len(data)))

    def depart(self, reason: Farewell = Farewell.SHUTDOWN, *, at_once: bool = False) -> bytes:
        """Have the session say goodbye."""
        self.membrane.depart(reason, at_once=at_once)
        return self.pull()

    def secure(self) -> bytes:
        """Finish the TLS handshake that STARTTLS began."""
        assert self.negotiating
        self.negotiating = False
        self.membrane.secured(FACTS, BoundChannel())
        return self.pull()

    def pull(self) -> bytes:
        """Perform actions until there are none."""
        said = []
        while (action := self._next()) is not None:
            said.append(action)
        return b"".join(said)

    def all(self, *kinds: type[events.Event]) -> list[events.Event]:
        """Return the events of these kinds, in order."""
        return [event for event in self.seen if isinstance(event, kinds)]

    def _next(self) -> bytes | None:
        action: Action | None = self.membrane.next_action()
        match action:
            case None:
                return None
            case Send():
                assert not self.closed
                assert not self.negotiating
                return b"".join((action.data, *action.rest))
            case StartTls():
                self.negotiating = True
            case GiveWay():
                self.ways_given += 1
            case Close() | Abort():
                self.ended = action
            case Told():
                self.seen.append(action.event)
            case Pause() | Hold() | Pace():
                self.delays.append(action)
            case _:
                raise AssertionError(action)
        return b""

    def _wake(self) -> None:
        self.woken += 1


@dataclass
class Building:
    """What sessions are made from: one store, one directory, limits that a test may lower."""

    limits: Limits = field(default_factory=Limits)
    cleartext: bool = False
    accept_any: bool = False
    password: str = "s3cret"
    """Alice's."""
    clock: FixedClock = field(default_factory=FixedClock)
    intake: Intake = field(default_factory=Intake)

    def __post_init__(self) -> None:
        entropy = SeededEntropy("servers")
        self.entropy = entropy
        self.store = MailStore(limits=self.limits, clock=self.clock)
        self.directory = Directory(
            (User(name="alice", password=self.password), User(name="bob", password="b0b")), entropy=entropy
        )

    def limit(self, **fields: float) -> None:
        """Lower limits for the sessions to come."""
        self.limits = replace(self.limits, **fields)  # type: ignore[arg-type]  # sizes are whole, times are not

    def backends(self) -> Backends:
        """Return what makes honest sessions."""
        return Backends(
            store=self.store,
            delivery=Delivery(
                store=self.store, directory=self.directory, clock=self.clock, trace_headers=False, host="mail.lab.test"
            ),
            limits=self.limits,
            clock=self.clock,
            entropy=self.entropy,
            host_name="mail.lab.test",
            intake=self.intake,
        )

    def access(self) -> Access:
        """Return the rules of authentication."""
        return Access(
            credentials=self.directory,
            entropy=self.entropy,
            limits=self.limits,
            cleartext=self.cleartext,
            accept_any=self.accept_any,
        )

    def talk(
        self,
        service: str,
        make_backend: Callable[[Link], Backend] | None = None,
        *,
        chain: Chain | None = None,
        memories: Memories | None = None,
        record: SessionRecord | None = None,
    ) -> Talk:
        """Return a session of the service that has not begun; ``record`` takes note of it within its limits."""
        backends, seen = self.backends(), list[events.Event]() if record is None else record.events
        one = SERVICES[service]
        membrane = Membrane(
            service=service,
            peer="127.0.0.1",
            dialogue=backends.dialogue(one),
            access=self.access(),
            make_backend=make_backend or backends.maker(one),
            observe=seen.append if record is None else record.observe,
            elapsed=self.clock.monotonic,
            upgradable=not one.implicit_tls,
            account="alice",
            chain=chain or Chain(),
            memories=memories,
            passes_over=keeps_all if record is None else record.passes_over_dialogue,
        )
        return Talk(membrane, seen)

    def opened(self, service: str, make_backend: Callable[[Link], Backend] | None = None) -> Talk:
        """Return a session that has greeted."""
        talk = self.talk(service, make_backend)
        talk.open()
        return talk

    def secured(self, service: str) -> Talk:
        """Return a session inside TLS, by the protocol's own upgrade."""
        talk = self.opened(service)
        if service in ("smtp", "submission", "lmtp"):
            talk.say(b"LHLO me\r\n" if service == "lmtp" else b"EHLO me\r\n")
        talk.say({"imap": b"s STARTTLS\r\n", "pop3": b"STLS\r\n"}.get(service, b"STARTTLS\r\n"))
        talk.secure()
        if service in ("smtp", "submission", "lmtp"):
            talk.say(b"LHLO me\r\n" if service == "lmtp" else b"EHLO me\r\n")
        return talk

    def deliver(self, *contents: bytes) -> None:
        """Put messages into alice's INBOX."""
        inbox = self.store.account("alice").mailbox("INBOX")
        assert inbox is not None
        inbox.append([Draft(content=content) for content in contents])


@dataclass
class Scripted:
    """A session that does what a test wrote: answers by verb, and a note of all that was asked of it."""

    link: Link
    answers: dict[str, Callable[[Scripted, Command], Exchange]] = field(default_factory=dict)
    permitted: bool = True
    refuse_literals: bool = False
    asked: list[str] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    gone: bool = False

    def greeting(self) -> Reply:
        """Say hello."""
        return Reply.greeting(b"hello\r\n")

    def admit(self, request: LiteralRequest) -> Reply | None:
        """Take literals unless told not to."""
        self.asked.append(f"literal {request.size}")
        return Reply.completion(b"x NO no literals\r\n", "NO") if self.refuse_literals else None

    def handle(self, command: Command) -> Exchange:
        """Answer as written; anything else with its own name."""
        self.asked.append(command.verb)
        answer = self.answers.get(command.verb)
        if answer is not None:
            yield from answer(self, command)
            return
        yield Reply.completion(b"did %b\r\n" % command.verb.encode())

    def permits(self, command: Command) -> bool:
        """Permit as told."""
        self.asked.append(f"may {command.verb}?")
        return self.permitted

    def authenticated(self, command: Command, identity: Identity) -> Iterator[Reply]:
        """Let in."""
        self.asked.append(f"{command.verb} {identity.account}")
        yield Reply.completion(b"welcome %b\r\n" % identity.account.encode())

    def unsolicited(self) -> Iterator[Reply]:
        """Say what is pending."""
        while self.pending:
            yield Reply.untagged(self.pending.pop(0))

    def disconnected(self) -> None:
        """Take note."""
        assert not self.gone, "released twice"
        self.gone = True


def waiting(_: Scripted, command: Command) -> Exchange:
    """Answer like IDLE: a continuation, a line, a completion that repeats it."""
    yield Reply.continuation(b"+ waiting\r\n")
    line = yield Await.line()
    yield Reply.completion(b"%b heard %b\r\n" % (command.verb.encode(), line.parts[0] if line else b""))


def working(scripted: Scripted, command: Command) -> Exchange:
    """Work for three turns, answer half way, and tell whether it came to the end."""
    try:
        for _ in range(3):
            scripted.asked.append("turn")
            yield GiveWay()
        yield Reply.untagged(b"half way\r\n")
        yield GiveWay()
        yield Reply.completion(b"worked %b\r\n" % command.verb.encode())
    except GeneratorExit:
        scripted.asked.append("cut")
        raise


def data(_: Scripted, command: Command) -> Exchange:
    """Answer like DATA."""
    yield Reply.continuation(b"354 go\r\n")
    body = yield Await.data(100)
    yield Reply.completion(b"%b %d\r\n" % (command.verb.encode(), len(body.parts[0]) if body else -1))
