"""ID (RFC 2971): who is there, on both sides. What the client says is for the transcript."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver import __version__
from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import BadSyntax
from labserver.imap.syntax import quoted
from labserver.imap.vocabulary import ANY, Done, Entry, Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["EXTENSION", "Identification"]

_NUMBER = re.compile(rb"[+-]?[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """ID."""

    fields: tuple[bytes | None, ...]
    """Names and values in turn."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Identification:
        """Read NIL or a list of names and values."""
        cursor.space()
        fields = () if cursor.skip(b"NIL") else tuple(cursor.parenthesised(lambda: _field(cursor)))
        cursor.end()
        if len(fields) % 2 or None in fields[::2]:
            raise BadSyntax("ID takes names and values in turn")
        return cls(fields=fields)

    def answer(self, _session: Session) -> Answer:
        """Tell the server's name and version."""
        version = quoted(__version__.encode())
        yield Reply.untagged(b'* ID ("name" "labserver" "version" %b)\r\n' % version)
        return Done()


def _field(cursor: Cursor) -> bytes | None:
    """Read a name or a value; an atom is taken for a string, because some clients tell their version so."""
    if cursor.peek() in (b'"', b"{") or cursor.peek(3).upper() == b"NIL":
        return cursor.nstring()
    word = cursor.word()
    cursor.depart("a number that is no string" if _NUMBER.fullmatch(word) else "a word that is no string")
    return word


EXTENSION = Extension(
    name="ID",
    reference="RFC 2971",
    capabilities=("ID",),
    before_login=True,
    commands={"ID": Entry(states=ANY, parse=Identification.parse)},
)
