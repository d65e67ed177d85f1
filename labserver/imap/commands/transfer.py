"""APPEND, COPY and MOVE: messages into mailboxes (RFC 3501 6.3.11 and 6.4.7, RFC 6851), all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import Refused
from labserver.imap.syntax import compact, runs
from labserver.imap.vocabulary import Done
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.message import Draft
from labserver.mailstore.names import checked

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.syntax import SequenceSet
    from labserver.imap.vocabulary import Answer
    from labserver.mailstore.mailbox import Mailbox

__all__ = ["Append", "Copy", "Move"]


_INTERNATIONAL = Envelope(sender="", recipients=(), parameters={"SMTPUTF8": ""}, service="imap", protocol="IMAP")
"""Kept beside a message that came by APPEND UTF8, so that POP3 downgrades it like mail that came by SMTPUTF8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """APPEND, with several messages where MULTIAPPEND is on (RFC 3502)."""

    mailbox: str
    drafts: tuple[Draft, ...]

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect) -> Append:
        """Read a name and at least one message."""
        cursor.space()
        mailbox = cursor.mailbox()
        drafts = [_draft(cursor, dialect)]
        while dialect.has("MULTIAPPEND") and not cursor.at_end():
            drafts.append(_draft(cursor, dialect))
        cursor.end()
        return cls(mailbox=mailbox, drafts=tuple(drafts))

    def answer(self, session: Session) -> Answer:
        """Store the messages exactly as they came. An empty one cancels the command (RFC 3502 6.3.11)."""
        mailbox = _destination(session, self.mailbox)
        if not all(draft.content for draft in self.drafts):
            raise Refused("An empty message is not stored")
        messages = mailbox.append(self.drafts)
        yield from ()
        if not session.dialect.has("UIDPLUS"):
            return Done()
        return Done(code=b"APPENDUID %d %b" % (mailbox.uid_validity, compact(message.uid for message in messages)))


def _destination(session: Session, name: str) -> Mailbox:
    """Return where messages are to go. TRYCREATE is said only of what can be created (RFC 3501 6.3.11)."""
    if session.account.mailbox(name) is None:
        checked(name)
    return session.mailbox(name, otherwise="TRYCREATE")


def _draft(cursor: Cursor, dialect: Dialect) -> Draft:
    cursor.space()
    flags: list[str] = []
    if cursor.peek() == b"(":
        flags = cursor.parenthesised(cursor.flag)
        cursor.space()
    date = None
    if cursor.peek() == b'"':
        date = cursor.date_time()
        cursor.space()
    if cursor.utf8 and cursor.skip(b"UTF8 ("):
        content = cursor.literal(binary=True)
        cursor.expect(b")")
        envelope = _INTERNATIONAL
    else:
        content = cursor.literal(binary=dialect.has("BINARY"))
        envelope = None
    return Draft(content=content, flags=frozenset(flags), internal_date=date, envelope=envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """COPY and UID COPY."""

    wanted: SequenceSet
    mailbox: str
    uid: bool

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect, *, uid: bool) -> Copy:
        """Read a set and a name."""
        cursor.space()
        wanted = cursor.sequence_set()
        cursor.space()
        mailbox = cursor.mailbox()
        cursor.end()
        return cls(wanted=wanted, mailbox=mailbox, uid=uid)

    def answer(self, session: Session) -> Answer:
        """Copy; COPYUID tells which became which (RFC 4315 3). No message by UID is no error, and no code."""
        yield from ()
        return Done(code=self.transfer(session, move=False))

    def transfer(self, session: Session, *, move: bool) -> bytes:
        """Copy or move, and return the COPYUID response code; empty if there is none."""
        view = session.writable_view if move else session.view
        messages = [message for _, message in view.pick(self.wanted, uid=self.uid)]
        target = _destination(session, self.mailbox)
        if any(view.expunged(message) for message in messages):
            raise Refused("Some of the messages no longer exist", "EXPUNGEISSUED")
        become = (view.mailbox.move if move else view.mailbox.copy)(messages, target)
        if not messages or not session.dialect.has("UIDPLUS"):
            return b""
        before = runs(message.uid for message in messages)
        return b"COPYUID %d %b %b" % (target.uid_validity, before, runs(message.uid for message in become))


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """MOVE and UID MOVE (RFC 6851)."""

    copy: Copy

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Move:
        """Read a set and a name."""
        return cls(copy=Copy.parse(cursor, dialect, uid=uid))

    def answer(self, session: Session) -> Answer:
        """Move; COPYUID comes untagged, before the EXPUNGE responses (RFC 6851 4.3)."""
        code = self.copy.transfer(session, move=True)
        if code:
            yield Reply.untagged(b"* OK [%b] Moved\r\n" % code)
        return Done()
