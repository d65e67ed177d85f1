# ruff: noqa: N802 -- smtp_EHLO and the like are aiosmtpd's spelling of a verb
"""The honest SMTP server of one connection.

Inherited from aiosmtpd are HELO, NOOP, RSET and EXPN, the session's state and its checks. The others are our own:
aiosmtpd 1.4.6 has no BDAT and no parameters beyond SIZE, BODY and SMTPUTF8, changes the case of those it stores, reads
addresses as a mail header's, and answers without enhanced status codes.

Every reply but the greeting and the answers to EHLO, HELO and LHLO carries an enhanced status code (RFC 2034 4).
NUL in mail data is accepted, although only BINARYMIME allows it: a lab that has to show what a client sent must not
refuse to look at it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from aiosmtpd.smtp import syntax

from labserver.budget import Charge
from labserver.clock import SystemClock
from labserver.dialogues.exchange import Await, Reply
from labserver.errors import LabFullError
from labserver.holding import LineFeeds
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.smtp.driven import DrivenSMTP, more
from labserver.smtp.grammar import MAIL, RCPT, Addressed
from labserver.smtp.reading import Agreed, read_leniently, read_strictly
from labserver.smtp.replies import Refusal
from labserver.smtp.reports import asks_for_report, report
from labserver.smtp.transaction import MailData, Transaction
from labserver.wire.framing import Overflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labserver.clock import Clock
    from labserver.dialogues.exchange import Command, Identity, Link
    from labserver.errors import StoreError
    from labserver.holding import Intake, Span
    from labserver.limits import Limits
    from labserver.mailstore.delivery import Delivery, Outcome
    from labserver.services import Service
    from labserver.smtp.driven import Verb
    from labserver.smtp.grammar import Form
    from labserver.wire.framing import Framed, LiteralRequest

__all__ = ["Session"]

_CLOCK = SystemClock()
_BDAT = re.compile(r"([0-9]{1,19})(?: +(LAST))?", re.IGNORECASE | re.ASCII)
_SMUGGLING = Refusal(550, "5.6.0", "Refused: a line with only a dot has a bare CR or LF beside it (RFC 5321 2.3.8)")
_NO_ROOM = Refusal(452, "4.3.1", "There is no room for this recipient now, try again later")
_LOST = Refusal(452, "4.3.1", "There is no room for this message now, try again later")
_SENDER_ACCEPTED = Reply.completion(b"250 2.1.0 Sender accepted\r\n", "250")
_RECIPIENT_ACCEPTED = Reply.completion(b"250 2.1.5 Recipient accepted\r\n", "250")
_GO_AHEAD = Reply.continuation(b"354 End data with <CR><LF>.<CR><LF>\r\n", "354")
_FAILURES = {
    "NONEXISTENT": (550, "5.1.1"),
    "LIMIT": (452, "4.2.2"),
    "OVERQUOTA": (452, "4.2.2"),
    "TOOBIG": (552, "5.3.4"),
}
"""The store's reasons; any other is a fault of our own, 451 4.3.0."""


