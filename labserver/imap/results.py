"""Search results on their way to the client: SEARCH and SORT as numbers, or ESEARCH with what was asked for.

RFC 3501 7.2.5, RFC 4731 (ESEARCH), RFC 5182 (SAVE), RFC 5267 (ESORT), RFC 7162 3.1.5 (MODSEQ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.effort import in_steps
from labserver.imap.cursor import BadSyntax, Refused
from labserver.imap.responses import listed
from labserver.imap.search import parse_charset, parse_search
from labserver.imap.search_evaluation import SearchContext, evaluate
from labserver.imap.search_keys import And, Changed, Not, Or
from labserver.imap.syntax import quoted, runs_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.effort import Effort, GiveWay, Work
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.search_keys import SearchKey
    from labserver.imap.session import Session
    from labserver.imap.view import Hit
    from labserver.mailstore.message import Message

__all__ = ["Criteria", "Returned"]

_OPTIONS = frozenset({b"MIN", b"MAX", b"ALL", b"COUNT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What is looked for."""

    key: SearchKey | Refused
    """An unknown charset is refused only when it comes to searching, for that empties a saved result (RFC 5182 2.1)."""

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, charset: bytes | None) -> Criteria:
        """Read search keys up to the command's end; ``charset`` is what their strings are in, if that was said."""
        if charset is None:
            charset = b"UTF-8" if cursor.utf8 else b"US-ASCII"
        try:
            known = parse_charset(charset)
        except Refused as refusal:
            return cls(key=refusal)
        return cls(key=parse_search(cursor, charset=known, keys=dialect.search_keys))

    @property
    def by_modseq(self) -> bool:
        """Whether MODSEQ is among the keys, so that the answer carries one."""
        return _names_modseq(self.key)

    def prepare(self, session: Session) -> Iterator[Reply]:
        """Enable what asking for it enables (RFC 7162 3.1)."""
        if self.by_modseq:
            yield from session.enable("CONDSTORE")

    def find(self, session: Session) -> Work[list[Hit]]:
        """Return what matches in the selected mailbox, without what is expunged already, in turns; raises Refused.

        It answers for the mailbox as it was when the search began, whatever others do while it gives way.
        """
        if isinstance(self.key, Refused):
            raise self.key
        view = session.view
        effort = session.effort
        yield from view.look_at_noted(effort)
        with view.at_rest() as changed:
            gone = view.gone_by_now()
            context = SearchContext(
                messages=view.messages,
                recent=view.recent,
                saved=view.saved,
                now=session.clock.now(),
                properties=view.mailbox.properties,
                changed=changed,
            )
            hits = yield from evaluate(self.key, context, effort)
        if gone:
            hits = yield from in_steps(hits, lambda some: [hit for hit in some if hit[1].uid not in gone], effort)
        return hits


def _names_modseq(key: SearchKey | Refused) -> bool:
    match key:
        case Changed():
            return True
        case And(keys=keys):
            return any(map(_names_modseq, keys))
        case Or(first=first, second=second):
            return _names_modseq(first) or _names_modseq(second)
        case Not(key=inner):
            return _names_modseq(inner)
        case _:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the client wants to know of the result."""

    options: frozenset[bytes] | None
    """None: no RETURN, so the numbers as RFC 3501 sends them."""
    verb: bytes
    uid: bool

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, extension: str, verb: bytes, uid: bool) -> Returned:
        """Read ``RETURN (…) `` if ``extension`` is on and it is there."""
        if not (dialect.has(extension) and cursor.skip(b"RETURN ")):
            return cls(options=None, verb=verb, uid=uid)
        cursor.more_space()
        options = frozenset(cursor.parenthesised(cursor.atom)) or frozenset({b"ALL"})
        if options - _OPTIONS - ({b"SAVE"} if dialect.has("SEARCHRES") else set()):
            raise BadSyntax("Unknown return option")
        cursor.space()
        return cls(options=options, verb=verb, uid=uid)

    def _kept(self, session: Session, find: Work[list[Hit]]) -> Work[list[Hit]]:
        """Find, and keep the result for ``$``: all of it, or only what MIN and MAX found (RFC 5182 2.1).

        What is refused empties it. While finding, ``$`` is still the result before.
        """
        try:
            hits = yield from find
        except Refused:
            self._save(session, [])
            raise
        self._save(session, hits)
        return hits

    def _save(self, session: Session, hits: list[Hit]) -> None:
        if self.options is not None and b"SAVE" in self.options:
            session.view.saved = [message for _, message in self._told(hits)]

    def answer(self, session: Session, find: Work[list[Hit]], *, by_modseq: bool) -> Iterator[Reply | GiveWay]:
        """Find, and say what was found, as it was when the command began."""
        reply = yield from self._found(session, find, by_modseq=by_modseq)
        if reply is not None:
            yield reply

    def _found(self, session: Session, find: Work[list[Hit]], *, by_modseq: bool) -> Work[Reply | None]:
        """Find, and spell what was found; of the messages nothing is held while the client takes it."""
        view = session.view
        with view.at_rest():
            hits = yield from self._kept(session, find)
            modseq = view.modseq if by_modseq and hits else None
            return (yield from self._response(session.tag, hits, session.effort, modseq))

    def _response(
        self, tag: bytes, hits: list[Hit], effort: Effort, modseq: Callable[[Message], int] | None
    ) -> Work[Reply | None]:
        """Spell the untagged response; None where there is nothing to say. ``hits`` are in their order."""
        if self.uid:
            numbers = yield from in_steps(hits, lambda some: [message.uid for _, message in some], effort)
        else:
            numbers = yield from in_steps(hits, lambda some: [number for number, _ in some], effort)
        if self.options is None:
            highest = (yield from _highest(hits, effort, modseq)) if modseq else 0
            end = b" (MODSEQ %d)\r\n" % highest if highest else b"\r\n"
            return listed(b"* " + self.verb, numbers, end)
        if self.options == {b"SAVE"}:
            return None
        words = [b"* ESEARCH (TAG %b)" % quoted(tag)]
        words += [b"UID"] if self.uid else []
        words += yield from self._values(numbers, effort)
        if modseq:
            words.append(b"MODSEQ %d" % (yield from _highest(self._told(hits), effort, modseq)))
        return Reply.untagged(b" ".join(words) + b"\r\n")

    def _values(self, numbers: list[int], effort: Effort) -> Work[list[bytes]]:
        options = self.options or frozenset()
        values = []
        if numbers and b"MIN" in options:
            values.append(b"MIN %d" % numbers[0])
        if numbers and b"MAX" in options:
            values.append(b"MAX %d" % numbers[-1])
        if b"COUNT" in options:
            values.append(b"COUNT %d" % len(numbers))
        if numbers and b"ALL" in options:
            values.append(b"ALL " + (yield from runs_in_turns(numbers, effort)))
        return values

    def _told(self, hits: list[Hit]) -> list[Hit]:
        """Return the messages that the answer is about."""
        options = self.options or frozenset()
        if not hits or options & {b"ALL", b"COUNT"} or not options & {b"MIN", b"MAX"}:
            return hits
        return hits[:1] * (b"MIN" in options) + hits[-1:] * (b"MAX" in options)


def _highest(hits: list[Hit], effort: Effort, modseq: Callable[[Message], int]) -> Work[int]:
    """Find the highest modification sequence of at least one message."""
    return max((yield from in_steps(hits, lambda some: [max(modseq(message) for _, message in some)], effort)))
