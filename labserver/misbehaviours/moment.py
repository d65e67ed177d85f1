"""Where a session stands when something can go wrong, and who counts how often it did."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from enum import StrEnum
from typing import TYPE_CHECKING

from labserver.dialogues.purposes import Purpose, purpose_of
from labserver.services import SERVICES, ProtocolName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labserver.dialogues.exchange import Command, Dialogue, Reply

__all__ = ["Memories", "Memory", "Moment", "Occasion", "Phase", "Scope"]

_MOST_OWNERS = 4_096
"""Counts that one memory keeps. A client chooses account names, so the oldest count gives way to a new one."""
_MOST_RECIPIENTS = 1_000
_DRAWN = 7
"""Octets of a hash that make a chance: 56 bits, all of which a float can hold (53 matter)."""
_ADDRESS = re.compile(rb"(?:FROM|TO):[ \t]*<?([^<>\s]*)", re.IGNORECASE)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_NAMES_A_MAILBOX = frozenset("SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE STATUS APPEND".split())  # noqa: SIM905 -- a list of words is read more easily without its quotes
_NAMES_IT_SECOND = frozenset("COPY MOVE".split())  # noqa: SIM905 -- the same


class Occasion(StrEnum):
    """When the server has its say."""

    GREETING = "greeting"
    """The connection is there (with implicit TLS: the handshake has finished), and the server speaks first."""
    COMMAND = "command"
    """The client sent a command."""
    LITERAL = "literal"
    """An IMAP client announced a literal and waits for the server to let it come (RFC 9051 4.3)."""
    UNSOLICITED = "unsolicited"
    """The server has something to say that nobody asked for, such as EXISTS during IDLE."""
    SECURED = "secured"
    """The handshake after STARTTLS or STLS has finished; an honest server waits for the client."""
    QUIET = "quiet"
    """The client has said nothing for the seconds of the condition ``idle``; an honest server waits."""


class Phase(StrEnum):
    """How far a session has come; several hold at once."""

    CLEAR = "clear"
    TLS = "tls"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    """An IMAP mailbox is selected."""


class Scope(StrEnum):
    """What is counted together."""

    SESSION = "session"
    """One connection, STARTTLS included."""
    ACCOUNT = "account"
    """All sessions of an account at one place (a lease, or the scenario's address and name)."""
    LEASE = "lease"
    """All sessions at one place."""
    LAB = "lab"
    """All sessions of the scenario since the lab was started."""


class Memory:
    """Counts of one owner, and what a misbehaviour keeps for later."""

    __slots__ = ("_counts", "kept")

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self.kept: dict[object, object] = {}
        """Of a session only: what a misbehaviour holds back, by the misbehaviour."""

    def count(self, *key: object) -> int:
        """Return how many times this was called for ``key``, this time included."""
        if key not in self._counts and len(self._counts) >= _MOST_OWNERS:
            self._counts.popitem(last=False)
        number = self._counts[key] = self._counts.get(key, 0) + 1
        return number


class Memories:
    """What a scenario's sessions share at one place; :meth:`leased` makes those of another place.

    ``seed`` is the lab's, as text. A session's own memory is its moment's.
    """

    __slots__ = ("lab", "lease", "scenario", "seed", "sessions")

    def __init__(self, *, seed: str = "", scenario: str = "", lab: Memory | None = None) -> None:
        self.seed = seed
        self.scenario = scenario
        self.lab = Memory() if lab is None else lab
        self.lease = Memory()
        self.sessions = 0
        """Sessions that were opened at this place."""

    def leased(self) -> Memories:
        """Return the memories of another place in the same lab."""
        return Memories(seed=self.seed, scenario=self.scenario, lab=self.lab)

    def alone(self) -> Memories:
        """Return the memories of a place that shares nothing, as if it were the only one of its lab."""
        return Memories(seed=self.seed, scenario=self.scenario)

    def next_serial(self) -> int:
        """Count a session and return its number at this place, from 1."""
        self.sessions += 1
        return self.sessions

    def digest(self, *key: object) -> bytes:
        """Return a hash of the seed, the scenario and ``key``: the same in every run with the same seed."""
        text = "\0".join(map(str, (self.seed, self.scenario, *key)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Moment:
    """Where one session stands. The membrane makes one where there is a chain, and keeps it up to date.

    It sets ``secure``, ``account``, ``quiet`` and calls :meth:`asks` when a command is opened and :meth:`done` when its
    exchange has ended. The chain itself calls :meth:`answers`.
    """

    __slots__ = (
        "_accepted",
        "_mailbox",
        "_named",
        "account",
        "claimed",
        "command",
        "dialogue",
        "elapsed",
        "memories",
        "memory",
        "occasion",
        "protocol",
        "quiet",
        "recipients",
        "secure",
        "sender",
        "serial",
        "service",
    )

    def __init__(
        self,
        *,
        service: str,
        dialogue: Dialogue,
        memories: Memories,
        elapsed: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.service = service
        self.protocol: ProtocolName = SERVICES[service].protocol
        self.dialogue = dialogue
        """Spells the protocol."""
        self.memories = memories
        self.serial = memories.next_serial()
        """The session's number at its place, from 1."""
        self.memory = Memory()
        """The session's own."""
        self.elapsed = elapsed
        """Seconds since the session began."""
        self.command: Command | None = None
        """What is being answered; None between commands."""
        self.occasion: Occasion | None = None
        """The one that the chain was last asked about."""
        self.secure = False
        """TLS is up."""
        self.account: str | None = None
        """Who is logged in, empty for an anonymous client; None for nobody."""
        self.claimed: str | None = None
        """Whose credentials are being looked at; set by the chain while it asks what to believe of them."""
        self.quiet = 0.0
        """Seconds for which the client has said nothing; set on the occasion ``quiet``."""
        self.sender = ""
        """SMTP: the address of the MAIL being answered, or of the transaction."""
        self.recipients: list[str] = []
        """SMTP: the address of the RCPT being answered, or all of the transaction so far."""
        self._accepted = True
        """The sender or recipient of the command being answered was taken by the honest server."""
        self._mailbox: bytes | None = None
        self._named: bytes | None = None

    @property
    def phases(self) -> frozenset[Phase]:
        """Return every phase that holds."""
        return frozenset(
            phase
            for phase, holds in (
                (Phase.CLEAR, not self.secure),
                (Phase.TLS, self.secure),
                (Phase.AUTHENTICATED, self.account is not None),
                (Phase.SELECTED, self._mailbox is not None),
            )
            if holds
        )

    @property
    def purpose(self) -> Purpose | None:
        """Return what the command being answered is for; None between commands."""
        return None if self.command is None else purpose_of(self.command)

    @property
    def tag(self) -> bytes:
        """Return the IMAP tag of the command being answered; ``*`` where there is none."""
        return (self.command.tag if self.command is not None else b"") or b"*"

    @property
    def whose(self) -> str | None:
        """Return the account that the moment is about: who is logging in, else who is logged in."""
        return self.account if self.claimed is None else self.claimed

    @property
    def mailbox_octets(self) -> bytes:
        """Return the mailbox that the command names, else the selected one, as the client spelled it; else nothing."""
        return self._named or self._mailbox or b""

    @property
    def mailbox(self) -> str:
        """Return the same mailbox's name in Unicode; empty for none."""
        from labserver.imap.syntax import decode_mailbox  # noqa: PLC0415 -- an IMAP session has it already

        octets = self.mailbox_octets
        try:
            name = decode_mailbox(octets)
        except ValueError:
            name = octets.decode("utf-8", "replace")
        return "INBOX" if name.upper() == "INBOX" else name

    @property
    def addressed(self) -> Sequence[str]:
        """Return the recipients that the moment is about: the one of RCPT, else all that were accepted."""
        return self.recipients[-1:] if self.command is not None and self.command.verb == "RCPT" else self.recipients

    @property
    def nonce(self) -> str:
        """Return eight characters that no other session of this scenario has, the same with the same seed."""
        return self.memories.digest("nonce", self.serial).hex()[:8]

    def owner(self, scope: Scope) -> tuple[Memory, str]:
        """Return who counts for a scope: a memory, and whose count in it."""
        match scope:
            case Scope.SESSION:
                return self.memory, ""
            case Scope.ACCOUNT:
                return self.memories.lease, f"account {self.whose or ''}"
            case Scope.LEASE:
                return self.memories.lease, ""
            case Scope.LAB:
                return self.memories.lab, ""

    def draw(self, *key: object) -> float:
        """Return a number from 0 up to 1 that depends on the seed, the scenario and ``key`` alone.

        It is a function and no stream, so sessions at the same time cannot disturb each other.
        """
        return int.from_bytes(self.memories.digest("chance", *key)[:_DRAWN], "big") / (1 << 8 * _DRAWN)

    # What happens

    def asks(self, command: Command) -> None:
        """Take note of a command that is about to be answered."""
        self.command = command
        self._named = _mailbox_in(command) if self.protocol is ProtocolName.IMAP else None
        match command.verb:
            case "MAIL":
                self.sender = _address(command)
                self.recipients.clear()
                self._accepted = False
            case "RCPT":
                del self.recipients[_MOST_RECIPIENTS:]
                self.recipients.append(_address(command))
                self._accepted = False
            case "RSET" | "EHLO" | "HELO" | "LHLO":
                self._end_transaction()

    def answers(self, reply: Reply) -> None:
        """Take note of an honest reply: it says whether a mailbox is selected, a recipient accepted, a mail taken."""
        command = self.command
        if command is None or reply.code in {"", "+", "334", "354"}:
            return
        succeeded = reply.code == "OK" or reply.code.startswith("2")
        match command.verb:
            case "SELECT" | "EXAMINE":
                self._mailbox = self._named if succeeded else None
            case "CLOSE" | "UNSELECT" if succeeded:
                self._mailbox = None
            case "RCPT" | "MAIL":
                self._accepted = succeeded
            case "DATA":
                self._end_transaction()
            case "BDAT" if command.argument.upper().endswith(b"LAST"):
                self._end_transaction()

    def done(self) -> None:
        """Take note that the command has been answered.

        An address that the honest server did not take, or never heard of, is none of the transaction's.
        """
        if not self._accepted and self.command is not None:
            if self.command.verb == "RCPT" and self.recipients:
                self.recipients.pop()
            elif self.command.verb == "MAIL":
                self._end_transaction()
        self._accepted = True
        self.command = self._named = None

    def crossed(self) -> None:
        """Take note that TLS is up: what was said in clear is forgotten (RFC 3207 4.2)."""
        self.secure = True
        self.account = self._mailbox = None
        self._end_transaction()
        self.done()

    def _end_transaction(self) -> None:
        self.sender = ""
        self.recipients.clear()


def _address(command: Command) -> str:
    match = _ADDRESS.match(command.argument)
    return match[1].decode("utf-8", "replace") if match else ""


def _mailbox_in(command: Command) -> bytes | None:
    """Return the mailbox that an IMAP command names, None where it names none."""
    verb = command.verb.removeprefix("UID ")
    argument = command.argument
    if verb in _NAMES_IT_SECOND:
        _, _, argument = argument.partition(b" ")
    elif verb not in _NAMES_A_MAILBOX:
        return None
    if quoted := _QUOTED.match(argument):
        return _ESCAPED.sub(rb"\1", quoted[1])
    if not argument.strip() and len(command.parts) > 1:  # as a literal
        return command.parts[1]
    return argument.partition(b" ")[0]
