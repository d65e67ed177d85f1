"""A message in a mailbox, and the draft it was made from.

Metadata is always in memory, octets are with a *keeper*, which brings them when they are read and may drop them
again, together with whatever readers derived from them. A store has a hundred thousand messages, so that each of them
is one object and a few numbers: no dictionary before a reader wants one, no object for its octets when those are in a
file, its date as a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Protocol

from labserver.errors import LabFullError, StoreError
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.moments import unpacked
from labserver.values import quick

if TYPE_CHECKING:
    from datetime import datetime

    from labserver.budget import Budget
    from labserver.holding import Span
    from labserver.mailstore.properties import Kept

__all__ = ["PER_BODY", "SYSTEM_FLAGS", "Body", "Draft", "Keeper", "Message", "Reading"]

PER_BODY = 512
"""Octets counted for a content in memory besides itself: its object and a small envelope. A larger one counts."""
_PER_STRING = 40
_PER_CACHE = 128
"""Octets counted for the dictionary of what readers left, besides each value's."""
_STEP = 1_024
"""What readers leave is counted in multiples of so many octets."""
_PER_VALUE = 96
"""Octets counted for a value that a reader left: its place in a dictionary."""
SYSTEM_FLAGS: dict[str, str] = {
    flag.lower(): flag for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
}
"""The system flags a message can hold (RFC 9051 2.3.2), by lower-cased name."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is not in a mailbox yet."""

    content: bytes | Span
    """RFC 5322 octets; kept exactly."""
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = None
    """When it arrived, timezone-aware; None means now. Kept to the second, as IMAP shows it."""
    envelope: Envelope | None = None
    """How it came, when it came by SMTP or LMTP, or by IMAP's APPEND UTF8."""

    mended: int = 0
    """Octets of the content that were not sent, but mend its line ends; a limit on what is sent does not count them."""

    def __post_init__(self) -> None:
        if self.internal_date is not None and self.internal_date.tzinfo is None:
            raise ValueError("a message's internal date needs its time zone")

    @property
    def size(self) -> int:
        """Octets of the content."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size

    @property
    def sent(self) -> int:
        """Octets that were sent: line ends that had to be mended, and headers that went ahead, do not count."""
        return len(self.content) - self.mended if isinstance(self.content, bytes) else self.content.sent


class Body:
    """Octets in memory and the envelope they came in; shared by all copies of a message.

    Until a storage has kept them they may be with their ``source``.
    """

    __slots__ = ("_budget", "_counted", "_envelope", "_left", "_room", "cache", "data", "size", "source")

    def __init__(self, *, data: bytes = b"", source: Span | None = None, envelope: Envelope | None = None) -> None:
        self.data = data
        self.source = source
        """Where the octets are; None when they are in memory."""
        self.size = len(data) if source is None else source.size
        self._envelope = None if envelope is None else envelope.packed()
        self._budget: Budget | None = None
        self.cache: dict[str, Any] | None = None
        """What readers left with the message and all its copies; None before there is anything."""
        self._left = _PER_CACHE
        self._counted = 0
        self._room: Budget | None = None

    @classmethod
    def of(cls, draft: Draft) -> Body:
        """Return the body of a message that no storage has kept yet."""
        if isinstance(draft.content, bytes):
            return cls(data=draft.content, envelope=draft.envelope)
        return cls(source=draft.content, envelope=draft.envelope)

    def octets(self, start: int, end: int) -> bytes:
        """Return some of the octets; a body is its own :class:`Reading`."""
        return self.data[start:end]

    @property
    def envelope(self) -> Envelope | None:
        """How they came, if it was by SMTP or LMTP."""
        return None if self._envelope is None else Envelope.unpacked(self._envelope)

    def settle(self, budget: Budget, room: Budget | None = None) -> None:
        """Have the octets in memory for good, counted once for as long as they live; ``room`` is that of readers.

        Raise LabFullError, or StoreError when they cannot be read any more.
        """
        if self._budget is not None:
            return
        if not budget.take(self._cost()):
            raise LabFullError
        self._budget, self._room = budget, room
        self.fetch()

    def fetch(self) -> bytes:
        """Return the octets, in memory from here on; StoreError when they cannot be read any more."""
        if self.source is not None:
            try:
                self.data = self.source.read()
            except OSError as error:
                raise StoreError("The message could not be read again") from error
            self.source = None
        return self.data

    def keep(self, key: str, value: object, octets: int) -> bool:
        """Keep what a reader found for as long as the octets live; False when there is no room."""
        left = self._left + octets
        if left > self._counted and self._room is not None:  # in steps, because it happens with every message
            counted = (left | _STEP - 1) + 1
            if not self._room.take(counted - self._counted):
                return False
            self._counted = counted
        self._left = left
        if self.cache is None:
            self.cache = {}
        self.cache[key] = value
        return True

    def __del__(self) -> None:
        if self._budget is not None:
            self._budget.give(self._cost())
        if self._counted and self._room is not None:
            self._room.give(self._counted)

    def _cost(self) -> int:
        envelope = self._envelope or ()  # a client can give it a thousand recipients of twelve thousand octets each
        return self.size + max(PER_BODY, sum(map(len, envelope)) + _PER_STRING * len(envelope))


class Reading(Protocol):
    """The octets of a message while somebody is being sent them: to be had to the end, though it is expunged."""

    def octets(self, start: int, end: int) -> bytes:
        """Return some of them, a copy; StoreError when they cannot be read."""


class Keeper(Protocol):
    """Who has the octets of a store's messages, and decides what readers may leave with them."""

    def content(self, message: Message) -> bytes:
        """Return the octets; StoreError when they cannot be read (``EXPUNGEISSUED``: they are gone)."""

    def reading(self, message: Message) -> Reading:
        """Return what gives the octets a piece at a time, and has none of them itself."""

    def envelope(self, message: Message) -> Envelope | None:
        """Return the envelope; StoreError like :meth:`content`."""

    def keep(self, message: Message, key: str, value: object, octets: int) -> None:
        """Do :meth:`Message.keep` for octets that are not in memory for good, counted towards what the keeper holds."""

    def scratch(self, message: Message) -> dict[str, Any]:
        """Return what readers left with one of the messages read last; empty for any other."""


