"""Long changes of a store file, in many short transactions and still all or nothing.

Theory of operation. A change of many messages (:data:`AT_ONCE`) is a *batch*. Before it is committed it is prepared,
some messages in a transaction: *tasks* say which rows are to be deleted or get which flags; copies are put on a shelf.
Nothing of it counts before one short transaction writes the batch's row (and the shelf's). From then on it all counts:
what is removed is no longer asked for, and the tasks are done afterwards, again some rows in a transaction, at the
latest before the file is read again. So a process may end anywhere.

Others change the mailbox meanwhile, and their changes are written at once. So a task leaves rows alone whose
modification sequence is above what the batch has *seen* when its preparation began. Those of the messages that changed
later but belong to the change nevertheless are written with the commit itself.
"""

from __future__ import annotations

from collections import deque
from itertools import count, repeat
from typing import TYPE_CHECKING, Protocol, TypeVar

from labserver.mailstore.shelves import Shelves, uid_ranges

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Container, Iterable, Sequence

    from labserver.mailstore.message import Message
    from labserver.mailstore.shelves import Shelf

__all__ = ["AT_ONCE", "ROW", "Batch", "Staging", "drop_contents", "flags_text"]

T = TypeVar("T")

AT_ONCE = 2_000
"""Messages of the largest change that is written in one transaction; some milliseconds."""
ROW = 512
"""Octets of a row and its place in an index, at most in nearly every case."""
_EVERYTHING = 1 << 62
"""As what a batch has seen: rows are deleted whatever their modification sequence is."""
_LAST_UID = 1 << 32


class Write(Protocol):
    """Runs something in a transaction of its own that adds about so many octets; StoreError when it cannot be."""

    def __call__(self, do: Callable[[], T], *, octets: int) -> T:
        """Do it."""


class Batch:
    """One long change while it is prepared: satisfies :class:`labserver.mailstore.storage.Preparation`."""

    __slots__ = ("_staging", "_write", "committed", "copies", "id", "seen", "tasks")

    def __init__(self, staging: Staging, write: Write, *, number: int, seen: int) -> None:
        self.id = number
        self.seen = seen
        self.tasks = 0
        """Rows of the table ``task``."""
        self.copies = 0
        """Rows on the shelf."""
        self.committed = False
        self._staging = staging
        self._write = write

    @property
    def shelf(self) -> int:
        """The number of its shelf."""
        return -self.id

    def flags(self, mailbox: int, messages: Sequence[Message], flags: Sequence[frozenset[str]]) -> None:
        """Prepare that messages get other flags."""
        self._add_tasks(list(self._staging.shelves.ranges(mailbox, messages, map(flags_text, flags))))

    def removal(self, mailbox: int, messages: Sequence[Message]) -> None:
        """Prepare that messages go."""
        where = self._staging.shelves.ranges(mailbox, messages, repeat(""))
        self._add_tasks([(holder, low, high, None) for holder, low, high, _ in where])

    def copy(self, mailbox: int, messages: Sequence[Message], flags: Sequence[frozenset[str]], *, moved: bool) -> None:
        """Prepare copies, with these flags, behind those prepared before; ``moved``: they replace the messages."""
        places = range(self.copies + 1, self.copies + 1 + len(messages))
        self._write(
            lambda: self._staging.copy(self.shelf, 0, mailbox, (messages, places, flags)),
            octets=0 if moved else ROW * len(messages),
        )
        self.copies += len(messages)

    def close(self) -> None:
        """Leave what was not committed to be deleted."""
        if not self.committed:
            self._staging.abandon(self)

    def _add_tasks(self, ranges: Sequence[tuple[int, int, int, str | None]]) -> None:
        rows = [(self.id, number, *task) for number, task in enumerate(ranges, self.tasks + 1)]
        self._write(lambda: self._staging.add_tasks(rows), octets=0)
        self.tasks += len(rows)


