"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE and STATUS (RFC 3501 6.3); the account does the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import Refused
from labserver.imap.status import parse_items, status_response
from labserver.imap.vocabulary import Done

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["Create", "Delete", "Rename", "Status", "Subscribe"]


def _one_mailbox(cursor: Cursor) -> str:
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    r"""CREATE, with a special use where CREATE-SPECIAL-USE is on (RFC 6154 3): ``CREATE name (USE (\Sent))``."""

    mailbox: str
    special_use: str | None

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect) -> Create:
        """Read a name and its parameters."""
        cursor.space()
        mailbox = cursor.mailbox()
        uses: list[str] = []
        if dialect.has("CREATE-SPECIAL-USE") and cursor.skip(b" ("):
            cursor.expect(b"USE ")
            uses = cursor.parenthesised(lambda: _use(cursor))
            cursor.expect(b")")
        cursor.end()
        if len(uses) > 1:
            raise Refused("A mailbox has one special use here", "USEATTR")
        return cls(mailbox=mailbox, special_use=uses[0] if uses else None)

    def answer(self, session: Session) -> Answer:
        """Make it; the store refuses what cannot be."""
        session.account.create(self.mailbox, special_use=self.special_use)
        yield from ()
        return Done()


def _use(cursor: Cursor) -> str:
    cursor.expect(b"\\")
    return "\\" + cursor.word().decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """DELETE."""

    mailbox: str

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Delete:
        """Read a name."""
        return cls(mailbox=_one_mailbox(cursor))

    def answer(self, session: Session) -> Answer:
        """Delete it; sessions that have it selected find out when they use it."""
        yield from session.account.delete_in_turns(self.mailbox, session.effort)
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """RENAME."""

    old: str
    new: str

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Rename:
        """Read two names."""
        cursor.space()
        old = cursor.mailbox()
        return cls(old=old, new=_one_mailbox(cursor))

    def answer(self, session: Session) -> Answer:
        """Rename it with everything below; of INBOX the messages move (RFC 3501 6.3.5)."""
        yield from session.account.rename_in_turns(self.old, self.new, session.effort)
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """SUBSCRIBE and UNSUBSCRIBE."""

    mailbox: str
    wanted: bool

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect, *, wanted: bool) -> Subscribe:
        """Read a name."""
        return cls(mailbox=_one_mailbox(cursor), wanted=wanted)

    def answer(self, session: Session) -> Answer:
        """Note it; the mailbox need not exist."""
        change = session.account.subscribe if self.wanted else session.account.unsubscribe
        change(self.mailbox)
        yield from ()
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """STATUS."""

    mailbox: str
    items: tuple[bytes, ...]

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect) -> Status:
        """Read a name and a list of items."""
        cursor.space()
        mailbox = cursor.mailbox()
        cursor.space()
        items = parse_items(cursor, dialect)
        cursor.end()
        return cls(mailbox=mailbox, items=items)

    def answer(self, session: Session) -> Answer:
        """Tell the numbers; of the selected mailbox too, although clients should know them."""
        mailbox = session.mailbox(self.mailbox)
        if b"HIGHESTMODSEQ" in self.items:
            yield from session.enable("CONDSTORE")
        name = session.mailbox_name(self.mailbox)
        yield Reply.untagged(status_response(name, mailbox, self.items, session))
        return Done()
