r"""Commands, replies and the exchange between them: the words the membrane and every backend share.

An *exchange* is a generator that answers one command. It yields a :class:`Reply` for each thing to send and an
:class:`Await` where it needs more from the client; the unit the client then sent is the value of that ``yield``::

    def idle(self, command):                        # RFC 2177
        yield Reply.continuation(b"+ idling\r\n")
        done = yield Await.line(b"DONE")
        yield Reply.completion(...)

and a :class:`~labserver.wire.actions.GiveWay` where it has worked for long enough: it goes on in the next turn of the
event loop, and the mail store may have changed by then.

So a DATA phase, an IDLE, a SASL dialogue and a plain NOOP have one shape, without I/O, and one driver: the membrane.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from labserver.values import quick
from labserver.wire.actions import GiveWay
from labserver.wire.framing import Framed, Framer, LiteralRequest, Overflow, Sink

if TYPE_CHECKING:
    from labserver.dialogues.masking import Standing
    from labserver.mailstore.delivery import Outcome
    from labserver.mailstore.envelope import Envelope
    from labserver.sasl.mechanism import Credentials

__all__ = [
    "Await",
    "AwaitKind",
    "Backend",
    "Command",
    "Dialogue",
    "Exchange",
    "Farewell",
    "Grant",
    "Identity",
    "Link",
    "LoginFailure",
    "Names",
    "Preauthenticate",
    "Refuse",
    "Reply",
    "ReplyKind",
]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One client command, split only as far as every protocol allows; the backend's grammar does the rest."""

    verb: str
    """Upper-cased command name; empty when there is none to be found. For IMAP ``UID FETCH`` counts as one name."""
    tag: bytes = b""
    """IMAP's tag; empty in the other protocols or when it is missing."""
    argument: bytes = b""
    """What follows the verb and one space, up to the line's end or the first literal's announcement."""
    parts: tuple[bytes, ...] = ()
    """The unit's parts (:class:`labserver.wire.framing.Framed`)."""
    raw: bytes = b""
    """Every octet as sent; of literals that went to sinks, only a beginning."""
    elided: int = 0
    """Octets that ``raw`` lacks."""
    sinks: tuple[tuple[int, Sink], ...] = ()
    """Where IMAP literals went, with their places among the parts; whoever answers the command drops them."""


class ReplyKind(Enum):
    """What a reply is to the dialogue."""

    GREETING = "greeting"
    UNTAGGED = "untagged"
    """One or more whole untagged IMAP responses, or the body of a POP3 multi-line answer."""
    CONTINUATION = "continuation"
    """The client's turn inside a command: ``+``, ``334``, ``354``."""
    COMPLETION = "completion"
    """The answer that ends a command (LMTP's DATA has several)."""
    FAREWELL = "farewell"
    """The server's last word (``* BYE``, ``421``); the connection is closed after it."""


@quick
@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says, byte for byte, line endings included."""

    kind: ReplyKind
    raw: bytes
    """All of it, or the beginning of what is long."""
    code: str = ""
    """The protocol's own verdict: ``250``, ``OK``, ``NO``, ``BAD``, ``PREAUTH``, ``BYE``, ``+OK``, ``-ERR``, ``+``."""
    rest: Iterable[bytes] = ()
    """What follows ``raw``, in pieces of some tens of kibibytes that are made while the client takes them.

    It is no iterator: going through it again makes the same octets again. An empty piece stands for a turn that others
    may have. A StoreError on the way ends the connection: what was announced cannot be taken back.
    """
    masked: bytes | None = None
    """``raw`` for the transcript, without what it repeats of the client's credentials; None where that is nothing."""
    challenge: bytes | None = None
    """What a SASL challenge says, before it is spelled; None where it is none (RFC 4422 3)."""

    @classmethod
    def completion(cls, raw: bytes, code: str = "", rest: Iterable[bytes] = ()) -> Reply:
        """Return the reply that ends the command."""
        return cls(ReplyKind.COMPLETION, raw, code, rest)

    @classmethod
    def untagged(cls, raw: bytes, rest: Iterable[bytes] = ()) -> Reply:
        """Return one or more whole untagged responses."""
        return cls(ReplyKind.UNTAGGED, raw, "", rest)

    @classmethod
    def continuation(cls, raw: bytes, code: str = "+") -> Reply:
        """Return a reply that gives the client its turn."""
        return cls(ReplyKind.CONTINUATION, raw, code)

    @classmethod
    def greeting(cls, raw: bytes, code: str = "") -> Reply:
        """Return the first words of a connection."""
        return cls(ReplyKind.GREETING, raw, code)

    @classmethod
    def farewell(cls, raw: bytes, code: str = "") -> Reply:
        """Return the last words of a connection; it is closed after them."""
        return cls(ReplyKind.FAREWELL, raw, code)


