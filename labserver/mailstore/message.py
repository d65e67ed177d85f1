"""A message in a mailbox, and the draft it was made from.

Metadata is always in memory. Octets are either in memory or with a *keeper*, which brings them when they are read and
may drop them again, together with whatever readers derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from labserver.mailstore.envelope import Envelope

__all__ = ["SYSTEM_FLAGS", "Body", "Draft", "Keeper", "Message"]

SYSTEM_FLAGS: dict[str, str] = {
    flag.lower(): flag for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
}
"""The system flags a message can hold (RFC 9051 2.3.2), by lower-cased name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is not in a mailbox yet."""

    content: bytes
    """RFC 5322 octets, CRLF line ends where the sender wrote them; kept exactly."""
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = None
    """When it arrived, timezone-aware; None means now. Kept to the second, as IMAP shows it."""
    envelope: Envelope | None = None
    """How it came, when it came by SMTP or LMTP."""

    def __post_init__(self) -> None:
        if self.internal_date is not None and self.internal_date.tzinfo is None:
            raise ValueError("a message's internal date needs its time zone")


class Body:
    """The octets of a message and the envelope they came in; shared by all copies of the message."""

    __slots__ = ("data", "envelope", "key", "size")

    def __init__(self, *, data: bytes | None, size: int, envelope: Envelope | None = None, key: int = 0) -> None:
        self.data = data
        """None while only the keeper has them."""
        self.size = size
        self.envelope = envelope
        self.key = key
        """The storage's own name for it; 0 before it has one."""


class Keeper(Protocol):
    """Where the octets of a message are while they are not in memory."""

    def content(self, message: Message) -> bytes:
        """Return the octets; StoreError when they cannot be read (``EXPUNGEISSUED``: they are gone)."""

    def envelope(self, message: Message) -> Envelope | None:
        """Return the envelope; StoreError like :meth:`content`."""

    def derived(self, message: Message) -> dict[str, Any]:
        """Return the message's cache for readers, counted towards what the keeper lets stay in memory."""


class Message:
    """One message in one mailbox: an identity, never equal to another. Only its mailbox changes it."""

    __slots__ = ("body", "cache", "flags", "internal_date", "keeper", "modseq", "size", "uid")

    def __init__(
        self,
        *,
        uid: int,
        flags: frozenset[str],
        internal_date: datetime,
        modseq: int,
        body: Body,
        keeper: Keeper | None = None,
    ) -> None:
        self.uid = uid
        self.flags = flags
        """System flags in their usual spelling, keywords as first spelled in the mailbox. Never ``\\Recent``."""
        self.internal_date = internal_date
        """Timezone-aware, whole seconds."""
        self.size = body.size
        """Octets (RFC822.SIZE)."""
        self.modseq = modseq
        """When it last changed (RFC 7162)."""
        self.body = body
        """The store's side of :attr:`content`."""
        self.keeper = keeper
        """None: the octets are in memory for good."""
        self.cache: dict[str, Any] = {}
        """The store's side of :attr:`derived`."""

    def __repr__(self) -> str:
        return f"<Message {self.uid} {' '.join(sorted(self.flags))}>"

    @property
    def content(self) -> bytes:
        """The octets, exactly as they came. StoreError when the storage cannot give them."""
        if self.keeper is not None:
            return self.keeper.content(self)
        assert self.body.data is not None  # noqa: S101 -- the invariant of a message without a keeper
        return self.body.data

    @property
    def envelope(self) -> Envelope | None:
        """How it came, if it came by SMTP or LMTP."""
        if self.keeper is not None:
            return self.keeper.envelope(self)
        return self.body.envelope

    @property
    def derived(self) -> dict[str, Any]:
        """A cache that belongs to readers (MIME tree, ENVELOPE …); the store never looks inside.

        Ask for it anew each time: a keeper that drops the octets drops the cache with them.
        """
        if self.keeper is not None:
            return self.keeper.derived(self)
        return self.cache
