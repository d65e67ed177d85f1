"""Which dialogue and which backend a service has. Backends are imported when the first client of theirs connects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from weakref import WeakKeyDictionary

from labserver.dialogues.imap import ImapDialogue
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.dialogues.smtp import SmtpDialogue
from labserver.services import ProtocolName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from labserver.clock import Clock, Entropy
    from labserver.dialogues.exchange import Backend, Dialogue, Link
    from labserver.holding import Intake
    from labserver.limits import Limits
    from labserver.mailstore.delivery import Delivery
    from labserver.mailstore.store import MailStore
    from labserver.services import Service

__all__ = ["Backends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What every honest session of the lab is made from."""

    store: MailStore
    delivery: Delivery
    limits: Limits
    clock: Clock
    entropy: Entropy
    host_name: str
    intake: Intake
    """Holds the mail that is still coming."""
    imap_extensions: Collection[str] | None = None
    """Enabled IMAP extensions; None for all."""
    apop: bool = False
    pop3_lock: bool = True
    keep_line_ends: bool = False
    strict_smtp_syntax: bool = False

    def dialogue(self, service: Service) -> Dialogue:
        """Return the service's spelling."""
        match service.protocol:
            case ProtocolName.SMTP | ProtocolName.LMTP:
                return SmtpDialogue(line_limit=self.limits.smtp_line, shown=self.limits.transcript_octets)
            case ProtocolName.IMAP:
                return ImapDialogue(
                    line_limit=self.limits.imap_line,
                    literal_limit=self.limits.literal_before_login,
                    shown=self.limits.transcript_octets,
                )
            case ProtocolName.POP3:
                return Pop3Dialogue(line_limit=self.limits.pop3_line)
            case _:
                assert_never(service.protocol)

    def maker(self, service: Service) -> Callable[[Link], Backend]:
        """Return what makes a session of the service."""
        match service.protocol:
            case ProtocolName.SMTP | ProtocolName.LMTP:
                return lambda link: self._smtp(link, service)
            case ProtocolName.IMAP:
                return self._imap
            case ProtocolName.POP3:
                timestamps: WeakKeyDictionary[Link, bytes] = WeakKeyDictionary()
                return lambda link: self._pop3(link, timestamps)
            case _:
                assert_never(service.protocol)

    def _smtp(self, link: Link, service: Service) -> Backend:
        from labserver.smtp.lmtp import LmtpSession  # noqa: PLC0415 -- see the module's docstring
        from labserver.smtp.session import Session  # noqa: PLC0415 -- the same

        make = LmtpSession if service.protocol is ProtocolName.LMTP else Session
        return make(
            link,
            self.delivery,
            limits=self.limits,
            intake=self.intake,
            hostname=self.host_name,
            service=service,
            strict_syntax=self.strict_smtp_syntax,
            keep_line_ends=self.keep_line_ends,
            clock=self.clock,
        )

    def _imap(self, link: Link) -> Backend:
        from labserver.imap.session import Session  # noqa: PLC0415 -- see the module's docstring

        return Session(
            link=link,
            store=self.store,
            limits=self.limits,
            clock=self.clock,
            keep_line_ends=self.keep_line_ends,
            intake=self.intake,
            extensions=self.imap_extensions,
        )

    def _pop3(self, link: Link, timestamps: WeakKeyDictionary[Link, bytes]) -> Backend:
        from labserver.pop3.apop import new_timestamp  # noqa: PLC0415 -- see the module's docstring
        from labserver.pop3.session import Session  # noqa: PLC0415 -- the same

        if self.apop and link not in timestamps:  # the session after STLS has no greeting, but uses this one's
            timestamps[link] = new_timestamp(self.clock, self.entropy)
        return Session(
            link=link,
            store=self.store,
            limits=self.limits,
            timestamp=timestamps.get(link, b""),
            exclusive=self.pop3_lock,
        )
