"""How each change of the store becomes SQL. Run inside one transaction; its caller begins, commits and rolls back."""

from __future__ import annotations

from dataclasses import fields
from itertools import repeat
from typing import TYPE_CHECKING, TypeVar

from labserver.mailstore.message import Body
from labserver.mailstore.storage import (
    AccountAdded,
    ContainerAdded,
    ContainerRemoved,
    FlagsStored,
    MailboxAdded,
    MailboxRemoved,
    MailboxRenamed,
    MessagesAdded,
    MessagesRemoved,
    RecentClaimed,
    SubscriptionAdded,
    SubscriptionRemoved,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from labserver.mailstore.message import Message
    from labserver.mailstore.storage import Change

__all__ = ["Writer", "added", "drop_sent", "key_of"]

V = TypeVar("V")

_ROW = 512
"""Octets of a row and its place in an index, at most in nearly every case."""
_STATEMENTS: dict[type[object], tuple[str, ...]] = {
    AccountAdded: ("INSERT INTO account (name) VALUES (:account)",),
    MailboxAdded: (
        """INSERT INTO mailbox (account, name, uid_validity, special_use)
           VALUES (:account, :name, :uid_validity, :special_use)""",
        "UPDATE lab SET last_uid_validity = max(last_uid_validity, :uid_validity)",
    ),
    MailboxRenamed: ("UPDATE mailbox SET name = :name WHERE uid_validity = :mailbox",),
    ContainerAdded: ("INSERT INTO container VALUES (:account, :name)",),
    ContainerRemoved: ("DELETE FROM container WHERE account = :account AND name = :name",),
    SubscriptionAdded: ("INSERT INTO subscription VALUES (:account, :name)",),
    SubscriptionRemoved: ("DELETE FROM subscription WHERE account = :account AND name = :name",),
    RecentClaimed: ("UPDATE mailbox SET first_recent = :first_recent WHERE uid_validity = :mailbox",),
}
"""Changes whose fields are the statements' parameters."""


class Writer:
    """Writes the changes of one transaction and remembers the keys it gave to bodies, which are real once committed."""

    def __init__(self, db: sqlite3.Connection, *, being_sent: Container[int], numbers: Iterator[int]) -> None:
        self._db = db
        self._being_sent = being_sent
        self._numbers = numbers
        """Keys of bodies to come, none of which another has had: whoever still has a removed message gets no other."""
        self.keys: dict[Body, int] = {}

    def write(self, change: Change) -> None:
        """Write one change; sqlite3.Error when it cannot be."""
        match change:
            case MessagesAdded():
                self._add(change)
            case MessagesRemoved():
                self._remove(change)
            case FlagsStored():
                self._store_flags(change)
            case MailboxRemoved():
                self._db.execute("DELETE FROM message WHERE mailbox = ?", (change.mailbox,))
                self._db.execute("DELETE FROM mailbox WHERE uid_validity = ?", (change.mailbox,))
                self._drop_bodies(change.messages)
            case _:
                parameters = {field.name: getattr(change, field.name) for field in fields(change)}
                for statement in _STATEMENTS[type(change)]:
                    self._db.execute(statement, parameters)

    def _add(self, change: MessagesAdded) -> None:
        if change.copies:
            self._copy(change)
        else:
            self._insert_messages(change)
        self._db.execute(
            "UPDATE mailbox SET uid_next = ?, highest_modseq = ?, keywords = coalesce(?, keywords)"
            " WHERE uid_validity = ?",
            (change.uid_next, change.modseq, _words(change.keywords), change.mailbox),
        )

    def _copy(self, change: MessagesAdded) -> None:
        """Have the rows copied where they are, and the flags written that are spelled differently in the target."""
        moved = [new.uid - old.uid for new, old in zip(change.messages, change.copies, strict=True)]
        self._db.executemany(
            "INSERT INTO message (mailbox, uid, flags, internal_date, size, modseq, content)"
            " SELECT ?, uid + ?, flags, internal_date, size, ?, content"
            " FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [
                (change.mailbox, distance, change.modseq, change.source, low, high)
                for low, high, distance in _ranges(change.copies, moved)
            ],
        )
        pairs = zip(change.messages, change.copies, strict=True)
        respelled = [new for new, old in pairs if new.flags != old.flags]
        self._db.executemany(
            "UPDATE message SET flags = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [
                (" ".join(sorted(flags)), change.mailbox, low, high)
                for low, high, flags in _ranges(respelled, [message.flags for message in respelled])
            ],
        )

    def _insert_messages(self, change: MessagesAdded) -> None:
        self._db.executemany(
            "INSERT INTO message (mailbox, uid, flags, internal_date, size, modseq, content) VALUES (?,?,?,?,?,?,?)",
            [
                (
                    change.mailbox,
                    message.uid,
                    " ".join(sorted(message.flags)),
                    message.internal_date.isoformat(),
                    message.size,
                    message.modseq,
                    self._key(message),
                )
                for message in change.messages
            ],
        )

    def _remove(self, change: MessagesRemoved) -> None:
        self._db.executemany(
            "DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [(change.mailbox, low, high) for low, high, _ in _ranges(change.messages, repeat(""))],
        )
        self._db.execute(
            "UPDATE mailbox SET highest_modseq = ?, keywords = coalesce(?, keywords) WHERE uid_validity = ?",
            (change.modseq, _words(change.keywords), change.mailbox),
        )
        if not change.keeps_octets:
            self._drop_bodies(change.messages)

    def _store_flags(self, change: FlagsStored) -> None:
        self._db.executemany(
            "UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [
                (" ".join(sorted(flags)), change.modseq, change.mailbox, low, high)
                for low, high, flags in _ranges(change.messages, change.flags)
            ],
        )
        self._db.execute(
            "UPDATE mailbox SET highest_modseq = ?, keywords = coalesce(?, keywords) WHERE uid_validity = ?",
            (change.modseq, _words(change.keywords), change.mailbox),
        )

    def _key(self, message: Message) -> int:
        """Return the key of the message's octets; those the file does not have yet are added to it."""
        body = message.body
        if isinstance(body, Body) and body not in self.keys:
            envelope = body.envelope.to_json() if body.envelope is not None else None
            self.keys[body] = self._insert(body, envelope)
        return key_of(message, self.keys)

    def _insert(self, body: Body, envelope: str | None) -> int:
        """Add a body; one that was too large for memory so far is written in pieces, and is never there whole."""
        key = next(self._numbers)
        if body.source is None or body.source.resident:
            octets = body.fetch()
            self._db.execute("INSERT INTO content (id, octets, envelope) VALUES (?, ?, ?)", (key, octets, envelope))
            return key
        self._db.execute(
            "INSERT INTO content (id, octets, envelope) VALUES (?, zeroblob(?), ?)", (key, body.size, envelope)
        )
        with self._db.blobopen("content", "octets", key) as blob:
            for piece in body.source.pieces():
                blob.write(piece)
        return key

    def _drop_bodies(self, messages: Sequence[Message]) -> None:
        """Delete the bodies of removed messages, except where a copy still has them.

        What is being sent is kept until it is sent, by a row in a mailbox that nobody has.
        """
        self._db.executemany(
            "INSERT OR IGNORE INTO message (mailbox, uid, flags, internal_date, size, modseq, content)"
            " VALUES (0, ?1, '', '', 0, 0, ?1)",
            [(message.body,) for message in messages if message.body in self._being_sent],
        )
        self._db.executemany(
            "DELETE FROM content WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE content = ?1)",
            [(message.body,) for message in messages],
        )


