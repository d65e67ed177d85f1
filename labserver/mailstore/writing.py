"""How each change of the store becomes SQL. Run inside one transaction; its caller begins, commits and rolls back."""

from __future__ import annotations

from dataclasses import fields
from itertools import groupby, repeat
from typing import TYPE_CHECKING

from labserver.mailstore.message import Body
from labserver.mailstore.shelves import Shelf
from labserver.mailstore.staging import ROW, Batch, drop_contents, flags_text
from labserver.mailstore.storage import (
    AccountAdded,
    AccountRemoved,
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
    from collections.abc import Container, Iterator, Mapping, Sequence

    from labserver.mailstore.message import Message
    from labserver.mailstore.properties import Properties
    from labserver.mailstore.staging import Staging
    from labserver.mailstore.storage import Change

__all__ = ["Writer", "added", "drop_sent", "key_of"]

_STATEMENTS: dict[type[object], tuple[str, ...]] = {
    AccountAdded: ("INSERT INTO account (name) VALUES (:account)",),
    AccountRemoved: (
        "DELETE FROM container WHERE account = :account",
        "DELETE FROM subscription WHERE account = :account",
        "DELETE FROM account WHERE name = :account",
    ),
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

    def __init__(
        self,
        db: sqlite3.Connection,
        staging: Staging,
        properties: Properties,
        *,
        being_sent: Container[int],
        numbers: Iterator[int],
    ) -> None:
        self._db = db
        self._staging = staging
        self._properties = properties
        self._being_sent = being_sent
        self._numbers = numbers
        """Keys of bodies to come, none of which another has had: whoever still has a removed message gets no other."""
        self.keys: dict[Body, int] = {}
        self.batches: list[int] = []
        """The batches whose tasks are to be done once it is committed."""
        self.shelves: list[Shelf] = []
        """Those that are real once it is committed."""

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
                self._remove_mailbox(change)
            case _:
                parameters = {field.name: getattr(change, field.name) for field in fields(change)}
                for statement in _STATEMENTS[type(change)]:
                    self._db.execute(statement, parameters)

    def _add(self, change: MessagesAdded) -> None:
        if change.copies:
            self._copy(change)
        else:
            self._insert_messages(change)
        self._add_properties(change)
        self._db.execute(
            "UPDATE mailbox SET uid_next = ?, highest_modseq = ?, keywords = coalesce(?, keywords)"
            " WHERE uid_validity = ?",
            (change.uid_next, change.modseq, _words(change.keywords), change.mailbox),
        )

    def _add_properties(self, change: MessagesAdded) -> None:
        """Write where the numbers become others than those of the mailbox's last message."""
        for place, name in enumerate(self._properties.names):
            last = self._db.execute(
                "SELECT value FROM property WHERE mailbox = ? AND name = ? ORDER BY first DESC LIMIT 1",
                (change.mailbox, name),
            ).fetchone()

            def written(message: Message, place: int = place) -> int | None:
                value = self._properties.of(message)[place]
                return None if value == message.arrived else value

            for value, messages in groupby(change.messages, written):
                if last != (value,):
                    self._db.execute(
                        "INSERT INTO property VALUES (?, ?, ?, ?)", (change.mailbox, name, next(messages).uid, value)
                    )
                    last = (value,)

    def _copy(self, change: MessagesAdded) -> None:
        """Have the rows copied where they are, with the flags that the copies have."""
        new, old = change.messages, change.copies
        prepared = change.prepared
        if not isinstance(prepared, Batch):
            copies = old, [message.uid for message in new], [message.flags for message in new]
            self._staging.copy(change.mailbox, change.modseq, change.source, copies)
            return
        if change.changed:
            rows = enumerate(zip(new, old, strict=True), 1)
            again = [
                (flags_text(copy.flags), prepared.shelf, row) for row, (copy, was) in rows if was in change.changed
            ]
            self._db.executemany("UPDATE message SET flags = ? WHERE mailbox = ? AND uid = ?", again)
        distance = new[0].uid - 1
        shelf = Shelf(id=prepared.shelf, mailbox=change.mailbox, distance=distance, last=len(new), modseq=change.modseq)
        self._staging.add_shelf(shelf)
        self.shelves.append(shelf)

    def _insert_messages(self, change: MessagesAdded) -> None:
        self._db.executemany(
            "INSERT INTO message (mailbox, uid, flags, internal_date, size, modseq, content) VALUES (?,?,?,?,?,?,?)",
            [
                (
                    change.mailbox,
                    message.uid,
                    flags_text(message.flags),
                    message.internal_date.isoformat(),
                    message.size,
                    message.modseq,
                    self._key(message),
                )
                for message in change.messages
            ],
        )

    def _remove(self, change: MessagesRemoved) -> None:
        messages = self._unprepared(change)
        self._db.executemany(
            "DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [where[:3] for where in self._staging.shelves.ranges(change.mailbox, messages, repeat(""))],
        )
        self._count(change)
        if not change.keeps_octets:
            self._drop_bodies(messages)

    def _remove_mailbox(self, change: MailboxRemoved) -> None:
        """Delete the mailbox; if it has many messages, their rows are deleted later."""
        self._db.execute("DELETE FROM mailbox WHERE uid_validity = ?", (change.mailbox,))
        self._db.execute("DELETE FROM property WHERE mailbox = ?", (change.mailbox,))
        if len(change.messages) > self._staging.at_once:
            self.batches.append(self._staging.remove_all(change.mailbox))
        else:
            for holder in [change.mailbox, *(shelf.id for shelf in self._staging.shelves.of(change.mailbox))]:
                self._db.execute("DELETE FROM message WHERE mailbox = ?", (holder,))
            self._drop_bodies(change.messages)
        self._db.execute("DELETE FROM shelf WHERE mailbox = ?", (change.mailbox,))

    def _store_flags(self, change: FlagsStored) -> None:
        messages, flags = self._unprepared(change), change.flags
        if change.prepared is not None:
            pairs = zip(change.messages, flags, strict=True) if messages else ()
            flags = [own for message, own in pairs if message in change.changed]
        self._db.executemany(
            "UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            [
                (flags_text(own), change.modseq, *where)
                for *where, own in self._staging.shelves.ranges(change.mailbox, messages, flags)
            ],
        )
        self._count(change)

    def _unprepared(self, change: MessagesRemoved | FlagsStored) -> Sequence[Message]:
        """Return the messages for which nothing fitting was prepared; what was prepared of the others counts now."""
        prepared = change.prepared
        if not isinstance(prepared, Batch):
            return change.messages
        self._staging.commit(prepared.id, seen=prepared.seen, modseq=change.modseq)
        self.batches.append(prepared.id)
        return [message for message in change.messages if message in change.changed] if change.changed else []

    def _count(self, change: MessagesRemoved | FlagsStored) -> None:
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
        """Delete the bodies of removed messages, except where a copy still has them."""
        drop_contents(
            self._db, [message.body for message in messages if isinstance(message.body, int)], self._being_sent
        )


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
    additions = [change for change in changes if isinstance(change, MessagesAdded) and change.prepared is None]
    new = [message for change in additions for message in change.messages]
    bodies = {message.body for message in new if isinstance(message.body, Body)}
    return sum(body.size for body in bodies) + ROW * (len(new) + len(changes))


def _words(words: Sequence[str] | None) -> str | None:
    return None if words is None else " ".join(words)
