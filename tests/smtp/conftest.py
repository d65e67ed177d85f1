"""A client that types at a session through the real framer and dialogue, without I/O."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import pytest

from labserver.clock import SeededEntropy
from labserver.dialogues.exchange import Await, AwaitKind, Identity, Reply, ReplyKind
from labserver.dialogues.smtp import SmtpDialogue
from labserver.errors import StoreError
from labserver.holding import Intake
from labserver.limits import Limits
from labserver.mailstore.delivery import Outcome
from labserver.mailstore.directory import Directory
from labserver.services import SERVICES, ProtocolName
from labserver.smtp.lmtp import LmtpSession
from labserver.smtp.session import Session
from labserver.wire.framing import Framed, Framer, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labserver.dialogues.exchange import Exchange, LoginFailure
    from labserver.holding import Span
    from labserver.mailstore.delivery import Delivery
    from labserver.mailstore.envelope import Envelope
    from labserver.sasl.mechanism import Credentials
    from labserver.wire.framing import Unit


@dataclass
class PlainLink:
    """What the membrane would tell."""

    service: str
    secure: bool = False
    peer: str = "127.0.0.9"
    offers_starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    accepts_passwords: bool = False
    credentials: Credentials = field(default_factory=lambda: Directory(entropy=SeededEntropy("smtp")))
    deliveries: list[tuple[Envelope, list[bool]]] = field(default_factory=list)
    """Each mail, and for each recipient whether it was delivered."""
    tolerance: list[str] = field(default_factory=list)
    """What was taken although the grammar does not allow it."""

    def notify(self) -> None:
        """Nobody listens."""

    def logged_in(self, identity: Identity) -> None:
        """Nobody listens."""

    def login_refused(self, mechanism: str, failure: LoginFailure) -> None:
        """Nobody listens."""

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Take note."""
        self.deliveries.append((envelope, [outcome.error is None for outcome in outcomes]))

    def tolerated(self, what: str) -> None:
        """Take note."""
        self.tolerance.append(what)


@dataclass
class Client:
    """Drives one session like the membrane does; ``say`` takes octets and returns the replies they caused."""

    session: Session
    link: PlainLink
    limits: Limits
    framer: Framer = field(init=False)
    finished: bool = False
    _exchange: Exchange | None = None

    def __post_init__(self) -> None:
        self._dialogue = SmtpDialogue(line_limit=self.limits.smtp_line)
        self.framer = self._dialogue.framer()

    def say(self, data: bytes) -> list[Reply]:
        """Send octets; return every reply up to the point where the session waits for more."""
        self.framer.feed(data)
        replies: list[Reply] = []
        while not self.finished:
            unit = self.framer.next()
            if unit is None:
                break
            self._advance(unit, replies)
        return replies

    def ask(self, *lines: str) -> list[str]:
        """Send whole lines; return the replies as text."""
        replies = self.say("".join(f"{line}\r\n" for line in lines).encode())
        return [reply.raw.decode().removesuffix("\r\n") for reply in replies]

    def codes(self, *lines: str) -> list[str]:
        """Send whole lines; return code and enhanced status of each reply."""
        return [" ".join(text.split(" ")[:2]) for text in self.ask(*lines)]

    def log_in(self) -> None:
        """Be alice from here on."""
        command = self._dialogue.command(Framed(parts=(b"AUTH PLAIN x",), raw=b"AUTH PLAIN x\r\n"))
        assert self.session.permits(command)
        replies = list(self.session.authenticated(command, Identity(account="alice", mechanism="PLAIN")))
        assert [reply.raw for reply in replies] == [b"235 2.7.0 Authentication successful\r\n"]

    def _advance(self, unit: Unit, replies: list[Reply]) -> None:
        if self._exchange is not None:
            assert isinstance(unit, Framed | Overflow)
            exchange, self._exchange, answer = self._exchange, None, unit
        elif isinstance(unit, Overflow):
            replies.append(self._dialogue.overflow(unit))
            return
        else:
            assert isinstance(unit, Framed)
            exchange, answer = self.session.handle(self._dialogue.command(unit)), None
        self._step(exchange, answer, replies)

    def _step(self, exchange: Exchange, answer: Framed | Overflow | None, replies: list[Reply]) -> None:
        try:
            step = exchange.send(answer)
            while not isinstance(step, Await):
                if isinstance(step, Reply):
                    replies.append(step)
                    self.finished = self.finished or step.kind is ReplyKind.FAREWELL
                step = next(exchange)
        except StopIteration:
            self.framer.expect_command()
        else:
            self._exchange = exchange
            self._expect(step)

    def _expect(self, awaited: Await) -> None:
        if awaited.kind is AwaitKind.DATA:
            self.framer.expect_data(awaited.limit, awaited.sink)
        else:
            assert awaited.kind is AwaitKind.CHUNK
            self.framer.expect_chunk(awaited.size, awaited.limit, awaited.sink)


