"""Search results on their way to the client: SEARCH and SORT as numbers, or ESEARCH with what was asked for.

RFC 3501 7.2.5, RFC 4731 (ESEARCH), RFC 5182 (SAVE), RFC 5267 (ESORT), RFC 7162 3.1.5 (MODSEQ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax, Refused
from labserver.imap.search import parse_charset, parse_search
from labserver.imap.search_evaluation import SearchContext, evaluate
from labserver.imap.search_keys import And, Changed, Not, Or
from labserver.imap.syntax import quoted, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.dialogues.exchange import Reply
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.search_keys import SearchKey
    from labserver.imap.session import Session
    from labserver.imap.view import Hit

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
        return cls(key=parse_search(cursor, charset=known, extensions=dialect.extensions))

    @property
    def by_modseq(self) -> bool:
        """Whether MODSEQ is among the keys, so that the answer carries one."""
        return _names_modseq(self.key)

    def prepare(self, session: Session) -> Iterator[Reply]:
        """Enable what asking for it enables (RFC 7162 3.1)."""
        if self.by_modseq:
            yield from session.enable("CONDSTORE")

    def find(self, session: Session) -> list[Hit]:
        """Return what matches in the selected mailbox, without what is expunged already; raises Refused."""
        if isinstance(self.key, Refused):
            raise self.key
        view = session.view
        context = SearchContext(messages=view.messages, recent=view.recent, saved=view.saved, now=session.clock.now())
        hits = evaluate(self.key, context)
        return [hit for hit in hits if not view.expunged(hit[1])] if view.some_expunged else hits


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
        options = frozenset(cursor.parenthesised(cursor.atom)) or frozenset({b"ALL"})
        if options - _OPTIONS - ({b"SAVE"} if dialect.has("SEARCHRES") else set()):
            raise BadSyntax("Unknown return option")
        cursor.space()
        return cls(options=options, verb=verb, uid=uid)

    def kept(self, session: Session, find: Callable[[Session], list[Hit]]) -> list[Hit]:
        """Find, and keep the result for ``$``: all of it, or only what MIN and MAX found (RFC 5182 2.1).

        What is refused empties it. While finding, ``$`` is still the result before.
        """
        try:
            hits = find(session)
        except Refused:
            self._save(session, [])
            raise
        self._save(session, hits)
        return hits

    def _save(self, session: Session, hits: list[Hit]) -> None:
        if self.options is not None and b"SAVE" in self.options:
            session.view.saved = [message for _, message in self._told(hits)]

    def response(self, tag: bytes, hits: list[Hit], *, modseq: bool) -> bytes:
        """Return the untagged response; empty where there is nothing to say. ``hits`` are in their order."""
        numbers = [message.uid if self.uid else number for number, message in hits]
        if self.options is None:
            listed = b"".join([b" %d" % number for number in numbers])
            highest = max((message.modseq for _, message in hits), default=0)
            suffix = b" (MODSEQ %d)" % highest if modseq and hits else b""
            return b"* %b%b%b\r\n" % (self.verb, listed, suffix)
        if self.options == {b"SAVE"}:
            return b""
        words = [b"* ESEARCH (TAG %b)" % quoted(tag)]
        words += [b"UID"] if self.uid else []
        words += self._values(numbers)
        if modseq and hits:
            words.append(b"MODSEQ %d" % max(message.modseq for _, message in self._told(hits)))
        return b" ".join(words) + b"\r\n"

    def _values(self, numbers: list[int]) -> Iterator[bytes]:
        options = self.options or frozenset()
        if numbers and b"MIN" in options:
            yield b"MIN %d" % numbers[0]
        if numbers and b"MAX" in options:
            yield b"MAX %d" % numbers[-1]
        if b"COUNT" in options:
            yield b"COUNT %d" % len(numbers)
        if numbers and b"ALL" in options:
            yield b"ALL " + runs(numbers)

    def _told(self, hits: list[Hit]) -> list[Hit]:
        """Return the messages that the answer is about."""
        options = self.options or frozenset()
        if not hits or options & {b"ALL", b"COUNT"} or not options & {b"MIN", b"MAX"}:
            return hits
        return hits[:1] * (b"MIN" in options) + hits[-1:] * (b"MAX" in options)
