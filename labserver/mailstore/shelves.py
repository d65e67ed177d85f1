"""Where the rows of messages are in a store file: under their mailbox, or on a shelf.

A long COPY or MOVE writes its rows in many transactions before anybody may see them. So it puts them on a *shelf*: a
negative number in place of the mailbox, and UIDs from 1 on. One row of the table ``shelf`` then says whose they are and
how far their UIDs are from those that clients see; only with it do they exist. They stay there for good.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from labserver.mailstore.message import Message

__all__ = ["Shelf", "Shelves", "uid_ranges"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Rows that a mailbox has elsewhere."""

    id: int
    """Negative; what the rows have in place of the mailbox."""
    mailbox: int
    distance: int
    """What is added to a row's UID to make the message's."""
    last: int
    """The highest UID of a row when the shelf was filled; the lowest was 1."""
    modseq: int
    """The modification sequence of rows that have 0."""

    @property
    def first_uid(self) -> int:
        """The message's UID of the first row."""
        return self.distance + 1

    @property
    def last_uid(self) -> int:
        """The message's UID of the last row."""
        return self.distance + self.last


_last_uid = attrgetter("last_uid")


class Shelves:
    """All shelves that belong to a mailbox, as the file has them."""

    def __init__(self) -> None:
        self._of: dict[int, list[Shelf]] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """Read the table, after those that are empty were taken from it."""
        db.execute("DELETE FROM shelf WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.mailbox = shelf.id)")
        for number, mailbox, distance, last, modseq in db.execute(
            "SELECT id, mailbox, distance, last, modseq FROM shelf"
        ):
            self.add(Shelf(id=number, mailbox=mailbox, distance=distance, last=last, modseq=modseq))

    def add(self, shelf: Shelf) -> None:
        """Note a shelf that was committed."""
        insort(self._of.setdefault(shelf.mailbox, []), shelf, key=_last_uid)

    def remove(self, mailbox: int) -> None:
        """Forget the shelves of a mailbox that was deleted."""
        self._of.pop(mailbox, None)

    def of(self, mailbox: int) -> list[Shelf]:
        """Return a mailbox's shelves, ascending by UID."""
        return self._of.get(mailbox, [])

    def places(self, mailbox: int, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """Yield where the messages ``low`` to ``high`` are: what stands for the mailbox, and the rows' UIDs."""
        shelves = self._of.get(mailbox)
        if shelves:
            for shelf in shelves[bisect_left(shelves, low, key=_last_uid) :]:
                if shelf.first_uid > high:
                    break
                if low < shelf.first_uid:
                    yield mailbox, low, shelf.first_uid - 1
                last = min(high, shelf.last_uid)
                yield shelf.id, max(low, shelf.first_uid) - shelf.distance, last - shelf.distance
                low = last + 1
        if low <= high:
            yield mailbox, low, high

    def ranges(
        self, mailbox: int, messages: Iterable[Message], values: Iterable[V]
    ) -> Iterator[tuple[int, int, int, V]]:
        """Yield where messages are, as :meth:`places` does: those with UIDs in a row and one value together, with it.

        A statement about a range costs a fifth of one for each of its messages.
        """
        for low, high, value in uid_ranges(messages, values):
            for holder, first, last in self.places(mailbox, low, high):
                yield holder, first, last, value


def uid_ranges(messages: Iterable[Message], values: Iterable[V]) -> Iterator[tuple[int, int, V]]:
    """Yield first and last UID of messages whose UIDs follow each other and whose values are one, and the value."""
    low = high = 0
    value: V | None = None
    for message, own in zip(messages, values, strict=False):
        uid = message.uid
        if uid != high + 1 or own != value:
            if value is not None:
                yield low, high, value
            low, value = uid, own
        high = uid
    if value is not None:
        yield low, high, value
