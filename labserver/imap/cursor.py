"""Reading one assembled command from left to right: recursive descent over text, literal, text, literal …, text.

Every method consumes exactly what it names and raises :class:`BadSyntax` where that is not what comes. Single spaces
separate arguments, as RFC 3501 9 has it. Trailing ones are forgiven, because mutt and others send them; where Dovecot
takes more than one, or one behind a parenthesis, so does this, and the cursor notes the departure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from labserver.imap.syntax import SYSTEM_FLAGS, SequenceSet, decode_mailbox, read_date, read_date_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from labserver.holding import Span

__all__ = ["ATOM_END", "LONGEST_PATTERN", "BadSyntax", "Cursor", "Refused", "beginning"]

T = TypeVar("T")

ATOM_END = re.compile(rb'[\x00-\x20\x7f-\xff(){%*"\\\]]')
"""What cannot be in an atom (RFC 3501 9 atom-specials, 8-bit included)."""
_ASTRING_END = re.compile(rb'[\x00-\x20\x7f-\xff(){%*"\\]')
_UTF8_ASTRING_END = re.compile(rb'[\x00-\x20\x7f(){%*"\\]')
_PATTERN_END = re.compile(rb'[\x00-\x20\x7f(){"\\]')
_LITERAL = re.compile(rb"(~?)\{(\d{1,19})\+?\}\Z")
_QUOTED = re.compile(rb'"((?:[^"\\\x00\r\n]|\\["\\])*)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_SPACES = re.compile(rb" ++")
_SPACES_TO_THE_END = re.compile(rb" *+\Z")
_NUMBER = re.compile(rb"\d{1,19}")
_SEQUENCE = re.compile(rb"[\d*:,]+|\$")
_FLAG = re.compile(rb'(\\?)[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_LAX_DATE_TIME = re.compile(rb"(?! \d-)(?!\d\d-[^ ]* [^ ]* [+-]) ?(\d{1,2})(-[^ ]* [^ ]*) +([+-]\d{4})")
_DATE_END = re.compile(rb"[^0-9A-Za-z-]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MOST_REPEATED = 80
LONGEST_PATTERN = 2_000
"""Octets of a pattern of LIST."""
_HIGHEST = (1 << 32) - 1
_HIGHEST_64 = (1 << 63) - 1
_SYSTEM_FLAGS = {flag.upper(): flag for flag in SYSTEM_FLAGS}


class BadSyntax(Exception):  # noqa: N818 -- named like the answer it becomes: a tagged BAD
    """The command is not what the grammar allows; answered with a tagged BAD."""


class Refused(Exception):  # noqa: N818 -- named like the answer it becomes: a tagged NO
    """The command is understood and refused; answered with a tagged NO and ``code`` (RFC 3501 7.1, RFC 5530)."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def beginning(word: bytes) -> str:
    """Return as much of a word of the client's as a reply repeats."""
    return word[:_MOST_REPEATED].decode("ascii", "replace")


