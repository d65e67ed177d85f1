"""FETCH and STORE by number and by UID (RFC 3501 6.4.5, 6.4.6, 6.4.8), with what CONDSTORE adds (RFC 7162 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.effort import GIVE_WAY, MESSAGE, in_steps
from labserver.errors import StorageFullError, StoreError
from labserver.imap.cursor import BadSyntax, Refused
from labserver.imap.fetch import parse_items
from labserver.imap.octets import Line
from labserver.imap.responses import batched
from labserver.imap.syntax import compact
from labserver.imap.vocabulary import Done
from labserver.mailstore.planning import change_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from labserver.effort import Effort, GiveWay, Work
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.fetch import Item
    from labserver.imap.session import Session
    from labserver.imap.syntax import SequenceSet
    from labserver.imap.view import Hit, View
    from labserver.imap.vocabulary import Answer
    from labserver.mailstore.message import Message

__all__ = ["Change", "Fetch", "Store"]

_AT_ONCE = 256
r"""Messages marked \Seen in one transaction, and so one step of a long FETCH."""
_LONG = 1 << 16
"""Octets of a response beyond which it is not made as a whole."""
_GONE = "EXPUNGEISSUED"
_TOLD = 192
"""Units of work that it takes to tell of one message."""
_TOGETHER = 64
"""Responses of nothing but metadata that are made at once."""
_PREPARED = 1 << 14
"""Octets of a message beyond which it is looked into in turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """FETCH and UID FETCH."""

    wanted: SequenceSet
    items: tuple[Item, ...]
    uid: bool
    changed_since: int | None

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Fetch:
        """Read a set, items, and ``(CHANGEDSINCE n)``."""
        cursor.space()
        wanted = cursor.sequence_set()
        cursor.space()
        items = parse_items(cursor, dialect)
        changed_since = None
        if dialect.has("CONDSTORE") and cursor.skip(b" (CHANGEDSINCE "):
            changed_since = cursor.number64()
            cursor.expect(b")")
        cursor.end()
        names = {item.name for item in items}
        if uid and b"UID" not in names:
            items = (dialect.fetch_items[b"UID"](cursor), *items)
        if changed_since is not None and b"MODSEQ" not in names:
            items = (*items, dialect.fetch_items[b"MODSEQ"](cursor))
        return cls(wanted=wanted, items=items, uid=uid, changed_since=changed_since)

    def answer(self, session: Session) -> Answer:
        """Send what was asked for; messages that are gone already are left out, and the OK says so (RFC 5530)."""
        view = session.view
        effort = session.effort
        problems: list[Refused | StoreError] = []
        with view.at_rest():
            hits = yield from view.pick(self.wanted, effort, uid=self.uid)
            for extension in {item.implies for item in self.items} - {""}:
                yield from session.enable(extension)
            if self.changed_since is not None:
                since = self.changed_since
                hits = yield from in_steps(hits, lambda some: [hit for hit in some if hit[1].modseq > since], effort)
            yield from batched(view.keywords())
            yield from batched(self._responses(view, hits, problems, effort, modseq=session.modseq))
        if problems:
            raise problems[0]
        gone = (yield from in_steps(hits, partial(_gone, view), effort)) if view.some_expunged else ()
        return Done(code=_GONE.encode()) if any(gone) else Done()

    def _responses(  # noqa: C901 -- one message after the other; each branch is a reason not to tell of it here
        self, view: View, hits: list[Hit], problems: list[Refused | StoreError], effort: Effort, *, modseq: bool
    ) -> Iterator[bytes | Reply | GiveWay]:
        renders = [item.render for item in self.items]
        spelled = renders[0] if len(renders) == 1 else partial(_together, renders)
        growing = sum(item.long is not None for item in self.items)
        mailbox = view.mailbox
        sees = not view.read_only and any(item.sets_seen for item in self.items)
        for start in range(0, len(hits), _AT_ONCE):
            step = hits[start : start + _AT_ONCE]
            if view.some_expunged:
                step = [hit for hit in step if not view.expunged(hit[1])]
            seen = _mark_seen(view, step) if sees else ()
            modseq_before = mailbox.highest_modseq
            if effort.spend((MESSAGE + _TOLD * len(renders)) * len(step)):
                yield GIVE_WAY
            if not growing:
                for some in range(0, len(step), _TOGETHER):
                    yield self._columns(view, step[some : some + _TOGETHER])
                continue
            for number, message in step:
                try:
                    if message.size > _PREPARED or view.rendered > _PREPARED:
                        yield from self._prepare(view, message, effort)
                    if (view.gone or mailbox.highest_modseq != modseq_before) and view.expunged(message):
                        continue  # gone while the client took its time with those before
                    if message.size * growing > _LONG:
                        yield self._long_response(view, number, message, seen, modseq=modseq)
                        continue
                    told = spelled(view, message)
                except (Refused, StoreError) as problem:  # the others are told all the same
                    problems.append(problem)
                    continue
                if message in seen:
                    told = b" ".join([told, *self._flags_besides(view, message, modseq=modseq)])
                yield b"* %d FETCH (%b)\r\n" % (number, told)

    def _columns(self, view: View, hits: Sequence[Hit]) -> bytes:
        """Return the responses of some messages, made item by item."""
        messages = [message for _, message in hits]
        columns = [
            item.column(view, messages) if item.column else [item.render(view, message) for message in messages]
            for item in self.items
        ]
        rows = columns[0] if len(columns) == 1 else map(b" ".join, zip(*columns, strict=True))
        return b"".join([b"* %d FETCH (%b)\r\n" % (number, row) for (number, _), row in zip(hits, rows, strict=True)])

    def _prepare(self, view: View, message: Message, effort: Effort) -> Work[None]:
        """Look into a message of some size, after counting what those before it took."""
        if effort.spend(view.rendered):
            yield GIVE_WAY
        view.rendered = 0
        if message.size > _PREPARED:
            for item in self.items:
                yield from item.prepare(message, effort)

    def _long_response(
        self, view: View, number: int, message: Message, seen: Container[Message], *, modseq: bool
    ) -> Reply:
        """Return a response that may hold the message many times over: it is brought while the client takes it."""
        items = [item.long(message) if item.long is not None else item.render(view, message) for item in self.items]
        if message in seen:
            items += self._flags_besides(view, message, modseq=modseq)
        return Reply.untagged(b"* %d FETCH (" % number, Line(items))

    def _flags_besides(self, view: View, message: Message, *, modseq: bool) -> Iterator[bytes]:
        r"""Yield what changed by setting \Seen, unless it was asked for anyway."""
        names = {item.name for item in self.items}
        if b"FLAGS" not in names:
            yield view.flags(message)
        if modseq and b"MODSEQ" not in names:
            yield b"MODSEQ (%d)" % message.modseq