class Staging:
    """What is prepared and what is left to do. All methods but :meth:`batch` are run inside a transaction."""

    def __init__(self, db: sqlite3.Connection, *, at_once: int = AT_ONCE) -> None:
        self.shelves = Shelves()
        self.at_once = at_once
        """Messages of the largest change that is no batch."""
        self.step = max(1, at_once // 4)
        """Rows of one step of what comes after the commit."""
        self._db = db
        self._numbers = count(1)
        self._committed: deque[int] = deque()
        """Batches that have tasks left, in their order."""
        self._abandoned: deque[Batch] = deque()

    def batch(self, write: Write, *, seen: int) -> Batch:
        """Return a batch in which nothing is prepared."""
        return Batch(self, write, number=next(self._numbers), seen=seen)

    def add_tasks(self, rows: Iterable[tuple[int, int, int, int, int, str | None]]) -> None:
        """Add what is to be done: batch, number, holder, lowest and highest row, their flags or None to delete them."""
        self._db.executemany("INSERT INTO task (batch, number, holder, low, high, flags) VALUES (?,?,?,?,?,?)", rows)

    def copy(
        self,
        holder: int,
        modseq: int,
        source: int,
        copies: tuple[Iterable[Message], Iterable[int], Iterable[frozenset[str]]],
    ) -> None:
        """Copy rows to a holder: of messages, to rows with these UIDs, with these flags.

        What a row in the file says of flags may be old, because a task is to change it; they are written then.
        """
        messages, places, flags = copies
        old = bool(self._committed)
        values = [
            (place - message.uid, flags_text(own) if old or own != message.flags else None)
            for message, place, own in zip(messages, places, flags, strict=True)
        ]
        rows: list[tuple[int, int, str | None, int, int, int, int]] = []
        for low, high, (distance, text) in uid_ranges(messages, values):
            uid = low
            for place, first, last in self.shelves.places(source, low, high):
                rows.append((holder, uid - first + distance, text, modseq, place, first, last))
                uid += last - first + 1
        self._db.executemany(
            "INSERT INTO message (mailbox, uid, flags, internal_date, size, modseq, content)"
            " SELECT ?, uid + ?, coalesce(?, flags), internal_date, size, ?, content"
            " FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            rows,
        )

    def commit(self, number: int, *, seen: int, modseq: int) -> None:
        """Have the tasks of a batch count."""
        self._db.execute("INSERT INTO batch (id, seen, modseq) VALUES (?, ?, ?)", (number, seen, modseq))

    def add_shelf(self, shelf: Shelf) -> None:
        """Have what is on a shelf count."""
        self._db.execute(
            "INSERT INTO shelf (id, mailbox, distance, last, modseq) VALUES (?, ?, ?, ?, ?)",
            (shelf.id, shelf.mailbox, shelf.distance, shelf.last, shelf.modseq),
        )

    def remove_all(self, mailbox: int) -> int:
        """Have a mailbox's rows count no more, and return the number of the batch that deletes them."""
        number = next(self._numbers)
        holders = [mailbox, *(shelf.id for shelf in self.shelves.of(mailbox))]
        self.add_tasks((number, task, holder, 0, _LAST_UID, None) for task, holder in enumerate(holders, 1))
        self.commit(number, seen=_EVERYTHING, modseq=0)
        return number

    def committed(self, number: int) -> None:
        """Take note that the transaction of :meth:`commit` was committed; needs no transaction."""
        self._committed.append(number)

    def abandon(self, batch: Batch) -> None:
        """Take note that a batch will not be committed; needs no transaction."""
        self._abandoned.append(batch)

    @property
    def due(self) -> bool:
        """Whether something is left to do."""
        return bool(self._committed or self._abandoned)

    def do_some(self, being_sent: Container[int]) -> Callable[[], object]:
        """Do some of what is left; the result is to be called when that was committed."""
        if self._committed:
            number = self._committed[0]
            return self._committed.popleft if self._do_some_tasks(number, being_sent) else _nothing
        return self._abandoned.popleft if self._drop_some(self._abandoned[0], being_sent) else _nothing

    def _do_some_tasks(self, number: int, being_sent: Container[int]) -> bool:
        """Do some tasks of a committed batch; return whether it is done."""
        seen, modseq = self._db.execute("SELECT seen, modseq FROM batch WHERE id = ?", (number,)).fetchone()
        tasks = self._db.execute(
            "SELECT number, holder, low, high, flags FROM task WHERE batch = ? ORDER BY number LIMIT ?",
            (number, self.step),
        ).fetchall()
        left = self.step
        done = 0
        for task, holder, low, high, flags in tasks:
            if flags is None:
                rows, last = self._delete(holder, low, high, seen, left, being_sent)
            else:
                rows, last = self._set_flags(holder, low, high, seen, left, (flags, modseq))
            left -= rows + 1
            if last < high:
                self._db.execute("UPDATE task SET low = ? WHERE batch = ? AND number = ?", (last + 1, number, task))
                break
            done = task
            if left <= 0:
                break
        self._db.execute("DELETE FROM task WHERE batch = ? AND number <= ?", (number, done))
        if self._db.execute("SELECT 1 FROM task WHERE batch = ?", (number,)).fetchone() is not None:
            return False
        self._db.execute("DELETE FROM batch WHERE id = ?", (number,))
        return True

    def _last(self, holder: int, low: int, high: int, most: int) -> tuple[int, int]:
        """Return how many rows there are, not counting beyond ``most``, and up to where."""
        rows, last = self._db.execute(
            "SELECT count(*), max(uid) FROM"
            " (SELECT uid FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?)",
            (holder, low, high, most),
        ).fetchone()
        return (rows, last) if rows == most else (rows, high)

    def _set_flags(
        self, holder: int, low: int, high: int, seen: int, most: int, become: tuple[str, int]
    ) -> tuple[int, int]:
        rows, last = self._last(holder, low, high, max(1, most))
        self._db.execute(
            "UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ? AND modseq <= ?",
            (*become, holder, low, last, seen),
        )
        return rows, last

    def _delete(
        self, holder: int, low: int, high: int, seen: int, most: int, being_sent: Container[int]
    ) -> tuple[int, int]:
        rows, last = self._last(holder, low, high, max(1, most))
        of_these = (holder, low, last, seen)
        contents = self._db.execute(
            "SELECT content FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? AND modseq <= ?", of_these
        ).fetchall()
        self._db.execute("DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? AND modseq <= ?", of_these)
        drop_contents(self._db, [content for (content,) in contents], being_sent)
        return rows, last

    def _drop_some(self, batch: Batch, being_sent: Container[int]) -> bool:
        """Delete some of what was prepared for a batch that will not be; return whether nothing is left."""
        self._db.execute(
            "DELETE FROM task WHERE batch = ? AND number IN"
            " (SELECT number FROM task WHERE batch = ? ORDER BY number LIMIT ?)",
            (batch.id, batch.id, self.step),
        )
        if self._db.execute("SELECT 1 FROM task WHERE batch = ?", (batch.id,)).fetchone() is not None:
            return False
        _, last = self._delete(batch.shelf, 1, batch.copies, _EVERYTHING, self.step, being_sent)
        return last >= batch.copies

    def resume(self) -> None:
        """Do what an earlier process left to do, drop what it only prepared, and read the shelves."""
        self._db.execute("DELETE FROM task WHERE batch NOT IN (SELECT id FROM batch)")
        self._committed.extend(number for (number,) in self._db.execute("SELECT id FROM batch ORDER BY place"))
        while self._committed:
            self.do_some(())()
        lost = "SELECT DISTINCT mailbox FROM message WHERE mailbox < 0 AND mailbox NOT IN (SELECT id FROM shelf)"
        for (holder,) in self._db.execute(lost).fetchall():
            self._delete(holder, 0, _LAST_UID, _EVERYTHING, _LAST_UID, ())
        self.shelves.load(self._db)
        (lowest,) = self._db.execute("SELECT coalesce(min(id), 0) FROM shelf").fetchone()
        self._numbers = count(1 - lowest)


def drop_contents(db: sqlite3.Connection, keys: Sequence[int], being_sent: Container[int]) -> None:
    """Delete contents of removed messages, except where a copy still has them.

    What is being sent is kept until it is sent, by a row in a mailbox that nobody has.
    """
    db.executemany(
        "INSERT OR IGNORE INTO message (mailbox, uid, flags, internal_date, size, modseq, content)"
        " VALUES (0, ?1, '', '', 0, 0, ?1)",
        [(key,) for key in keys if key in being_sent],
    )
    db.executemany(
        "DELETE FROM content WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE content = ?1)",
        [(key,) for key in keys],
    )


def _nothing() -> None:
    """Do nothing."""


def flags_text(flags: frozenset[str]) -> str:
    """Return flags as a row has them."""
    return " ".join(sorted(flags))