class Message:
    """One message in one mailbox: an identity, never equal to another. Only its mailbox changes it."""

    __slots__ = ("arrived", "body", "cache", "flags", "keeper", "modseq", "properties", "size", "uid")

    def __init__(
        self,
        *,
        uid: int,
        flags: frozenset[str],
        arrived: int,
        modseq: int,
        body: Body | int,
        size: int,
        keeper: Keeper | None = None,
        properties: Kept = None,
    ) -> None:
        self.uid = uid
        self.flags = flags
        """System flags in their usual spelling, keywords as first spelled in the mailbox. Never ``\\Recent``."""
        self.arrived = arrived
        """The internal date as :func:`labserver.mailstore.moments.packed` makes it."""
        self.size = size
        """Octets (RFC822.SIZE)."""
        self.modseq = modseq
        """When it last changed (RFC 7162)."""
        self.body = body
        """The store's side of :attr:`content`: the octets, or the keeper's own number for them."""
        self.keeper = keeper
        """None before it is in a store."""
        self.properties = properties
        """The store's side of :class:`labserver.mailstore.properties.Properties`, which reads it."""
        self.cache: dict[str, Any] | None = None
        """The store's side of :meth:`known` and :meth:`keep`; the copies of a message in memory have the same one."""

    def __repr__(self) -> str:
        return f"<Message {self.uid} {' '.join(sorted(self.flags))}>"

    @property
    def internal_date(self) -> datetime:
        """When it arrived: timezone-aware, whole seconds."""
        return unpacked(self.arrived)

    @property
    def content(self) -> bytes:
        """The octets, exactly as they came. StoreError when the storage cannot give them."""
        return self._in_memory().data if self.keeper is None else self.keeper.content(self)

    def reading(self) -> Reading:
        """Return what gives the octets a piece at a time, for those of large messages."""
        return self._in_memory() if self.keeper is None else self.keeper.reading(self)

    @property
    def envelope(self) -> Envelope | None:
        """How it came, if it came by SMTP or LMTP."""
        return self._in_memory().envelope if self.keeper is None else self.keeper.envelope(self)

    def known(self, key: str) -> Any:  # noqa: ANN401 -- readers know what they left
        """Return what a reader left under ``key``, None if it is not there; without counting as reading the message."""
        cache = self.cache
        if cache is None:
            body = self.body
            if not isinstance(body, Body) or body.cache is None:
                return None
            cache = self.cache = body.cache
        return cache.get(key)

    def keep(self, key: str, value: object, more: int = 0) -> bool:
        """Leave what a reader found in the octets (ENVELOPE, what it is sorted by …); the store never looks inside.

        It stays at most as long as the octets are in memory, and every copy of the message has it, so it must depend on
        nothing but the octets. It should be compact: octets, strings, numbers and tuples of them, which the garbage
        collector does not visit. What it takes is counted; ``more`` is the octets it takes more than it did, and has to
        be said of what is not one object. Return False where there is no room: it was not left, or has not grown.
        """
        body, octets = self.body, more or _PER_VALUE + getsizeof(value)
        if isinstance(body, Body):
            if not body.keep(key, value, octets):
                return False
            self.cache = body.cache
        elif self.keeper is not None:
            self.keeper.keep(self, key, value, octets)
        return True

    @property
    def scratch(self) -> dict[str, Any]:
        """A cache for what is large and soon made again (the MIME tree); only the messages read last have theirs."""
        return {} if self.keeper is None else self.keeper.scratch(self)

    def _in_memory(self) -> Body:
        assert isinstance(self.body, Body)  # noqa: S101 -- the invariant of a message without a keeper
        return self.body