class Session(DrivenSMTP):
    """SMTP and submission (a :class:`labserver.dialogues.exchange.Backend`)."""

    HELLO: ClassVar[str] = "EHLO"
    """The verb that opens a session."""
    PROTOCOL: ClassVar[str] = "ESMTP"
    """The protocol's name in the greeting and in a Received header (RFC 3848)."""
    UTF8_PROTOCOL: ClassVar[str] = "UTF8SMTP"
    """The same for a transaction with SMTPUTF8 (RFC 6531 4.3)."""
    TOGETHER: ClassVar[bool] = True
    """There is one answer to the data, so either all recipients get it or none does."""

    def __init__(  # noqa: PLR0913 -- what a session is made of
        self,
        link: Link,
        delivery: Delivery,
        *,
        limits: Limits,
        intake: Intake,
        hostname: str,
        service: Service,
        strict_syntax: bool = False,
        clock: Clock = _CLOCK,
        keep_line_ends: bool = False,
    ) -> None:
        super().__init__(hostname=hostname, peer=link.peer, bad_commands=limits.bad_commands)
        self._auth_required = service.authentication_required
        self._link = link
        self._delivery = delivery
        self._limits = limits
        self._strict_syntax = strict_syntax
        self._clock = clock
        self._keep_line_ends = keep_line_ends
        self._intake = intake
        self._account = ""
        self._transaction: Transaction | None = None

    def greeting(self) -> Reply:
        """Return ``220`` (RFC 5321 3.1)."""
        return Reply.greeting(f"220 {self.hostname} {self.PROTOCOL} labserver ready\r\n".encode(), "220")

    def admit(self, request: LiteralRequest) -> Reply | None:  # noqa: ARG002 -- the interface's; SMTP has no literals
        """Let everything come."""
        return None

    def permits(self, command: Command) -> bool:
        """Let AUTH come once, after EHLO, and neither AUTH nor STARTTLS inside a transaction (RFC 4954 4)."""
        if self._transaction is not None:
            return False
        return command.verb != "AUTH" or (self.session.extended_smtp and not self.session.authenticated)

    def authenticated(self, command: Command, identity: Identity) -> Iterator[Reply]:  # noqa: ARG002 -- the interface's; only IMAP has tags
        """Enter the authenticated state (RFC 4954 4)."""
        self.session.authenticated = True
        self._account = identity.account
        yield Reply.completion(b"235 2.7.0 Authentication successful\r\n", "235")

    def unsolicited(self) -> Iterator[Reply]:
        """Yield nothing: an SMTP server speaks when it is spoken to."""
        return iter(())

    def disconnected(self) -> None:
        """Forget the transaction: what was not answered with 250 was not accepted."""
        self._set_post_data_state()

    def _set_post_data_state(self) -> None:
        """End the transaction; aiosmtpd comes here on HELO and RSET, too."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.close()

    async def check_auth_needed(self, caller_method: str) -> bool:  # noqa: ARG002 -- aiosmtpd's, for its log
        """Refuse what needs authentication (RFC 4954 6), and point to STARTTLS where that comes first."""
        if not self._auth_required or self.session.authenticated:
            return False
        tls_first = self._link.offers_starttls and not self._link.mechanisms
        await self.push(
            f"530 5.7.0 {'Must issue a STARTTLS command first' if tls_first else 'Authentication required'}"
        )
        return True

    # The session's verbs

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:
        """Open the session and list the extensions, in one reply (RFC 5321 4.1.1.1)."""
        if not hostname:
            await self.push(f"501 Syntax: {self.HELLO} hostname")
            return
        self._set_post_data_state()
        self.session.extended_smtp = True
        self.session.host_name = hostname
        link, limits = self._link, self._limits
        most = limits.message_size, limits.recipients
        self.answer(_listing(self.hostname, most, link.secure, link.offers_starttls, link.mechanisms))

    @syntax("AUTH mechanism [initial-response]")
    async def smtp_AUTH(self, arg: str) -> None:  # noqa: ARG002 -- there is none
        """Ask for the mechanism; an AUTH that names one is the membrane's."""
        await self.push("501 5.5.4 Syntax: AUTH mechanism [initial-response]")

    @syntax("VRFY address")
    async def smtp_VRFY(self, arg: str) -> None:
        """Say neither yes nor no (RFC 5321 3.5.3)."""
        await self.push("252 2.0.0 Send some mail and see" if arg else "501 5.5.4 Syntax: VRFY address")

    @syntax("HELP [verb]")
    async def smtp_HELP(self, arg: str) -> None:
        """List the verbs, or say how one is written (RFC 5321 4.1.1.8)."""
        verb = self.VERBS.get(arg.upper())
        if not arg:
            upgrade = ["STARTTLS"] if self._link.offers_starttls else []
            await self.push(f"214 2.0.0 {' '.join(sorted([*self.VERBS, *upgrade]))}")
        elif verb is None:
            await self.push("504 5.5.4 No help on that")
        else:
            usage = getattr(verb, "__smtp_syntax__", arg.upper())
            await self.push(f"214 2.0.0 {usage}{getattr(verb, '__smtp_syntax_extended__', None) or ''}")

    @syntax("QUIT")
    async def smtp_QUIT(self, arg: str) -> None:
        """Say goodbye (RFC 5321 4.1.1.10)."""
        await self.push("501 5.5.4 Syntax: QUIT" if arg else "221 2.0.0 Goodbye")

    # The transaction's verbs

    @syntax("MAIL FROM:<address>", extended=" [SP parameters]")
    async def smtp_MAIL(self, arg: str) -> None:
        """Begin a transaction (RFC 5321 4.1.1.2)."""
        if await self.check_helo_needed(self.HELLO) or await self.check_auth_needed("MAIL"):
            return
        if self._transaction is not None:
            await self.push("503 5.5.1 There is a transaction already")
            return
        sender = self._sender(arg)
        if isinstance(sender, Refusal):
            await self.push(str(sender))
            return
        self._transaction = Transaction(
            sender=sender,
            held=self._intake.hold(),
            charge=Charge(self._intake.budget),
            feeds=LineFeeds(mends=not (self._keep_line_ends or sender.binary)),
        )
        self.answer(_SENDER_ACCEPTED)

    def _sender(self, argument: str) -> Addressed | Refusal:
        sender = self._read(MAIL, argument)
        if isinstance(sender, Refusal):
            return sender
        if "REQUIRETLS" in sender.parameters and not self._link.secure:
            return Refusal(555, "5.5.4", "Parameter REQUIRETLS is not recognised")  # RFC 8689 2 (3): not in clear
        if int(sender.parameters.get("SIZE", "0")) > self._limits.message_size:
            return self._too_big()
        return sender

    def _recipient(self, argument: str, transaction: Transaction) -> Recipient | Refusal:
        recipient = self._read(RCPT, argument, transaction)
        if isinstance(recipient, Refusal):
            return recipient
        if len(transaction.recipients) >= self._limits.recipients:
            return Refusal(452, "4.5.3", f"A message can have {self._limits.recipients} recipients")
        error = self._delivery.check(recipient.address, size=transaction.declared_size).error
        if error is not None:
            return _failure(error)
        return Recipient(address=recipient.address, parameters=recipient.parameters)

    def _read(self, form: Form, argument: str, transaction: Transaction | None = None) -> Addressed | Refusal:
        agreed = Agreed(
            hello=self.HELLO,
            extended=self.session.extended_smtp,
            international=transaction is not None and transaction.international,
        )
        read = read_strictly(form, argument, agreed)
        if self._strict_syntax or isinstance(read, Addressed):
            return read
        lenient = read_leniently(form, argument, agreed)
        if isinstance(lenient, Refusal):
            return read
        for departure in lenient.departures:
            self._link.tolerated(f"{self._verb} with {departure}")
        return lenient.addressed

    def _too_big(self) -> Refusal:
        return Refusal(552, "5.3.4", f"A message can have {self._limits.message_size} octets")

    @syntax("RCPT TO:<address>", extended=" [SP parameters]")
    async def smtp_RCPT(self, arg: str) -> None:
        """Add a recipient (RFC 5321 4.1.1.3)."""
        transaction = self._transaction
        if transaction is None or transaction.begun:
            await self.push("503 5.5.1 RCPT comes after MAIL and before data")
            return
        recipient = self._recipient(arg, transaction)
        if isinstance(recipient, Refusal):
            await self.push(str(recipient))
            return
        if transaction.add(recipient, len(arg)):
            self.answer(_RECIPIENT_ACCEPTED)
        else:
            await self.push(str(_NO_ROOM))

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        """Take the message as dot-stuffed lines (RFC 5321 4.1.1.4)."""
        transaction = self._transaction
        if transaction is None or not transaction.recipients or transaction.begun:
            await self.push("503 5.5.1 DATA comes after RCPT, and not after BDAT")
        elif arg:
            await self.push("501 5.5.4 Syntax: DATA")
        elif transaction.sender.binary:
            await self.push("503 5.5.1 BINARYMIME needs BDAT")
        else:
            self.answer(_GO_AHEAD)
            data = MailData(transaction)
            unit = await more(Await.data(self._limits.message_size, data))
            await self._conclude(transaction, self._fault(unit, transaction, smuggles=data.smuggles))

    def _fault(self, unit: Framed | Overflow, transaction: Transaction, *, smuggles: bool = False) -> Refusal | None:
        """Return what is wrong with the content that came."""
        if isinstance(unit, Overflow):
            return self._too_big()
        if smuggles:
            return _SMUGGLING
        return _LOST if transaction.held.lost else None

    @syntax("BDAT size [LAST]")
    async def smtp_BDAT(self, arg: str) -> None:
        """Take a counted chunk, and take it whatever the answer will be (RFC 3030 2).

        Of mail that was lost on the way each chunk is refused, until the last one or RSET.
        """
        command = _BDAT.fullmatch(arg)
        if command is None:
            # Without the size nobody knows where the next command starts; at least this message ends here.
            self._set_post_data_state()
            await self.push("501 5.5.4 Syntax: BDAT size [LAST]")
            return
        size, last, transaction = int(command[1]), bool(command[2]), self._transaction
        if transaction is None or not transaction.recipients:
            await more(Await.chunk(size, 0))
            await self.push("503 5.5.1 BDAT comes after RCPT")
            return
        room = self._limits.message_size - transaction.sent
        unit = await more(Await.chunk(size, room, MailData(transaction, counted=True)))
        transaction.begun = True
        refusal = self._fault(unit, transaction)
        if last or isinstance(unit, Overflow):
            await self._conclude(transaction, refusal, last=last)
        else:
            await self.push(str(refusal or f"250 2.0.0 {size} octets taken"))

    async def _conclude(self, transaction: Transaction, refusal: Refusal | None, *, last: bool = True) -> None:
        """End the transaction: deliver its content, or say why not. ``last``: the client has sent all of it."""
        try:
            if refusal is None:
                await self._answer(transaction, self._deliver(transaction, transaction.content))
            elif last:
                await self._answer(transaction, [str(refusal)] * len(transaction.recipients))
            else:
                await self.push(str(refusal))
        finally:
            self._set_post_data_state()

    async def _answer(self, transaction: Transaction, statuses: Sequence[str]) -> None:  # noqa: ARG002 -- LMTP's needs it
        """Give the one reply there is, true for all recipients alike."""
        await self.push(statuses[0])

    def _deliver(self, transaction: Transaction, content: Span) -> list[str]:
        envelope = self._envelope(transaction)
        outcomes = self._delivery.deliver(envelope, content, together=self.TOGETHER)
        self._link.delivered(envelope, outcomes)
        if asks_for_report(envelope, content.read):
            self._report(envelope, content.read(), outcomes)
        return [
            "250 2.0.0 Delivered" if outcome.error is None else str(_failure(outcome.error)) for outcome in outcomes
        ]

    def _report(self, envelope: Envelope, content: bytes, outcomes: Sequence[Outcome]) -> None:
        """Tell the sender of what was delivered. Where there is no room for that, nobody is to be told so."""
        told = report(
            envelope,
            content,
            outcomes,
            host=self.hostname,
            now=self._clock.now(),
            room=self._limits.message_size,
        )
        if told is not None:
            self._link.delivered(told[0], self._delivery.deliver(*told))

    def _envelope(self, transaction: Transaction) -> Envelope:
        return Envelope(
            sender=transaction.sender.address,
            recipients=tuple(transaction.recipients),
            parameters=transaction.sender.parameters,
            helo=self.session.host_name or "",
            peer=self._link.peer,
            service=self._link.service,
            protocol=self._transmission_type(international=transaction.international),
            account=self._account,
        )

    def _transmission_type(self, *, international: bool) -> str:
        """Return the ``with`` keyword of a Received header (RFC 3848, RFC 6531 4.3)."""
        if not self.session.extended_smtp:
            return "SMTP"
        base = self.UTF8_PROTOCOL if international else self.PROTOCOL
        return f"{base}{'S' if self._link.secure else ''}{'A' if self.session.authenticated else ''}"

    VERBS: ClassVar[Mapping[str, Verb]] = {
        "AUTH": smtp_AUTH,
        "BDAT": smtp_BDAT,
        "DATA": smtp_DATA,
        "EHLO": smtp_EHLO,
        "EXPN": DrivenSMTP.smtp_EXPN,
        "HELO": DrivenSMTP.smtp_HELO,
        "HELP": smtp_HELP,
        "MAIL": smtp_MAIL,
        "NOOP": DrivenSMTP.smtp_NOOP,
        "QUIT": smtp_QUIT,
        "RCPT": smtp_RCPT,
        "RSET": DrivenSMTP.smtp_RSET,
        "VRFY": smtp_VRFY,
    }


@lru_cache(maxsize=64)
def _listing(
    host: str,
    most: tuple[int, int],
    secure: bool,  # noqa: FBT001 -- what is so, not an option
    offers_starttls: bool,  # noqa: FBT001 -- the same
    mechanisms: tuple[str, ...],
) -> Reply:
    """Return the answer to EHLO; ``most`` are the octets of a message and its recipients."""
    size, recipients = most
    lines = [host, "PIPELINING", f"SIZE {size}", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME"]
    lines += ["ENHANCEDSTATUSCODES", "DSN", f"LIMITS RCPTMAX={recipients}"]  # RFC 9422
    if secure:
        lines.append("REQUIRETLS")  # RFC 8689
    if offers_starttls:
        lines.append("STARTTLS")
    if mechanisms:
        lines.append(" ".join(("AUTH", *mechanisms)))
    listed = "".join(f"250-{line}\r\n" for line in lines)
    return Reply.completion(f"{listed}250 HELP\r\n".encode(), "250")


def _failure(error: StoreError) -> Refusal:
    if isinstance(error, LabFullError):
        return Refusal(452, "4.3.1", str(error))
    return Refusal(*_FAILURES.get(error.code, (451, "4.3.0")), str(error))
