"""What a message has besides what every store keeps: whole numbers, each of which begins when it comes into a mailbox.

A store is made with a table of properties, and both kinds of storage keep them. A message that was in the store before
a property was known does not have it. In memory a message has the number itself if there is one property, a tuple if
there are more; a date that is the message's internal date is the same object, so that it takes no memory of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labserver.mailstore.message import Message

__all__ = ["Kept", "Properties", "Property"]

Kept = int | tuple[int | None, ...] | None
"""What a message has of all properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property."""

    name: str
    """As store files have it; permanent."""
    begins: Callable[[int, int | None], int]
    """Returns the number of a message that comes into a mailbox, for as long as it is there.

    Given are the moment, as :func:`labserver.mailstore.moments.packed` makes it, and the number of the message of which
    it is a copy; None if it is no copy, or a copy of one that has none.
    """


class Properties:
    """The properties of one store's messages."""

    def __init__(self, table: Sequence[Property] = ()) -> None:
        self._table = tuple(table)
        self.names = tuple(one.name for one in table)

    def begin(self, moment: int, arrived: int, original: Message | None = None) -> Kept:
        """Return what a message has that comes into a mailbox now, as a copy if there is an ``original``."""
        if not self._table:
            return None
        if len(self._table) == 1:
            value = self._table[0].begins(moment, None if original is None else self.of(original)[0])
            return arrived if value == arrived else value
        before = self.of(original) if original is not None else (None,) * len(self._table)
        values = [one.begins(moment, value) for one, value in zip(self._table, before, strict=True)]
        return tuple(arrived if value == arrived else value for value in values)

    def value(self, name: str, message: Message) -> int | None:
        """Return a message's number; None if it has none, or the store does not know the property."""
        return self.of(message)[self.names.index(name)] if name in self.names else None

    def of(self, message: Message) -> tuple[int | None, ...]:
        """Return a message's numbers in the order of :attr:`names`, None for each that it does not have."""
        kept = message.properties
        if isinstance(kept, tuple):
            return kept
        return (None,) * len(self._table) if kept is None else (kept,)

    def put(self, message: Message, place: int, value: int) -> None:
        """Give a message the number of the property in that place; for storages that load it."""
        if len(self._table) == 1:
            message.properties = value
        else:
            values = list(self.of(message))
            values[place] = value
            message.properties = tuple(values)
