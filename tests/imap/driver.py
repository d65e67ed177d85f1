"""A client for the session core: bytes go through the real framing, replies come back, no sockets are involved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labserver.clock import FixedClock, SeededEntropy
from labserver.dialogues.exchange import Await, Command, Identity, LoginFailure, Reply, ReplyKind
from labserver.dialogues.imap import ImapDialogue
from labserver.holding import Intake
from labserver.imap.extensions.properties import PROPERTIES
from labserver.imap.extensions.table import EXTENSIONS
from labserver.imap.session import Session
from labserver.limits import Limits
from labserver.mailstore.directory import Directory
from labserver.mailstore.message import Draft
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore
from labserver.wire.actions import GiveWay
from labserver.wire.framing import Framed, LiteralRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from labserver.dialogues.exchange import Exchange
    from labserver.mailstore.account import Account
    from labserver.mailstore.delivery import Outcome
    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.storage import Storage
    from labserver.sasl.mechanism import Credentials
    from labserver.wire.framing import Overflow


def whole(reply: Reply) -> bytes:
    """Return every octet of a reply."""
    return b"".join((reply.raw, *reply.rest))


@dataclass(kw_only=True)
class PlainLink:
    """What a session may know of its connection, for tests to set."""

    secure: bool = True
    peer: str = "127.0.0.1"
    service: str = "imaps"
    offers_starttls: bool = False
    mechanisms: tuple[str, ...] = ("PLAIN", "SCRAM-SHA-256")
    accepts_passwords: bool = True
    credentials: Credentials = field(default_factory=lambda: Directory(entropy=SeededEntropy("tests")))
    notified: int = 0
    logins: list[str | LoginFailure] = field(default_factory=list)
    tolerance: list[str] = field(default_factory=list)

    def notify(self) -> None:
        """Count the notifications."""
        self.notified += 1

    def logged_in(self, identity: Identity) -> None:
        """Note who logged in by the protocol's own command."""
        self.logins.append(identity.account)

    def login_refused(self, _mechanism: str, failure: LoginFailure) -> None:
        """Note why somebody was not let in."""
        self.logins.append(failure)

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Nobody listens."""

    def tolerated(self, what: str) -> None:
        """Note what was taken although the grammar does not allow it."""
        self.tolerance.append(what)


class Client:
    """Talks to one session: :meth:`feed` bytes, or :meth:`do` one command and get its lines."""

    def __init__(self, session: Session, link: PlainLink, limits: Limits) -> None:
        self.session = session
        self.link = link
        self.replies: list[Reply] = []
        self.closed = False
        self._dialogue = ImapDialogue(line_limit=limits.imap_line, literal_limit=limits.imap_line)
        self._framer = self._dialogue.framer()
        self._exchange: Exchange | None = None
        self._refusal: Reply | None = None
        self._count = 0
        self.ways_given = 0
        self.meanwhile: Callable[[], object] = lambda: None
        """What others do in each turn that a command leaves them."""

    @property
    def waiting(self) -> bool:
        """A command waits for a line (IDLE)."""
        return self._exchange is not None

    @property
    def kept(self) -> int:
        """Octets of a command that is not complete."""
        return self._framer.held

    def feed(self, data: bytes) -> bytes:
        """Send bytes, with literals that do not wait for the go-ahead, and return everything that came back."""
        before = len(self.replies)
        self._framer.feed(data)
        while not self.closed and ((unit := self._framer.next()) is not None or self._framer.busy):
            if unit is None:
                self.ways_given += 1
                continue
            self._take(unit)
        return b"".join(map(whole, self.replies[before:]))

    def do(self, command: str | bytes) -> list[bytes]:
        """Send one command with a tag of its own and return the lines of the answer, the tagged one last."""
        self._count += 1
        text = command.encode() if isinstance(command, str) else command
        out = self.feed(b"t%d " % self._count + text + b"\r\n")
        lines = out.split(b"\r\n")
        assert lines.pop() == b"", out
        return [line.removeprefix(b"t%d " % self._count) for line in lines]

    def ok(self, command: str | bytes) -> list[bytes]:
        """Do a command that must succeed and return its untagged lines."""
        *lines, verdict = self.do(command)
        assert verdict.startswith(b"OK "), (command, lines, verdict)
        return lines

    def unsolicited(self) -> bytes:
        """Return what the session says by itself."""
        replies = [reply for reply in self.session.unsolicited() if isinstance(reply, Reply)]
        self.replies += replies
        return b"".join(map(whole, replies))

    def command(self, line: bytes) -> Command:
        """Return one line as the command it is."""
        return self._dialogue.command(Framed(parts=(line.removesuffix(b"\r\n"),), raw=line))

    def hang_up(self) -> None:
        """Lose the connection, in the middle of whatever happens."""
        if self._exchange is not None:
            self._exchange.close()
        self._framer.clear()
        self.session.disconnected()

    def _take(self, unit: Framed | LiteralRequest | Overflow) -> None:
        if isinstance(unit, LiteralRequest):
            answer = self.session.admit(unit)
            if not isinstance(answer, Reply):
                self._framer.grant(answer)
                self.replies += [] if unit.unasked else [self._dialogue.go_ahead()]
            else:
                self._framer.refuse()
                if unit.unasked:
                    self._refusal = answer
                else:
                    self.replies.append(answer)
        elif self._exchange is not None:
            self._framer.expect_command()
            self._run(self._exchange, unit)
        elif isinstance(unit, Framed):
            self._run(self.session.handle(self._dialogue.command(unit)), None)
        else:
            refusal, self._refusal = self._refusal, None
            self._say(refusal if refusal and not unit.fatal else self._dialogue.overflow(unit))

    def _say(self, reply: Reply) -> None:
        self.replies.append(reply)
        self.closed = self.closed or reply.kind is ReplyKind.FAREWELL

    def _run(self, exchange: Exchange, answer: Framed | Overflow | None) -> None:
        self._exchange = None
        try:
            step = next(exchange) if answer is None else exchange.send(answer)
            while not isinstance(step, Await):
                if isinstance(step, GiveWay):
                    self.ways_given += 1
                    self.meanwhile()
                else:
                    self._say(step)
                step = next(exchange)
        except StopIteration:
            return
        self._exchange = exchange
        self._framer.expect_line()


@dataclass(kw_only=True)
class Lab:
    """A store and as many sessions as a test wants."""

    limits: Limits = field(default_factory=Limits)
    clock: FixedClock = field(default_factory=FixedClock)
    intake: Intake = field(default_factory=Intake)
    storage: Storage = field(default_factory=lambda: MemoryStorage(properties=PROPERTIES))

    def __post_init__(self) -> None:
        """Make an empty store with the default users."""
        self.store = MailStore(storage=self.storage, limits=self.limits, clock=self.clock)
        self.directory = Directory(entropy=SeededEntropy("tests"))

    @property
    def alice(self) -> Account:
        """The account all clients use."""
        return self.store.account("alice")

    def client(
        self,
        *,
        login: bool = True,
        without: Collection[str] = (),
        link: PlainLink | None = None,
        keep_line_ends: bool = False,
    ) -> Client:
        """Return a client, logged in as alice unless ``login`` is false."""
        link = link or PlainLink()
        link.credentials = self.directory
        session = Session(
            link=link,
            store=self.store,
            limits=self.limits,
            clock=self.clock,
            intake=self.intake,
            extensions=EXTENSIONS.keys() - set(without),
            keep_line_ends=keep_line_ends,
        )
        if login:
            identity = Identity(account="alice", mechanism="PLAIN")
            assert list(session.authenticated(Command(verb="AUTHENTICATE", tag=b"a"), identity))
        return Client(session, link, self.limits)

    def selected(self, mailbox: str = "INBOX", *, without: Collection[str] = ()) -> Client:
        """Return a client that has a mailbox selected."""
        client = self.client(without=without)
        client.ok(f"SELECT {mailbox}")
        return client

    def deliver(self, *contents: bytes, mailbox: str = "INBOX", flags: Collection[str] = ()) -> None:
        """Put messages into one of alice's mailboxes."""
        found = self.alice.mailbox(mailbox)
        assert found is not None
        date = datetime(2024, 2, 1, 12, 0, 0, tzinfo=UTC)
        found.append([Draft(content=content, flags=frozenset(flags), internal_date=date) for content in contents])


def message(subject: str, body: str = "Hello.\r\n") -> bytes:
    """Return a small message."""
    return (
        f"From: Alice <alice@lab.test>\r\nTo: bob@lab.test\r\nSubject: {subject}\r\n"
        f"Date: Thu, 1 Feb 2024 12:00:00 +0000\r\nMessage-ID: <{subject}@lab.test>\r\n\r\n{body}"
    ).encode()