@dataclass(frozen=True, slots=True)
class Grant:
    """Let the announced literal come (RFC 9051 4.3); a go-ahead says so to the client."""

    sink: Sink | None = None
    """Where it goes; None to have it as a part of the command."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not let the announced literal come: what the client says next is a new command."""


@dataclass(frozen=True, slots=True)
class Preauthenticate:
    """From here on the client counts as logged in, as if the connection itself had proved who it is (RFC 9051 7.1.4).

    It is the lab's first account. Where the protocol knows nothing of the kind, nothing changes.
    """


class AwaitKind(Enum):
    """What an exchange waits for."""

    LINE = "line"
    DATA = "data"
    CHUNK = "chunk"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """Yielded by an exchange that needs the client's next unit; the value of the yield is Framed or Overflow."""

    kind: AwaitKind
    size: int = 0
    """Octets of a counted chunk."""
    limit: int = 0
    """Octets beyond which data or a chunk is swallowed and reported as an overflow."""
    words: frozenset[bytes] = frozenset()
    """Lines that the transcript shows, in upper case. It masks every other: whatever it is may be a credential."""
    sink: Sink | None = field(default=None, compare=False)
    """Where data or a chunk goes as it comes; None to get it as the unit's part, for what is small."""

    @classmethod
    def line(cls, *words: bytes) -> Await:
        """Wait for one line; ``words`` are those that may be shown."""
        return cls(kind=AwaitKind.LINE, words=frozenset(words))

    @classmethod
    def data(cls, limit: int, sink: Sink | None = None) -> Await:
        """Wait for dot-stuffed data up to CRLF.CRLF."""
        return cls(kind=AwaitKind.DATA, limit=limit, sink=sink)

    @classmethod
    def chunk(cls, size: int, limit: int, sink: Sink | None = None) -> Await:
        """Wait for exactly ``size`` octets."""
        return cls(kind=AwaitKind.CHUNK, size=size, limit=limit, sink=sink)


Names = tuple[str, ...]
"""Capabilities as the protocol spells them: ``STARTTLS``, ``AUTH PLAIN LOGIN``, ``AUTH=PLAIN``, ``SASL PLAIN``."""

Exchange = Generator[Reply | Await | GiveWay, Framed | Overflow | None, None]
"""How one command is answered."""


class Farewell(Enum):
    """Why the server ends a connection on its own."""

    IDLE = "idle too long"
    SHUTDOWN = "shutting down"
    OVERLOADED = "too many connections"
    TOO_MANY_ERRORS = "too many errors"
    LINE_TOO_LONG = "line too long"
    HTTP = "an HTTP request"
    INTERNAL = "internal error"


class LoginFailure(Enum):
    """Why an authentication did not succeed."""

    REJECTED = "credentials not accepted"
    UNBOUND = "not bound to the TLS channel"
    """A -PLUS mechanism, but the client's message has no channel binding that fits; told as REJECTED."""
    CANCELLED = "cancelled by the client"
    WITHDRAWN = "cancelled by the client before its first message"
    """Told as CANCELLED."""
    MALFORMED = "malformed response"
    UNSUPPORTED = "mechanism not supported"
    NEEDS_TLS = "encryption required"
    NOT_NOW = "not possible in this state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a client proved to be."""

    account: str
    """The account whose mail it may use; empty for an anonymous client."""
    mechanism: str
    """The SASL mechanism, or ``LOGIN``, ``USER``, ``APOP`` for the protocols' own commands."""


