"""What of messages stays in memory although it can be had again: the most recently read, up to a bound.

A message is *warm* when its octets or what readers derived from them are in memory and a storage can bring them back.
Each warm message is charged its octets (once they were read), what readers left, and an allowance; when the sum
passes the bound, the messages read longest ago go cold: octets and what readers left are dropped together, since one
often pins the other. The last one read always stays. Messages are cold when they come: they are on disk, and few are
read at once.

*Scratch* is for what readers can make again of the octets. Its objects are many, and the garbage collector visits all
of them while everybody waits, so only a few messages have any, wherever their octets are.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from labserver.budget import Budget, Charge
from labserver.errors import StoreError
from labserver.mailstore.message import Body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.message import Message, Reading

__all__ = ["ALLOWANCE", "NO_BODY", "BodySource", "Resident", "Scratch", "WarmMessages"]

ALLOWANCE = 512
"""Octets charged for a warm message besides what is counted: a few dictionaries have it."""
_KIB = 1 << 10
_SMALL = 64 * _KIB
"""Octets of a message that is read as a whole."""


NO_BODY = 0
"""The body of a message that is in no mailbox any more; no content has that number."""


class BodySource(Protocol):
    """Where octets and envelopes are read from, by the number that is the message's ``body``."""

    def read_content(self, message: Message) -> bytes:
        """Return the octets; StoreError (``EXPUNGEISSUED`` when they are no more)."""

    def read_octets(self, key: int, start: int, end: int) -> bytes:
        """Return some of the octets that have the number ``key``; StoreError like :meth:`read_content`."""

    def finished(self, key: int) -> None:
        """Take note that nobody reads those octets piece by piece any more."""

    def read_envelope(self, message: Message) -> Envelope | None:
        """Return the envelope; StoreError like :meth:`read_content`."""


class Scratch:
    """Dictionaries for the messages read last, at most so many, whose octets together are at most so many.

    The last few stay whatever their size, so that a client that reads a large message in pieces, and another one that
    does the same, do not make each other's tree anew.
    """

    def __init__(self, *, messages: int = 64, octets: int = 512 * _KIB, few: int = 4) -> None:
        self._most_messages = messages
        self._most_octets = octets
        self._few = few
        self._left: OrderedDict[Message, dict[str, Any]] = OrderedDict()
        self._octets = 0

    def __len__(self) -> int:
        """Return how many messages have a dictionary."""
        return len(self._left)

    def of(self, message: Message) -> dict[str, Any]:
        """Return the message's dictionary and count it as read last; ask anew each time."""
        found = self._left.get(message)
        if found is not None:
            self._left.move_to_end(message)
            return found
        found = self._left[message] = {}
        self._octets += message.size
        while len(self._left) > self._few and (
            self._octets > self._most_octets or len(self._left) > self._most_messages
        ):
            self.drop(next(iter(self._left)))
        return found

    def drop(self, message: Message) -> None:
        """Forget what was left with a message."""
        if self._left.pop(message, None) is not None:
            self._octets -= message.size


