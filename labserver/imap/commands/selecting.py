"""SELECT, EXAMINE, CLOSE and EXPUNGE (RFC 3501 6.3.1, 6.3.2, 6.4.2, 6.4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import BadSyntax
from labserver.imap.vocabulary import Done
from labserver.mailstore.planning import expunge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.syntax import SequenceSet
    from labserver.imap.view import View
    from labserver.imap.vocabulary import Answer
    from labserver.mailstore.message import Message

__all__ = ["Close", "Expunge", "Select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """SELECT and EXAMINE, with ``(CONDSTORE)`` where that is on (RFC 7162 3.1.8)."""

    mailbox: str
    read_only: bool
    condstore: bool

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, read_only: bool) -> Select:
        """Read a name and its parameters."""
        cursor.space()
        mailbox = cursor.mailbox()
        parameters: list[bytes] = []
        if not cursor.at_end():
            cursor.space()
            parameters = cursor.parenthesised(cursor.atom)
        known = {b"CONDSTORE"} if dialect.has("CONDSTORE") else set()
        if set(parameters) - known:
            raise BadSyntax("Unknown parameter")
        cursor.end()
        return cls(mailbox=mailbox, read_only=read_only, condstore=bool(parameters))

    def answer(self, session: Session) -> Answer:
        """Leave the mailbox selected before, even if this one cannot be opened (RFC 3501 6.3.1)."""
        condstore = session.dialect.has("CONDSTORE")
        if session.unselect() is not None and condstore:
            yield Reply.untagged(b"* OK [CLOSED] The mailbox selected before is closed\r\n")
        mailbox = session.mailbox(self.mailbox)
        if self.condstore:
            yield from session.enable("CONDSTORE")
        view = session.select(mailbox, read_only=self.read_only)
        yield Reply.untagged(b"".join(_opened(view, condstore=condstore)))
        return Done(code=b"READ-ONLY" if self.read_only else b"READ-WRITE")


def _opened(view: View, *, condstore: bool) -> Iterator[bytes]:
    mailbox = view.mailbox
    yield view.flags_known()
    yield b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(view.messages), len(view.recent))
    unseen = next((n for n, message in enumerate(view.messages, 1) if "\\Seen" not in message.flags), None)
    if unseen is not None:
        yield b"* OK [UNSEEN %d] First unseen\r\n" % unseen
    yield b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % mailbox.uid_validity
    yield b"* OK [UIDNEXT %d] Predicted next UID\r\n" % mailbox.uid_next
    if condstore:
        yield b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % mailbox.highest_modseq


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    r"""CLOSE, and UNSELECT (RFC 3691), which leaves ``\Deleted`` messages alone."""

    expunges: bool

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect, *, expunges: bool) -> Close:
        """Read no arguments."""
        cursor.end()
        return cls(expunges=expunges)

    def answer(self, session: Session) -> Answer:
        """Leave the mailbox; what is removed is not told (RFC 3501 6.4.2). A deleted mailbox can be left as well."""
        view = session.unselect()
        if view is not None and self.expunges and not view.read_only and not view.gone:
            yield from expunge(view.mailbox, tuple(view.mailbox.messages), session.effort, marked=_is_deleted)
        return Done()


def _is_deleted(message: Message) -> bool:
    return "\\Deleted" in message.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunge:
    """EXPUNGE, and UID EXPUNGE (RFC 4315 2.1), which spares what is not in its set."""

    wanted: SequenceSet | None = None

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect, *, uid: bool) -> Expunge:
        """Read a set of UIDs or nothing."""
        wanted = None
        if uid:
            cursor.space()
            wanted = cursor.sequence_set()
        cursor.end()
        return cls(wanted=wanted)

    def answer(self, session: Session) -> Answer:
        """Remove what is marked, also what this client has not heard of; it is told with the completion."""
        view, effort = session.writable_view, session.effort
        if self.wanted is None:
            candidates = list(view.mailbox.messages)
        else:
            candidates = [message for _, message in (yield from view.pick(self.wanted, effort, uid=True))]
        yield from expunge(view.mailbox, candidates, effort, marked=_is_deleted)
        return Done()