class Cursor:
    """A position in one command.

    ``utf8``: the session has enabled UTF8=ACCEPT (RFC 6855), names are UTF-8. ``saved_results``: ``$`` is a message set
    (RFC 5182). ``messages``: literals that are not among the parts, by their place there.
    """

    __slots__ = ("_index", "_messages", "_parts", "_position", "_saved_results", "_text", "departures", "utf8")

    def __init__(
        self,
        parts: tuple[bytes, ...],
        *,
        start: int = 0,
        utf8: bool = False,
        saved_results: bool = True,
        messages: Mapping[int, Span] | None = None,
    ) -> None:
        self._parts = parts
        self._index = 0
        self._text = parts[0] if parts else b""
        self._position = start
        self._saved_results = saved_results
        self._messages = messages or {}
        self.utf8 = utf8
        self.departures: dict[str, None] = {}
        """What was taken although the grammar does not allow it, each once: ``more than one space in a row`` …"""

    def depart(self, what: str) -> None:
        """Note that something is taken although the grammar does not allow it."""
        self.departures[what] = None

    def at_end(self) -> bool:
        """Return whether nothing but spaces is left."""
        return self._index + 1 >= len(self._parts) and _SPACES_TO_THE_END.match(self._text, self._position) is not None

    def end(self) -> None:
        """Require that nothing but spaces is left."""
        if not self.at_end():
            raise BadSyntax("Unexpected extra arguments")

    def peek(self, n: int = 1) -> bytes:
        """Return the next ``n`` octets of text without consuming them; fewer where the text ends."""
        return self._text[self._position : self._position + n]

    def skip(self, token: bytes) -> bool:
        """Consume ``token`` if it comes next, in any case; return whether it did."""
        if self.peek(len(token)).upper() != token.upper():
            return False
        self._position += len(token)
        return True

    def expect(self, token: bytes) -> None:
        """Consume ``token``, in any case."""
        if not self.skip(token):
            raise BadSyntax(f"Expected {token.decode('ascii', 'replace')}")

    def space(self) -> None:
        """Consume the space between two arguments."""
        spaces = self.match(_SPACES)
        if spaces is None:
            raise BadSyntax("Missing argument" if self.at_end() else "Expected a space")
        if len(spaces[0]) > 1:
            self.depart("more than one space in a row")

    def more_space(self) -> None:
        """Consume spaces behind the one that was part of a token."""
        if self.match(_SPACES):
            self.depart("more than one space in a row")

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Consume what ``pattern`` matches here, if it does."""
        match = pattern.match(self._text, self._position)
        if match:
            self._position = match.end()
        return match

    def word(self, stop: re.Pattern[bytes] = ATOM_END) -> bytes:
        """Consume at least one octet, up to what ``stop`` finds; the case is kept."""
        found = stop.search(self._text, self._position)
        end = found.start() if found else len(self._text)
        if end == self._position:
            raise BadSyntax("Missing argument" if self.at_end() else "Expected an atom")
        word = self._text[self._position : end]
        self._position = end
        return word

    def atom(self) -> bytes:
        """Consume an atom and return it upper-cased."""
        return self.word().upper()

    def number(self) -> int:
        """Consume a number of 32 bits."""
        return self._number(_HIGHEST)

    def number64(self) -> int:
        """Consume a number of 63 bits (RFC 7162 mod-sequence-value, RFC 9051 number64)."""
        return self._number(_HIGHEST_64)

    def _number(self, highest: int) -> int:
        match = self.match(_NUMBER)
        if not match:
            raise BadSyntax("Expected a number")
        number = int(match.group())
        if number > highest:
            raise BadSyntax(f"A number here is at most {highest}")
        return number

    def literal(self) -> bytes:
        """Consume a literal that is an argument."""
        value = self.message()
        if not isinstance(value, bytes):
            raise BadSyntax("Such a large literal is not allowed here")
        if b"\0" in value:
            raise BadSyntax("NUL is only allowed in a message")
        return value

    def message(self, *, binary: bool = False) -> bytes | Span:
        """Consume a message; ``binary`` also allows literal8 (RFC 3516). NUL is taken in any, as SMTP takes it."""
        match = _LITERAL.match(self._text, self._position)
        if not match or self._index + 2 >= len(self._parts):
            raise BadSyntax("Expected a literal")
        value: bytes | Span = self._parts[self._index + 1]
        value = self._messages.get(self._index + 1, value)
        if match.group(1) and not binary:
            raise BadSyntax("A literal8 is not allowed here")
        if not match.group(1) and (b"\0" in value if isinstance(value, bytes) else value.binary):
            self.depart("NUL in a literal that is no literal8")
        self._index += 2
        self._text = self._parts[self._index]
        self._position = 0
        return value

    def string(self) -> bytes:
        """Consume a quoted string or a literal. 8-bit in quotes is passed on: its charset is the command's business."""
        if self.peek() == b"{":
            return self.literal()
        match = self.match(_QUOTED)
        if not match:
            raise BadSyntax("Expected a string")
        value = match.group(1)
        return _ESCAPED.sub(rb"\1", value) if b"\\" in value else value

    def astring(self) -> bytes:
        """Consume an atom (``]`` allowed) or a string; the case is kept."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self.word(_UTF8_ASTRING_END if self.utf8 else _ASTRING_END)

    def nstring(self) -> bytes | None:
        """Consume a string or NIL."""
        return None if self.skip(b"NIL") else self.string()

    def sequence_set(self) -> SequenceSet:
        """Consume message numbers or UIDs, or ``$``."""
        match = self.match(_SEQUENCE)
        if not match or (match.group() == b"$" and not self._saved_results):
            raise BadSyntax("Expected a message set")
        try:
            return SequenceSet.read(match.group())
        except ValueError as error:
            raise BadSyntax("Invalid message set") from error

    def parenthesised(self, item: Callable[[], T]) -> list[T]:
        """Consume ``( item item … )``; the list may be empty."""
        self.expect(b"(")
        self._inner_space()
        items: list[T] = []
        while not self.skip(b")"):
            if items:
                self.space()
                if self.skip(b")"):
                    self.depart("a space beside a parenthesis")
                    break
            items.append(item())
        return items

    def _inner_space(self) -> None:
        if self.match(_SPACES):
            self.depart("a space beside a parenthesis")

    def flag(self) -> str:
        """Consume a flag: a system flag in its own spelling, or a keyword as it was spelled."""
        match = self.match(_FLAG)
        if not match:
            raise BadSyntax("Expected a flag")
        flag = match.group().decode()
        if not match.group(1):
            return flag
        if flag.upper() not in _SYSTEM_FLAGS:
            raise BadSyntax(f"{flag[:_MOST_REPEATED]} is no flag that can be set")
        return _SYSTEM_FLAGS[flag.upper()]

    def mailbox(self) -> str:
        """Consume a mailbox name; a name that cannot exist is refused with CANNOT."""
        name = self.astring()
        try:
            decoded = decode_mailbox(name, utf8=self.utf8)
        except ValueError as error:
            encoding = "UTF-8" if self.utf8 else "modified UTF-7"
            raise Refused(f"The mailbox name is not valid {encoding}", "CANNOT") from error
        if _CONTROL.search(decoded):
            raise Refused("A mailbox name holds no control characters", "CANNOT")
        return decoded

    def list_mailbox(self) -> str:
        """Consume a pattern of LIST. What is no valid encoding matches itself, that is: nothing."""
        pattern = self.string() if self.peek() in (b'"', b"{") else self.word(_PATTERN_END)
        if len(pattern) > LONGEST_PATTERN:
            raise BadSyntax(f"A pattern has at most {LONGEST_PATTERN} octets")
        try:
            return decode_mailbox(pattern, utf8=self.utf8)
        except ValueError:
            return pattern.decode(errors="replace")

    def date(self) -> date:
        """Consume ``1-Feb-2024``, quoted or not."""
        try:
            text = self.string() if self.peek() in (b'"', b"{") else self.word(_DATE_END)
            if text.startswith(b" "):
                self.depart("a space before a date")
            return read_date(text.removeprefix(b" "))
        except ValueError as error:
            raise BadSyntax("Expected a date like 1-Feb-2024") from error

    def date_time(self) -> datetime:
        """Consume ``"01-Feb-2024 12:00:00 +0100"``."""
        if self.peek() != b'"':
            raise BadSyntax("Expected a quoted date-time")
        try:
            return self._date_time(self.string())
        except ValueError as error:
            raise BadSyntax('Expected a date-time like "01-Feb-2024 12:00:00 +0100"') from error

    def _date_time(self, text: bytes) -> datetime:
        """Read a date-time, whose day and zone Dovecot lets stand with a space too few or too many."""
        match = _LAX_DATE_TIME.fullmatch(text)
        if match is not None:
            self.depart("a date-time that is not spaced as it should be")
            text = b"%2b%b %b" % match.groups()
        return read_date_time(text)
