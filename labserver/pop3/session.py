"""A POP3 session without I/O: RFC 1939, RFC 2449, RFC 3206, RFC 5034, RFC 6856.

A session is in the AUTHORIZATION state while it has no maildrop and in the TRANSACTION state while it has one; UPDATE
is the moment of QUIT. A connection that just ends deletes nothing (RFC 1939 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from labserver.dialogues.exchange import Farewell, Identity, LoginFailure, Reply
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.effort import Effort
from labserver.errors import StoreError
from labserver.pop3.authorization import capabilities
from labserver.pop3.commands import ALWAYS, BEFORE_LOGIN, TRANSACTION, Rule
from labserver.pop3.maildrop import Maildrop
from labserver.pop3.replies import ok, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.dialogues.exchange import Command, Exchange, Link
    from labserver.limits import Limits
    from labserver.mailstore.store import MailStore
    from labserver.wire.actions import GiveWay
    from labserver.wire.framing import LiteralRequest

__all__ = ["Session"]

Subject = TypeVar("Subject")


class Session:
    """The backend of one POP3 connection (:class:`labserver.dialogues.exchange.Backend`).

    ``timestamp`` (:func:`labserver.pop3.apop.new_timestamp`) offers APOP; it is the connection's, so the session that
    replaces this one after STLS gets the same. Empty: no APOP.
    """

    def __init__(
        self,
        *,
        link: Link,
        store: MailStore,
        limits: Limits,
        timestamp: bytes = b"",
        exclusive: bool = True,
    ) -> None:
        self.link = link
        self.timestamp = timestamp
        self.utf8 = False
        """UTF-8 mode (RFC 6856 2)."""
        self.user_name: bytes | None = None
        """What USER said, if that was the command before."""
        self._exclusive = exclusive
        self.effort = Effort()
        """What it did since it last gave way."""
        self._store = store
        self._limits = limits
        self._maildrop: Maildrop | None = None
        self._capabilities: tuple[bytes, ...] | None = None
        self._bad_commands = 0

    @property
    def capabilities(self) -> tuple[bytes, ...]:
        """CAPA's lines; once told they stay, because they are the same before and after login (RFC 2449 5)."""
        if self._capabilities is None:
            self._capabilities = capabilities(self.link)
        return self._capabilities

    def greeting(self) -> Reply:
        """Greet; with APOP's timestamp where that is offered, else without anything that looks like one."""
        stamp = b" " + self.timestamp if self.timestamp else b""
        return Reply.greeting(b"+OK labserver ready%b\r\n" % stamp, "+OK")

    def admit(self, request: LiteralRequest) -> Reply | None:  # noqa: ARG002 -- the interface's; POP3 has no literals
        """Have nothing against it."""
        return None

    def handle(self, command: Command) -> Exchange:
        """Answer one command."""
        if command.verb != "PASS":
            self.user_name = None
        try:
            yield from self._answer(command)
        except StoreError as error:
            yield refused(str(error), code="SYS/TEMP")

    def permits(self, command: Command) -> bool:  # noqa: ARG002 -- the interface's; STLS and AUTH have the same rule
        """Allow STLS and AUTH in the AUTHORIZATION state only (RFC 2595 4, RFC 5034 4)."""
        return self._maildrop is None

    def authenticated(self, command: Command, identity: Identity) -> Iterator[Reply]:  # noqa: ARG002 -- the interface's; only IMAP has tags
        """Open the maildrop of the account that AUTH proved; the completion may still be ``-ERR``."""
        try:
            yield self._open(identity.account)
        except StoreError as error:
            yield refused(str(error), code="SYS/TEMP")

    def unsolicited(self) -> Iterator[Reply]:
        """Yield nothing: a POP3 server never speaks unasked."""
        return iter(())

    def disconnected(self) -> None:
        """Release the maildrop's lock; nothing is deleted."""
        if self._maildrop is not None:
            self._maildrop.close()
            self._maildrop = None

    def log_in(self, account: str | None, mechanism: str) -> Reply:
        """Answer PASS or APOP; None: the credentials are wrong."""
        if account is None:
            self.link.login_refused(mechanism, LoginFailure.REJECTED)
            return refused("Authentication failed", code="AUTH")
        self.link.logged_in(Identity(account=account, mechanism=mechanism))
        return self._open(account)

    def leave(self) -> Iterator[Reply | GiveWay]:
        """Delete what is marked, release the maildrop and say goodbye (RFC 1939 6)."""
        try:
            if self._maildrop is not None:
                yield from self._maildrop.update(self.effort)
        except StoreError as error:
            reply = refused(f"The messages were not deleted: {error}", code="SYS/TEMP")
        else:
            reply = ok("Goodbye")
        self.disconnected()
        yield Reply.farewell(reply.raw, reply.code)

    def _answer(self, command: Command) -> Iterator[Reply | GiveWay]:
        verb = command.verb
        if verb in ALWAYS:
            return self._run(ALWAYS[verb], self, command)
        if self._maildrop is None and verb in BEFORE_LOGIN:
            return self._run(BEFORE_LOGIN[verb], self, command)
        if self._maildrop is not None and verb in TRANSACTION:
            return self._run(TRANSACTION[verb], self._maildrop, command)
        if verb in BEFORE_LOGIN:
            return iter((refused("You are logged in already"),))
        if verb in TRANSACTION:
            return iter((refused("Log in first"),))
        return iter((self._bad("Unknown command"),))

    def _run(self, rule: Rule[Subject], subject: Subject, command: Command) -> Iterator[Reply | GiveWay]:
        found = rule.syntax.fullmatch(command.argument)
        if found is None or (rule.spaced and b" " not in command.raw):
            return iter((self._bad(f"Syntax: {command.verb} {rule.usage}".rstrip()),))
        return rule.run(subject, found.groups())

    def _open(self, account: str) -> Reply:
        if self._maildrop is not None:
            return refused("You are logged in already")
        inbox = self._store.account(account).mailbox("INBOX") if account else None
        if inbox is None:
            return refused("Anonymous clients have no maildrop", code="AUTH")
        self._maildrop = Maildrop.open(inbox, utf8=self.utf8, exclusive=self._exclusive)
        if self._maildrop is None:
            return refused("Another session has the maildrop", code="IN-USE")
        return ok(f"The maildrop has {len(self._maildrop)} messages ({self._maildrop.size} octets)")

    def _bad(self, text: str) -> Reply:
        self._bad_commands += 1
        if self._bad_commands <= self._limits.bad_commands:
            return refused(text)
        return Pop3Dialogue(line_limit=self._limits.pop3_line).farewell(Farewell.TOO_MANY_ERRORS)
