"""A mail transaction while it is being built, and how its octets are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.holding import LineFeeds, Span
from labserver.smtp.smuggling import LookalikeSearch

if TYPE_CHECKING:
    from labserver.budget import Charge
    from labserver.holding import Held
    from labserver.mailstore.envelope import Recipient
    from labserver.smtp.grammar import Addressed

__all__ = ["MailData", "Transaction"]

_PER_RECIPIENT = 256
_ALWAYS = 4 << 10
"""Octets of recipients that there is room for in any case."""


@dataclass(slots=True, kw_only=True)
class Transaction:
    """What MAIL, RCPT and BDAT brought together so far (RFC 5321 2.3.1)."""

    sender: Addressed
    held: Held
    """What came of the message so far; of lost mail nothing but the size."""
    charge: Charge
    """What the recipients take."""
    recipients: list[Recipient] = field(default_factory=list)
    feeds: LineFeeds
    """Lines that end with LF only are a client's fault that any server mends; not where lines are nothing to it."""
    begun: bool = False
    """A chunk came with BDAT; one that is empty is a chunk too."""

    def add(self, recipient: Recipient, octets: int) -> bool:
        """Add a recipient that was sent in so many octets; False, and nothing added, if there is no room for it."""
        taken = self.charge.octets + _PER_RECIPIENT + octets
        if not self.charge.resize(taken, forced=taken <= _ALWAYS):
            return False
        self.recipients.append(recipient)
        return True

    def close(self) -> None:
        """Hold nothing any more."""
        self.held.close()
        self.charge.close()

    @property
    def international(self) -> bool:
        """Addresses may go beyond ASCII (RFC 6531 3.4)."""
        return "SMTPUTF8" in self.sender.parameters

    @property
    def content(self) -> Span:
        """The message, with its lines mended if they are to be."""
        return Span(self.held, 0, self.sent, feeds=self.feeds)

    @property
    def sent(self) -> int:
        """Octets of the message as they came."""
        return self.held.size - self.feeds.added

    @property
    def declared_size(self) -> int:
        """The size MAIL declared, 0 if it did not (RFC 1870)."""
        return int(self.sender.parameters.get("SIZE", "0"))


class MailData:
    """The sink of a transaction (:class:`labserver.wire.framing.Sink`): it looks for lookalikes of the end, too.

    Counted data has no end that anything in it could be mistaken for: nothing in it is looked at.
    """

    __slots__ = ("_feeds", "_held", "_search")

    def __init__(self, transaction: Transaction, *, counted: bool = False) -> None:
        self._feeds = transaction.feeds
        self._held = transaction.held
        self._search = None if counted else LookalikeSearch()

    @property
    def smuggles(self) -> bool:
        """There is a line that another server might take for the end."""
        return self._search is not None and self._search.found

    def write(self, octets: bytes, sent: bytes) -> None:
        """Take the next octets."""
        kept = self._feeds.pass_on(octets)
        if self._search is not None and not self._held.lost:
            self._search.look(sent, bare=self._feeds.alone)
        self._held.write(kept)

    def drop(self) -> None:
        """Hold nothing of the message any more."""
        self._held.lose()
