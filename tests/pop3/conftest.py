"""A POP3 session over a store in memory, and a driver that feeds it octets the way a connection does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock, SeededEntropy
from labserver.dialogues.exchange import Identity, LoginFailure, Reply, ReplyKind
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.limits import Limits
from labserver.mailstore.directory import Directory
from labserver.mailstore.message import Draft
from labserver.mailstore.store import MailStore
from labserver.pop3.session import Session
from labserver.wire.actions import GiveWay
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.dialogues.exchange import Command
    from labserver.mailstore.delivery import Outcome
    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message
    from labserver.sasl.mechanism import Credentials

SHORT = b"Subject: one\r\n\r\nfirst\r\n"
LONGER = b"Subject: two\r\nX-Dots: .\r\n\r\n.\r\n..\r\nthird line\r\n"


@dataclass(slots=True, kw_only=True)
class Line:
    """The session's connection."""

    secure: bool = True
    peer: str = "127.0.0.1"
    service: str = "pop3s"
    offers_starttls: bool = False
    mechanisms: tuple[str, ...] = ("SCRAM-SHA-256", "PLAIN")
    accepts_passwords: bool = True
    credentials: Credentials = field(default_factory=lambda: Directory(entropy=SeededEntropy("pop3")))

    told: list[Identity | tuple[str, LoginFailure]] = field(default_factory=list)
    """What the session told of logins."""

    def notify(self) -> None:
        """Nobody listens."""

    def logged_in(self, identity: Identity) -> None:
        """Take note."""
        self.told.append(identity)

    def login_refused(self, mechanism: str, failure: LoginFailure) -> None:
        """Take note."""
        self.told.append((mechanism, failure))

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Nobody listens."""

    def tolerated(self, what: str) -> None:
        """Nobody listens."""


class Driver:
    """One connection: octets in, octets out."""

    def __init__(self, session: Session, limits: Limits) -> None:
        self.session = session
        self.closed = False
        self.replies: list[Reply] = []
        self.pieces = 0
        """In how many pieces all of it was said."""
        self.ways_given = 0
        self._dialogue = Pop3Dialogue(line_limit=limits.pop3_line)
        self._framer = self._dialogue.framer()

    def say(self, octets: bytes) -> bytes:
        """Send octets and return what is answered; nothing is answered after a farewell."""
        self._framer.feed(octets)
        before = len(self.replies)
        while not self.closed and (unit := self._framer.next()) is not None:
            assert isinstance(unit, Framed), "a line beyond the limit is the membrane's business"
            self._answer(unit)
        return b"".join(map(self._whole, self.replies[before:]))

    def _answer(self, unit: Framed) -> None:
        for reply in self.session.handle(self._dialogue.command(unit)):
            if isinstance(reply, GiveWay):
                self.ways_given += 1
                continue
            assert isinstance(reply, Reply), "POP3 never waits inside a command"
            self.replies.append(reply)
            self.closed = self.closed or reply.kind is ReplyKind.FAREWELL
        last = self.replies[-1]
        assert last.kind in (ReplyKind.COMPLETION, ReplyKind.FAREWELL)
        assert last.code in ("+OK", "-ERR")

    def _whole(self, reply: Reply) -> bytes:
        pieces = [reply.raw, *reply.rest]
        assert max(map(len, pieces)) <= 1 << 16
        self.pieces += len(pieces)
        return b"".join(pieces)

    def command(self, line: bytes) -> Command:
        """Split a line."""
        return self._dialogue.command(Framed(parts=(line,), raw=line + b"\r\n"))

    def authenticate(self, account: str) -> bytes:
        """Be the membrane that a client authenticated to by SASL."""
        command = self.command(b"AUTH PLAIN")
        replies = list(self.session.authenticated(command, Identity(account=account, mechanism="PLAIN")))
        return b"".join(reply.raw for reply in replies)


class Post:
    """A post office: one store, one directory, any number of connections."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.clock = FixedClock()
        self.entropy = SeededEntropy("pop3")
        self.store = MailStore(limits=self.limits, clock=self.clock)
        self.directory = Directory(entropy=self.entropy)
        self.exclusive = True

    @property
    def inbox(self) -> Mailbox:
        """Alice's INBOX."""
        inbox = self.store.account("alice").mailbox("INBOX")
        assert inbox is not None
        return inbox

    def deliver(self, *contents: bytes) -> list[Message]:
        """Append messages to alice's INBOX."""
        return self.inbox.append([Draft(content=content) for content in contents])

    def limit(self, **fields: int) -> None:
        """Change limits for the connections to come."""
        self.limits = replace(self.limits, **fields)

    def connect(self, line: Line | None = None, *, timestamp: bytes = b"") -> Driver:
        """Open a connection."""
        line = line or Line()
        line.credentials = self.directory
        session = Session(
            link=line,
            store=self.store,
            limits=self.limits,
            timestamp=timestamp,
            exclusive=self.exclusive,
        )
        return Driver(session, self.limits)

    def login(self) -> Driver:
        """Open a connection as alice."""
        driver = self.connect()
        assert driver.authenticate("alice").startswith(b"+OK")
        return driver


@pytest.fixture
def post() -> Post:
    """Return a post office without mail."""
    return Post()


@pytest.fixture
def line() -> Line:
    """Return a connection with TLS up."""
    return Line()


@pytest.fixture
def filled(post: Post) -> Post:
    """Return a post office with two messages for alice, of 23 and 46 octets."""
    post.deliver(SHORT, LONGER)
    return post


@pytest.fixture(scope="session")
def post_factory() -> type[Post]:
    """Return the class, for tests that need a new post office for every example."""
    return Post