class WarmMessages:
    """The keeper of messages that live in a storage: reads octets when asked, holds ``capacity`` of them at most.

    What it holds is counted in ``budget``, and less is held where that is full.
    """

    def __init__(self, source: BodySource, *, capacity: int, budget: Budget | None = None) -> None:
        self.being_sent: WeakValueDictionary[int, _FromSource] = WeakValueDictionary()
        """The octets that somebody reads piece by piece, by their number."""
        self._source = source
        self._capacity = capacity
        self._charge = Charge(budget or Budget())
        self._charges: OrderedDict[Message, int] = OrderedDict()
        self._octets: dict[Message, bytes] = {}
        self._scratch = Scratch()
        self.charged = 0
        """The sum of all charges, in octets."""

    def __contains__(self, message: Message) -> bool:
        return message in self._charges

    @property
    def held(self) -> int:
        """Octets of content in memory."""
        return sum(map(len, self._octets.values()))

    def content(self, message: Message) -> bytes:
        """Return the octets, from memory or from the source."""
        octets = self._octets.get(message)
        if octets is None:
            octets = self._octets[message] = self._source.read_content(message)
            self.warm(message, message.size)
        else:
            self.warm(message)
        return octets

    def reading(self, message: Message) -> Reading:
        """Return what reads the octets piece by piece; those of a large message do not become warm by it."""
        if message.size <= _SMALL:
            return _InMemory(self.content(message))
        assert isinstance(message.body, int)  # noqa: S101 -- the invariant of messages with this keeper
        reading = self.being_sent.get(message.body)
        if reading is None:
            reading = self.being_sent[message.body] = _FromSource(self._source, self._octets, message, message.body)
        return reading

    def envelope(self, message: Message) -> Envelope | None:
        """Return the envelope, from the source each time: it is small and rarely asked for."""
        return self._source.read_envelope(message)

    def keep(self, message: Message, key: str, value: object, octets: int) -> None:
        """Keep what a reader found for as long as the message is warm."""
        self.warm(message, octets)
        if message.cache is None:
            message.cache = {}
        message.cache[key] = value

    def scratch(self, message: Message) -> dict[str, Any]:
        """Return what readers left; it goes when the message goes cold, if not before."""
        self.warm(message)
        return self._scratch.of(message)

    def warm(self, message: Message, more: int = 0) -> None:
        """Count ``message`` as read last, with ``more`` octets than before, and let others go cold for it."""
        before = self._charges.get(message)
        if before is None:
            before, more = 0, more + ALLOWANCE
        self._charges[message] = before + more
        self._charges.move_to_end(message)
        self.charged += more
        while len(self._charges) > 1 and (self.charged > self._capacity or not self._charge.resize(self.charged)):
            self.chill(next(iter(self._charges)))
        self._charge.resize(self.charged, forced=True)

    def chill(self, message: Message) -> None:
        """Drop what can be read or derived again."""
        charge = self._charges.pop(message, None)
        if charge is not None:
            self.charged -= charge
            self._charge.resize(self.charged, forced=True)
            self._octets.pop(message, None)
            self._scratch.drop(message)
            message.cache = None


class _InMemory:
    """A small message, read already."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def octets(self, start: int, end: int) -> bytes:
        """Return some of the octets."""
        return self._content[start:end]


class _FromSource:
    """Reads a message's octets from memory for as long as they are warm, else from the source."""

    __slots__ = ("__weakref__", "_key", "_message", "_source", "_warm")

    def __init__(self, source: BodySource, warm: Mapping[Message, bytes], message: Message, key: int) -> None:
        self._source = source
        self._warm = warm
        self._message = message
        self._key = key

    def octets(self, start: int, end: int) -> bytes:
        """Return some of the octets."""
        content = self._warm.get(self._message)
        return self._source.read_octets(self._key, start, end) if content is None else content[start:end]

    def __del__(self) -> None:
        """Tell that nobody is being sent them any more."""
        self._source.finished(self._key)


class Resident:
    """The keeper of messages whose octets stay in memory: only what is left with them has a bound, ``room``."""

    def __init__(self, room: Budget | None = None) -> None:
        self._scratch = Scratch()
        self._room = room

    def content(self, message: Message) -> bytes:
        """Return the octets."""
        body = message.body
        return body.data if isinstance(body, Body) else _body(message).data

    def reading(self, message: Message) -> Reading:
        """Return the body, which lives for as long as anybody has it."""
        return _body(message)

    def envelope(self, message: Message) -> Envelope | None:
        """Return the envelope."""
        return _body(message).envelope

    def keep(self, message: Message, key: str, value: object, octets: int) -> None:
        """Keep nothing for a message whose octets are gone."""

    def scratch(self, message: Message) -> dict[str, Any]:
        """Return what readers left, if it is still there."""
        return self._scratch.of(message)

    def take(self, message: Message, budget: Budget) -> None:
        """Become the keeper of a new message, whose octets count in ``budget``; StoreError when they cannot be had."""
        _body(message).settle(budget, self._room)
        message.keeper = self

    def drop(self, message: Message) -> None:
        """Let go of a message that is in no mailbox any more, and of what was left with it.

        Sessions that were not told yet still have the message, but its octets stay only for its copies and for whoever
        is being sent them.
        """
        self._scratch.drop(message)
        message.cache = None
        message.body = NO_BODY


def _body(message: Message) -> Body:
    if not isinstance(message.body, Body):
        raise StoreError("The message was expunged.", code="EXPUNGEISSUED")
    return message.body
