"""How a store file becomes accounts and mailboxes again; messages come without their octets."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from labserver.mailstore.message import Message
from labserver.mailstore.moments import packed
from labserver.mailstore.storage import Contents, StoredAccount, StoredMailbox

if TYPE_CHECKING:
    import sqlite3

    from labserver.mailstore.message import Keeper
    from labserver.mailstore.properties import Properties
    from labserver.mailstore.shelves import Shelves

__all__ = ["Reader"]

_UID = attrgetter("uid")


class Reader:
    """Reads everything once. ValueError or TypeError where a row makes no sense, sqlite3.Error where there is none."""

    def __init__(self, db: sqlite3.Connection, keeper: Keeper, shelves: Shelves, properties: Properties) -> None:
        self._db = db
        self._shelves = shelves
        self._keeper = keeper
        self._properties = properties
        self._flags: dict[str, frozenset[str]] = {}

    def contents(self) -> Contents:
        """Return all accounts."""
        (last_uid_validity,) = self._db.execute("SELECT last_uid_validity FROM lab").fetchone()
        names = self._db.execute("SELECT name FROM account ORDER BY id").fetchall()
        return Contents(accounts=[self._account(name) for (name,) in names], last_uid_validity=last_uid_validity)

    def _account(self, name: str) -> StoredAccount:
        mailboxes = self._db.execute(
            "SELECT name, uid_validity, special_use, uid_next, highest_modseq, first_recent, keywords"
            " FROM mailbox WHERE account = ? ORDER BY uid_validity",
            (name,),
        ).fetchall()
        return StoredAccount(
            name=name,
            mailboxes=[self._mailbox(*row) for row in mailboxes],
            containers=self._names("SELECT name FROM container WHERE account = ?", name),
            subscriptions=self._names("SELECT name FROM subscription WHERE account = ?", name),
        )

    def _names(self, query: str, account: str) -> frozenset[str]:
        return frozenset(name for (name,) in self._db.execute(query, (account,)))

    def _mailbox(
        self,
        name: str,
        uid_validity: int,
        special_use: str | None,
        uid_next: int,
        highest_modseq: int,
        first_recent: int,
        keywords: str,
    ) -> StoredMailbox:
        messages = self._messages(uid_validity)
        for shelf in self._shelves.of(uid_validity):
            messages += self._messages(shelf.id, shelf.distance, shelf.modseq)
        messages.sort(key=_UID)
        self._give_properties(uid_validity, messages)
        return StoredMailbox(
            name=name,
            uid_validity=uid_validity,
            special_use=special_use,
            uid_next=uid_next,
            highest_modseq=highest_modseq,
            first_recent=first_recent,
            keywords=keywords.split(),
            messages=messages,
        )

    def _give_properties(self, mailbox: int, messages: list[Message]) -> None:
        """Give messages, ascending by UID, the properties that the file has of them."""
        put = self._properties.put
        for place, name in enumerate(self._properties.names):
            end = len(messages)
            for first, value in self._db.execute(
                "SELECT first, value FROM property WHERE mailbox = ? AND name = ? ORDER BY first DESC", (mailbox, name)
            ):
                start = bisect_left(messages, first, key=_UID)
                for message in messages[start:end]:
                    put(message, place, message.arrived if value is None else value)
                end = start

    def _messages(self, holder: int, distance: int = 0, modseq: int = 0) -> list[Message]:
        rows = self._db.execute(
            "SELECT uid + ?, flags, internal_date, size, CASE modseq WHEN 0 THEN ? ELSE modseq END, content"
            " FROM message WHERE mailbox = ? ORDER BY uid",
            (distance, modseq, holder),
        )
        return [self._message(*row) for row in rows]

    def _message(self, uid: int, flags: str, internal_date: str, size: int, modseq: int, content: int) -> Message:
        flag_set = self._flags.get(flags)
        if flag_set is None:
            flag_set = self._flags[flags] = frozenset(flags.split())
        return Message(
            uid=uid,
            flags=flag_set,
            arrived=packed(datetime.fromisoformat(internal_date)),
            modseq=modseq,
            body=content,
            size=size,
            keeper=self._keeper,
        )