class Link(Protocol):
    """What a backend may know of its connection. The membrane provides it; tests provide a plain object."""

    secure: bool
    """TLS is up."""
    peer: str
    """The client's address, for trace headers and logs."""
    service: str
    """The service's IANA name."""

    @property
    def offers_starttls(self) -> bool:
        """The upgrade can be asked for now (so it belongs in the capability list)."""

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms to advertise now, best first; empty where no credentials are accepted."""

    @property
    def accepts_passwords(self) -> bool:
        """Whether LOGIN, USER and PASS are accepted now (never in clear by default)."""

    @property
    def credentials(self) -> Credentials:
        """What proves who a client is, where the protocol's own commands ask (LOGIN, PASS, APOP)."""

    def notify(self) -> None:
        """Tell the membrane that :meth:`Backend.unsolicited` may have something."""

    def logged_in(self, identity: Identity) -> None:
        """Tell the membrane that the backend's own command (LOGIN, PASS, APOP) authenticated the client."""

    def login_refused(self, mechanism: str, failure: LoginFailure) -> None:
        """Tell the membrane that the backend's own command did not authenticate the client."""

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Tell the membrane what became of a mail, for each recipient of its envelope in order."""

    def tolerated(self, what: str) -> None:
        """Tell the membrane that a command was taken although its grammar does not allow ``what``, a noun phrase."""


class Backend(Protocol):
    """An honest server session without I/O. It never knows that anybody may be lying about it."""

    def greeting(self) -> Reply:
        """Return the first reply of the connection."""

    def admit(self, request: LiteralRequest) -> Reply | Sink | None:
        """Refuse an announced literal with a completion, or let it come (IMAP only): into a sink, or, None, as a part.

        A literal that comes unasked is refused when all of its command has come.
        """

    def handle(self, command: Command) -> Exchange:
        """Answer one command. Every command enters here; every reply leaves as a value this yields."""

    def permits(self, command: Command) -> bool:
        """Return whether this state allows the upgrade or the authentication that ``command`` asks for."""

    def authenticated(self, command: Command, identity: Identity) -> Iterator[Reply]:
        """Enter the authenticated state, proved to the membrane by ``command``, and yield the completion.

        SASL's additional data with success is not in it, but went ahead as one more challenge (RFC 4422 5, RFC 4954 4).
        """

    def unsolicited(self) -> Iterator[Reply | GiveWay]:
        """Yield what may be said now without being asked (EXISTS during IDLE …); much of it gives way."""

    def disconnected(self) -> None:
        """Release everything: the connection is gone or the session is being replaced after STARTTLS."""


class Dialogue(Protocol):
    """One protocol's spelling. Modules ``labserver.dialogues.smtp``, ``.imap``, ``.pop3`` each provide an instance."""

    @property
    def upgrade_verb(self) -> str:
        """STARTTLS or STLS."""

    @property
    def authenticate_verb(self) -> str:
        """AUTH or AUTHENTICATE."""

    def framer(self) -> Framer:
        """Return a new framer with this dialogue's limits."""

    def command(self, framed: Framed) -> Command:
        """Split a unit into tag, verb and argument; never raises."""

    def overflow(self, overflow: Overflow) -> Reply:
        """Answer a unit beyond its limit."""

    def go_ahead(self) -> Reply:
        """Let an announced literal come."""

    def upgrade_ready(self, command: Command) -> Reply:
        """Accept STARTTLS or STLS."""

    def upgrade_refused(self, command: Command, reason: str) -> Reply:
        """Refuse STARTTLS or STLS; ``reason`` is for people."""

    def upgrade_unavailable(self, command: Command) -> Reply:
        """Say that TLS is temporarily not to be had."""

    def unrecognized(self, command: Command) -> Reply:
        """Say that there is no such command."""

    def relisted(self, command: Command | None, reply: Reply, change: Callable[[Names], Names]) -> Reply:
        """Return the reply with its capabilities changed; the same reply where it lists none.

        ``command`` is the one being answered, None for the greeting.
        """

    def challenge(self, data: bytes) -> Reply:
        """Send a SASL challenge, base64-encoded."""

    def login_failed(self, command: Command, failure: LoginFailure) -> Reply:
        """Answer a failed authentication."""

    def farewell(self, reason: Farewell) -> Reply:
        """Say the last words."""

    def word(self, command: Command) -> str:
        """Return ``command.verb`` if the protocol, or an extension of it, has that word; else nothing.

        What is no word may be a credential, and nothing repeats it: neither the transcript nor a reply.
        """

    def masked(self, command: Command, standing: Standing) -> bytes:
        """Return ``command.raw`` for the transcript, with ``****`` for all that is not known to be harmless."""
