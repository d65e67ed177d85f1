"""Reading search keys (RFC 3501 6.4.4 and 9 ``search-key``); those of extensions are in the tables of the extensions.

Keywords, flags and numbers are ASCII; the strings to look for are in the command's charset and become folded text here,
so that a key means the same whatever charset it was sent in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax, Refused, beginning
from labserver.imap.search_keys import (
    ADDRESS_FIELDS,
    All,
    And,
    Arrived,
    Flag,
    Header,
    Not,
    Numbered,
    Or,
    Recent,
    Relation,
    Sent,
    Size,
    Text,
)
from labserver.message.charsets import codec, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labserver.imap.cursor import Cursor
    from labserver.imap.search_keys import SearchKey

__all__ = [
    "DEEPEST",
    "LONGEST",
    "MOST_KEYS",
    "SAVED_RESULT",
    "SEARCH_KEYS",
    "KeyReader",
    "parse_charset",
    "parse_search",
]

DEEPEST = 100
"""Parentheses, NOT and OR inside each other beyond which a search is refused."""
MOST_KEYS = 200
"""Different keys beyond which a search is refused; it is about all messages, and each key takes its time."""
LONGEST = 2_000
"""Octets of a string to look for, or of a field's name, beyond which a search is refused."""
SAVED_RESULT = b"$"
"""The key that is the saved search result (RFC 5182), and the number that is."""

_SET_START = b"0123456789*"
_CHARSET_NAME = re.compile(rb"(?!(?i:utf|u8)\Z)[A-Za-z0-9](?:.*[A-Za-z0-9])?")
"""Names that can be charsets': half of one, and what only Python knows, is none."""
_UNREADABLE_CHARSETS = re.compile("utf_(16|32)|utf_7")
"""Charsets a search string cannot be in: NUL is not allowed in literals, and UTF-7 hides what is compared."""


def parse_charset(name: bytes) -> str:
    """Return the charset of a CHARSET argument; Refused with BADCHARSET for one that is not known."""
    found = codec(name.decode("latin-1")) if _CHARSET_NAME.fullmatch(name) else None
    if found is None or _UNREADABLE_CHARSETS.match(found):
        raise Refused("That charset is not known", "BADCHARSET (US-ASCII UTF-8 ISO-8859-1)")
    return found


def parse_search(
    cursor: Cursor,
    *,
    charset: str = "US-ASCII",
    keys: Mapping[bytes, Callable[[KeyReader], SearchKey]] | None = None,
) -> SearchKey:
    """Read one or more keys up to the command's end.

    ``charset`` is what the strings are in; ``keys`` are those that are known, by default the core's. Raises
    BadSyntax for what the grammar does not allow, for strings that are not in the charset and for keys nested too deep.
    """
    return KeyReader(cursor, charset, SEARCH_KEYS if keys is None else keys).keys_to_the_end()


class KeyReader:
    """Reads keys; each key's own function is given it, and reads the arguments."""

    def __init__(self, cursor: Cursor, charset: str, keys: Mapping[bytes, Callable[[KeyReader], SearchKey]]) -> None:
        self.cursor = cursor
        self._charset = codec(charset) or "ascii"
        self._keys = keys
        self._depth = 0
        self._different: set[SearchKey] = set()

    def keys_to_the_end(self) -> SearchKey:
        """Read one or more keys up to the command's end; all of them are meant."""
        keys = [self.key()]
        while not self.cursor.at_end():
            self.cursor.space()
            keys.append(self.key())
        return _all_of(keys)

    def key(self) -> SearchKey:
        """Read one key, which may have others in it."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadSyntax("The search keys are nested too deep")
        found = self._key()
        self._depth -= 1
        if not isinstance(found, And | Or | Not):
            self._different.add(found)
            if len(self._different) > MOST_KEYS:
                raise BadSyntax(f"A search has at most {MOST_KEYS} different keys")
        return found

    def _key(self) -> SearchKey:
        cursor = self.cursor
        if cursor.peek() == b"(":
            keys = cursor.parenthesised(self.key)
            if not keys:
                raise BadSyntax("Name at least one search key in the parentheses")
            return _all_of(keys)
        if cursor.peek() and cursor.peek() in _SET_START:
            return self.numbered(uid=False)
        name = cursor.atom()
        read = self._keys.get(name)
        if read is None:
            raise BadSyntax(f"Unknown search key {beginning(name)}")
        return read(self)

    def argument(self) -> Cursor:
        """Return the cursor behind the space in front of an argument."""
        self.cursor.space()
        return self.cursor

    def numbered(self, *, uid: bool) -> SearchKey:
        """Read a set of numbers, UIDs or the saved result."""
        numbers = self.cursor.sequence_set()
        if numbers.saved and SAVED_RESULT not in self._keys:
            raise BadSyntax("There is no saved search result here")
        return Numbered(numbers=numbers, uid=uid)

    def string(self) -> bytes:
        """Read a string, measured before anything else is done with it."""
        value = self.argument().astring()
        if len(value) > LONGEST:
            raise BadSyntax(f"A string to search for has at most {LONGEST} octets")
        return value

    def text(self) -> str:
        """Read a string in the command's charset."""
        value = self.string()
        # Many clients send UTF-8 without saying so; in ASCII it can be nothing else.
        charset = "utf-8" if self._charset == "ascii" else self._charset
        try:
            return fold(value.decode(charset))
        except UnicodeError as error:
            raise BadSyntax(f"The search string is not {charset}") from error