@dataclass
class Mailroom:
    """A delivery that keeps what it gets, and fails as it is told."""

    known: frozenset[str] | None = None
    """Addresses there are; None: all."""
    failures: dict[str, StoreError] = field(default_factory=dict)
    """By recipient."""
    sizes: list[int] = field(default_factory=list)
    """What the transactions declared, by RCPT."""
    delivered: list[tuple[Envelope, bytes]] = field(default_factory=list)

    def check(self, address: str, *, size: int = 0) -> Outcome:
        """Say whether there is such a recipient."""
        self.sizes.append(size)
        unknown = None if self.known is None or address in self.known else StoreError("Who?", code="NONEXISTENT")
        return Outcome(address=address, error=unknown)

    def deliver(self, envelope: Envelope, content: bytes | Span, *, together: bool = True) -> list[Outcome]:
        """Keep it, or fail."""
        addresses = [recipient.address for recipient in envelope.recipients]
        errors = [self.failures.get(address) for address in addresses]
        if together:
            errors = [next(filter(None, errors), None)] * len(errors)
        if not all(errors):
            self.delivered.append((envelope, content if isinstance(content, bytes) else content.read()))
        return [Outcome(address=address, error=error) for address, error in zip(addresses, errors, strict=True)]


class Connect(Protocol):
    """The ``connect`` fixture."""

    def __call__(
        self,
        service: str = "smtp",
        *,
        limits: Limits | None = None,
        secure: bool = False,
        offers_starttls: bool = False,
        mechanisms: tuple[str, ...] = (),
        strict_syntax: bool = False,
        keep_line_ends: bool = False,
        intake: Intake | None = None,
    ) -> Client:
        """Open a connection to the service; the rest is what the membrane would tell."""


@pytest.fixture
def mailroom() -> Mailroom:
    """Where mail goes."""
    return Mailroom()


@pytest.fixture
def connect(mailroom: Mailroom) -> Connect:
    """Return how to connect."""

    def open_connection(
        service: str = "smtp",
        *,
        limits: Limits | None = None,
        secure: bool = False,
        offers_starttls: bool = False,
        mechanisms: tuple[str, ...] = (),
        strict_syntax: bool = False,
        keep_line_ends: bool = False,
        intake: Intake | None = None,
    ) -> Client:
        link = PlainLink(service=service, secure=secure, offers_starttls=offers_starttls, mechanisms=mechanisms)
        limits = limits or Limits()
        kind = LmtpSession if SERVICES[service].protocol is ProtocolName.LMTP else Session
        session = kind(
            link,
            cast("Delivery", mailroom),
            limits=limits,
            intake=intake or Intake(),
            hostname="mail.lab.test",
            service=SERVICES[service],
            strict_syntax=strict_syntax,
            keep_line_ends=keep_line_ends,
        )
        return Client(session=session, link=link, limits=limits)

    return open_connection


@pytest.fixture
def client(connect: Connect) -> Client:
    """Return a client that said EHLO."""
    client = connect()
    client.ask("EHLO client.test")
    return client


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Return a meter of the octets that Python has allocated since the test began."""
    tracemalloc.start()

    def meter() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield meter
    tracemalloc.stop()