def _together(renders: Sequence[Callable[[View, Message], bytes]], view: View, message: Message) -> bytes:
    return b" ".join([render(view, message) for render in renders])


def _gone(view: View, hits: Sequence[Hit]) -> list[bool]:
    return [any(view.expunged(message) for _, message in hits)]


def _mark_seen(view: View, hits: list[Hit]) -> set[Message]:
    unseen = {message for _, message in hits if "\\Seen" not in message.flags}
    if unseen:
        try:
            view.mailbox.change_flags([(message, message.flags | {"\\Seen"}) for message in unseen], origin=view)
        except StorageFullError:
            return set()  # who cannot mark can still read
    return unseen


class Change(Enum):
    """What STORE does with the flags it names."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"

    def applied(self, old: frozenset[str], named: frozenset[str]) -> frozenset[str]:
        """Return a message's flags after the change."""
        match self:
            case Change.REPLACE:
                return named
            case Change.ADD:
                return old | named
            case Change.REMOVE:
                return old - named


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """STORE and UID STORE."""

    wanted: SequenceSet
    change: Change
    silent: bool
    flags: frozenset[str]
    uid: bool
    unchanged_since: int | None

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Store:
        """Read a set, ``(UNCHANGEDSINCE n)``, what to do, and flags with or without parentheses."""
        cursor.space()
        wanted = cursor.sequence_set()
        cursor.space()
        unchanged_since = None
        if dialect.has("CONDSTORE") and cursor.skip(b"(UNCHANGEDSINCE "):
            unchanged_since = cursor.number64()
            cursor.expect(b") ")
        name = cursor.atom()
        verb = name.removesuffix(b".SILENT")
        if verb not in {change.value for change in Change}:
            raise BadSyntax("STORE takes FLAGS, +FLAGS or -FLAGS, with or without .SILENT")
        cursor.space()
        flags = cursor.parenthesised(cursor.flag) if cursor.peek() == b"(" else _bare_flags(cursor)
        cursor.end()
        return cls(
            wanted=wanted,
            change=Change(verb),
            silent=verb != name,
            flags=frozenset(flags),
            uid=uid,
            unchanged_since=unchanged_since,
        )

    def answer(self, session: Session) -> Answer:
        """Change flags, in one transaction, and tell the new ones unless asked not to.

        With UNCHANGEDSINCE, messages that changed later stay as they are and are listed (RFC 7162 3.1.3).
        """
        view = session.writable_view
        effort = session.effort
        hits = yield from view.pick(self.wanted, effort, uid=self.uid)
        if self.unchanged_since is not None:
            yield from session.enable("CONDSTORE")
        named = view.spelled(self.flags)
        changing = yield from change_flags(
            view.mailbox,
            [message for _, message in hits],
            lambda old: self.change.applied(old, named),
            effort,
            origin=view,
            unchanged_since=self.unchanged_since,
        )
        with view.at_rest():
            yield from batched(view.keywords())
            done = set(changing)
            yield from batched(self._responses(view, hits, done, effort, modseq=session.modseq))
        if len(changing) == len(hits):
            return Done()
        others = yield from in_steps(hits, lambda some: [hit for hit in some if hit[1] not in done], effort)
        spared = [hit for hit in others if not view.expunged(hit[1])]
        code = self._modified(spared)
        if len(spared) < len(others) and not code:
            code = _GONE.encode()  # the messages that are there were changed (RFC 2180 4.2.1); Dovecot says OK, too
        return Done(code=code)

    def _responses(
        self, view: View, hits: list[Hit], done: set[Message], effort: Effort, *, modseq: bool
    ) -> Iterator[bytes | GiveWay]:
        if self.silent and not modseq:
            return
        for number, message in hits:
            if message not in done:
                continue
            if not self.silent:
                yield view.flags_response(number, message, uid=self.uid, modseq=modseq)
            else:
                uid = b"UID %d " % message.uid if self.uid else b""
                yield b"* %d FETCH (%bMODSEQ (%d))\r\n" % (number, uid, view.modseq(message))
            if effort.spend(_TOLD):
                yield GIVE_WAY

    def _modified(self, spared: list[Hit]) -> bytes:
        if not spared or self.unchanged_since is None:
            return b""
        return b"MODIFIED " + compact(message.uid if self.uid else number for number, message in spared)


def _bare_flags(cursor: Cursor) -> list[str]:
    flags = [cursor.flag()]
    while not cursor.at_end():
        cursor.space()
        flags.append(cursor.flag())
    return flags