def _all_of(keys: list[SearchKey]) -> SearchKey:
    return keys[0] if len(keys) == 1 else And(tuple(keys))


def _flag(name: str, *, present: bool = True) -> Callable[[KeyReader], SearchKey]:
    return lambda _: Flag(name=name, present=present)


def _keyword(*, present: bool) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Flag(name=reader.argument().word().decode("ascii"), present=present)


def _field(name: bytes) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Header(name=name, text=reader.text())


def _header(reader: KeyReader) -> SearchKey:
    name = reader.string().lower()
    return Header(name=name, text=reader.text(), literally=name in ADDRESS_FIELDS)


def _text(*, headers: bool) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Text(text=reader.text(), headers=headers)


def _arrived(relation: Relation) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Arrived(relation=relation, day=reader.argument().date())


def _sent(relation: Relation) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Sent(relation=relation, day=reader.argument().date())


def _size(*, larger: bool) -> Callable[[KeyReader], SearchKey]:
    return lambda reader: Size(octets=reader.argument().number64(), larger=larger)


def _numbered(reader: KeyReader) -> SearchKey:
    reader.argument()
    return reader.numbered(uid=True)


def _or(reader: KeyReader) -> SearchKey:
    reader.argument()
    first = reader.key()
    reader.argument()
    return Or(first, reader.key())


def _not(reader: KeyReader) -> SearchKey:
    reader.argument()
    return Not(reader.key())


SEARCH_KEYS: Mapping[bytes, Callable[[KeyReader], SearchKey]] = {
    b"ALL": lambda _: All(),
    b"ANSWERED": _flag("\\Answered"),
    b"BCC": _field(b"bcc"),
    b"BEFORE": _arrived(Relation.BEFORE),
    b"BODY": _text(headers=False),
    b"CC": _field(b"cc"),
    b"DELETED": _flag("\\Deleted"),
    b"DRAFT": _flag("\\Draft"),
    b"FLAGGED": _flag("\\Flagged"),
    b"FROM": _field(b"from"),
    b"HEADER": _header,
    b"KEYWORD": _keyword(present=True),
    b"LARGER": _size(larger=True),
    b"NEW": lambda _: And((Recent(), Flag(name="\\Seen", present=False))),
    b"NOT": _not,
    b"OLD": lambda _: Not(Recent()),
    b"ON": _arrived(Relation.ON),
    b"OR": _or,
    b"RECENT": lambda _: Recent(),
    b"SEEN": _flag("\\Seen"),
    b"SENTBEFORE": _sent(Relation.BEFORE),
    b"SENTON": _sent(Relation.ON),
    b"SENTSINCE": _sent(Relation.SINCE),
    b"SINCE": _arrived(Relation.SINCE),
    b"SMALLER": _size(larger=False),
    b"SUBJECT": _field(b"subject"),
    b"TEXT": _text(headers=True),
    b"TO": _field(b"to"),
    b"UID": _numbered,
    b"UNANSWERED": _flag("\\Answered", present=False),
    b"UNDELETED": _flag("\\Deleted", present=False),
    b"UNDRAFT": _flag("\\Draft", present=False),
    b"UNFLAGGED": _flag("\\Flagged", present=False),
    b"UNKEYWORD": _keyword(present=False),
    b"UNSEEN": _flag("\\Seen", present=False),
}
"""The keys of RFC 3501 by name, each with what reads the rest of it."""
