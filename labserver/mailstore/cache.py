"""Which messages' octets stay in memory when a storage can bring them back: the most recently read, up to a bound.

A message is *warm* when its octets or what readers derived from them are in memory. Each warm message is charged its
octets (once they were read) and an allowance for the rest; when the sum passes the bound, the messages read longest ago
go cold: octets and derived cache are dropped together, since one often pins the other. The last one read always stays.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.message import Body, Message

__all__ = ["BodySource", "WarmMessages"]

ALLOWANCE = 1_024
"""Octets charged for a warm message's derived cache."""


class BodySource(Protocol):
    """Where octets and envelopes are read from by :attr:`labserver.mailstore.message.Body.key`."""

    def read_content(self, body: Body) -> bytes:
        """Return the octets; StoreError (``EXPUNGEISSUED`` when they are no more)."""

    def read_envelope(self, body: Body) -> Envelope | None:
        """Return the envelope; StoreError like :meth:`read_content`."""


class WarmMessages:
    """The keeper of messages that live in a storage: reads octets when asked, holds ``capacity`` of them at most."""

    def __init__(self, source: BodySource, *, capacity: int) -> None:
        self._source = source
        self._capacity = capacity
        self._charges: OrderedDict[Message, int] = OrderedDict()
        self.charged = 0
        """The sum of all charges, in octets."""

    def __contains__(self, message: Message) -> bool:
        return message in self._charges

    def content(self, message: Message) -> bytes:
        """Return the octets, from memory or from the source."""
        body = message.body
        data = body.data
        if data is None:
            data = body.data = self._source.read_content(body)
        self.warm(message, body.size + ALLOWANCE)
        return data

    def envelope(self, message: Message) -> Envelope | None:
        """Return the envelope, from the source each time: it is small and rarely asked for."""
        return self._source.read_envelope(message.body)

    def derived(self, message: Message) -> dict[str, Any]:
        """Return the readers' cache; it lives as long as the message is warm."""
        self.warm(message, ALLOWANCE)
        return message.cache

    def adopt(self, message: Message) -> None:
        """Become the keeper of a message the storage has just kept; its octets begin warm."""
        message.keeper = self
        message.body.envelope = None
        self.warm(message, message.size + ALLOWANCE)

    def warm(self, message: Message, charge: int) -> None:
        """Count ``message`` as read last, and let others go cold for it."""
        before = self._charges.get(message, 0)
        self._charges[message] = max(before, charge)
        self._charges.move_to_end(message)
        self.charged += max(before, charge) - before
        while self.charged > self._capacity and len(self._charges) > 1:
            self.chill(next(iter(self._charges)))

    def chill(self, message: Message) -> None:
        """Drop what can be read or derived again."""
        charge = self._charges.pop(message, None)
        if charge is not None:
            self.charged -= charge
            message.body.data = None
            message.cache = {}
