"""APPEND, COPY and MOVE: messages into mailboxes (RFC 3501 6.3.11 and 6.4.7, RFC 6851), all or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.effort import in_steps
from labserver.holding import Span, with_crlf
from labserver.imap.cursor import BadSyntax, Cursor, Refused
from labserver.imap.syntax import compact, runs_in_turns
from labserver.imap.vocabulary import Done
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.message import Draft
from labserver.mailstore.names import checked
from labserver.mailstore.planning import transfer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from labserver.effort import Effort, Work
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.syntax import SequenceSet
    from labserver.imap.vocabulary import Answer
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message

__all__ = ["NO_ROOM", "Append", "Copy", "Move", "announces_eight", "takes_message"]

NO_ROOM = "There is no room for this message now, try again later"
_MOST_AT_ONCE = 1_000
"""Messages of one APPEND, which are stored in one step."""
_NAME_AND_MESSAGE = 3
"""Parts of a command whose first or second literal is announced: before it there may be a mailbox name or a message."""
_EIGHT = re.compile(rb"~\{[0-9]+\+?\}\Z")
_INTERNATIONAL = Envelope(sender="", recipients=(), parameters={"SMTPUTF8": ""}, service="imap", protocol="IMAP")
"""Kept beside a message that came by APPEND UTF8, so that POP3 downgrades it like mail that came by SMTPUTF8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """APPEND, with several messages where MULTIAPPEND is on (RFC 3502)."""

    mailbox: str
    drafts: tuple[Draft, ...]
    eight: frozenset[int] = frozenset()
    """Which of them came as a literal8, whose octets need not be lines (RFC 3516 4.1)."""

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect) -> Append:
        """Read a name and at least one message."""
        cursor.space()
        mailbox = cursor.mailbox()
        read = [_draft(cursor, dialect)]
        while dialect.has("MULTIAPPEND") and not cursor.at_end():
            read.append(_draft(cursor, dialect))
            if len(read) > _MOST_AT_ONCE:
                raise Refused(f"One command takes at most {_MOST_AT_ONCE} messages", "LIMIT")
        cursor.end()
        eight = frozenset(place for place, (_, eight) in enumerate(read) if eight)
        return cls(mailbox=mailbox, drafts=tuple(draft for draft, _ in read), eight=eight)

    def answer(self, session: Session) -> Answer:
        """Store the messages, with CRLF for each bare LF. An empty one cancels the command (RFC 3502 6.3.11)."""
        mailbox = _destination(session, self.mailbox)
        if any(isinstance(draft.content, Span) and draft.content.lost for draft in self.drafts):
            raise Refused(NO_ROOM, "LIMIT")
        if not all(draft.size for draft in self.drafts):
            raise Refused("An empty message is not stored")
        messages = mailbox.append(self._kept(keep_all=session.keep_line_ends))
        yield from ()
        if not session.dialect.has("UIDPLUS"):
            return Done()
        return Done(code=b"APPENDUID %d %b" % (mailbox.uid_validity, compact(message.uid for message in messages)))

    def _kept(self, *, keep_all: bool) -> list[Draft]:
        if keep_all:
            return list(self.drafts)
        return [draft if place in self.eight else _with_crlf(draft) for place, draft in enumerate(self.drafts)]


def _with_crlf(draft: Draft) -> Draft:
    content = draft.content
    if not isinstance(content, bytes):
        return draft  # mended when it came
    lines = with_crlf(content)
    if lines is content:
        return draft
    return replace(draft, content=lines, mended=len(lines) - len(content))


def _destination(session: Session, name: str) -> Mailbox:
    """Return where messages are to go. TRYCREATE is said only of what can be created (RFC 3501 6.3.11)."""
    if session.account.mailbox(name) is None:
        checked(name)
    return session.mailbox(name, otherwise="TRYCREATE")


def _draft(cursor: Cursor, dialect: Dialect) -> tuple[Draft, bool]:
    """Read a message and whether it is a literal8; the one of UTF8 is none, but lines of text (RFC 6855 4)."""
    flags, date, utf8 = _ahead(cursor)
    eight = cursor.peek() == b"~" and not utf8
    content = cursor.message(binary=utf8 or dialect.has("BINARY"))
    if utf8:
        cursor.expect(b")")
    envelope = _INTERNATIONAL if utf8 else None
    return Draft(content=content, flags=frozenset(flags), internal_date=date, envelope=envelope), eight


def _ahead(cursor: Cursor) -> tuple[list[str], datetime | None, bool]:
    """Read what is ahead of a message: flags, date, and whether ``UTF8 (`` begins it."""
    cursor.space()
    flags: list[str] = []
    if cursor.peek() == b"(":
        flags = cursor.parenthesised(cursor.flag)
        cursor.space()
    date = None
    if cursor.peek() == b'"':
        date = cursor.date_time()
        cursor.space()
    return flags, date, cursor.utf8 and cursor.skip(b"UTF8 (")


def takes_message(parts: tuple[bytes, ...], *, start: int, dialect: Dialect, utf8: bool) -> bool:
    """Return whether the literal that ``parts`` announce at their end is a message of APPEND.

    ``start`` is where the arguments begin. Behind the first message only the last text is looked at.
    """
    if parts[0][:start].upper().split()[1:] != [b"APPEND"]:
        return False
    beginning = len(parts) <= _NAME_AND_MESSAGE
    cursor = Cursor((*(parts if beginning else parts[-1:]), b"", b""), start=start if beginning else 0, utf8=utf8)
    try:
        if beginning:
            cursor.space()
            cursor.mailbox()
        else:
            cursor.skip(b")")
        *_, closing = _ahead(cursor)
        cursor.message(binary=True)
        if beginning and not cursor.at_end():
            cursor.skip(b")" if closing else b"")
            _ahead(cursor)
            cursor.message(binary=True)
            beginning = False
    except (BadSyntax, Refused):
        return False
    return beginning or dialect.has("MULTIAPPEND")


def announces_eight(parts: tuple[bytes, ...], *, utf8: bool) -> bool:
    """Return whether the literal that ``parts`` announce at their end is a literal8, whose octets need not be lines."""
    announced = _EIGHT.search(parts[-1])
    return announced is not None and not (utf8 and parts[-1][: announced.start()].upper().endswith(b"UTF8 ("))


def _uids(messages: Sequence[Message], effort: Effort) -> Work[bytes]:
    uids = yield from in_steps(messages, lambda some: [message.uid for message in some], effort)
    return (yield from runs_in_turns(uids, effort))


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
        return Done(code=(yield from self.transfer(session, move=False)))

    def transfer(self, session: Session, *, move: bool) -> Work[bytes]:
        """Copy or move in turns, all or none, and return the COPYUID response code; empty if there is none."""
        effort = session.effort
        view = session.writable_view if move else session.view
        messages = [message for _, message in (yield from view.pick(self.wanted, effort, uid=self.uid))]
        target = _destination(session, self.mailbox)
        become = yield from transfer(view.mailbox, messages, target, effort, move=move)
        if not messages or not session.dialect.has("UIDPLUS"):
            return b""
        return b"COPYUID %d %b %b" % (
            target.uid_validity,
            (yield from _uids(messages, effort)),
            (yield from _uids(become, effort)),
        )


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
        code = yield from self.copy.transfer(session, move=True)
        if code:
            yield Reply.untagged(b"* OK [%b] Moved\r\n" % code)
        return Done()