def _ranges(messages: Iterable[Message], values: Iterable[V]) -> Iterator[tuple[int, int, V]]:
    """Yield first and last UID of messages whose UIDs follow each other and whose values are the same, and the value.

    A statement about a range costs a fifth of one for each of its messages.
    """
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


def drop_sent(db: sqlite3.Connection, being_sent: Container[int] = ()) -> None:
    """Delete what was kept for being sent when its message was removed, and is sent by now."""
    kept = db.execute("SELECT uid FROM message WHERE mailbox = 0").fetchall()
    for (key,) in kept:
        if key not in being_sent:
            db.execute("DELETE FROM message WHERE mailbox = 0 AND uid = ?", (key,))
            db.execute(
                "DELETE FROM content WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE content = ?1)", (key,)
            )


def key_of(message: Message, keys: Mapping[Body, int]) -> int:
    """Return the key of a message's octets, which it has or which ``keys`` gives to its body."""
    return message.body if isinstance(message.body, int) else keys[message.body]


def added(changes: Sequence[Change]) -> int:
    """Return about how many octets the file grows by what is added; 0 for changes that add nothing that is new.

    A message that moves takes the place of itself.
    """
    if any(isinstance(change, MessagesRemoved | MailboxRemoved | FlagsStored | RecentClaimed) for change in changes):
        return 0
    new = [message for change in changes if isinstance(change, MessagesAdded) for message in change.messages]
    bodies = {message.body for message in new if isinstance(message.body, Body)}
    return sum(body.size for body in bodies) + _ROW * (len(new) + len(changes))


def _words(words: Sequence[str] | None) -> str | None:
    return None if words is None else " ".join(words)
