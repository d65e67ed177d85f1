"""A header: where its fields are, and their values as octets.

Nothing is rejected. A line without a colon is a field without a value, a bare LF ends a line, a bare CR does not, and
only a blank line ends the header (RFC 5322 2.1, 2.2; the tolerance is Dovecot's).
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from labserver.effort import GIVE_WAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labserver.effort import Effort, Work

__all__ = ["MOST_FIELDS", "MOST_OCTETS", "WINDOW", "Field", "Header", "header_end", "read_header_end", "unfolded"]

MOST_OCTETS = 1 << 18
"""Octets of one header that are interpreted; those beyond are delivered, but answer no question."""

MOST_FIELDS = 4_000
"""Fields of one header that are interpreted; the same holds of those beyond."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([^:\n]*+)(:?)([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_FOLD = re.compile(rb"\r?\n[ \t]?")
_WHITE = b" \t\r\n"
_SHORTEST_FIELD = 2
_BLANK_BORDER = 2
"""Octets behind its first that a blank line can have."""
WINDOW = 1 << 17
"""Octets that are looked through at once."""
_USUAL_NAME = re.compile(rb"[!-9;-~]{1,100}")
"""Names of which patterns are made, which are kept for a while: no longer ones."""
_MOST_NAMES = 32


class Field(NamedTuple):
    """One header field by its place in the content."""

    name: bytes
    """Lower-case, without the white space that may stand before the colon."""
    start: int
    value: int
    """Where the value begins: after the colon."""
    end: int
    """Behind the line ending of its last line."""


class Header:
    """The octets ``content[start:end]``, delimiting blank line included, read as a header."""

    __slots__ = ("_values", "content", "end", "start")

    def __init__(self, content: bytes, start: int, end: int) -> None:
        self.content = content
        self.start = start
        self.end = end
        self._values: dict[bytes, list[bytes]] | None = None

    @property
    def raw(self) -> bytes:
        """The header's octets, blank line included."""
        return self.content[self.start : self.end]

    def fields(self) -> Iterator[Field]:
        """Yield every field in order; the delimiting blank line is not one."""
        for match in _FIELD.finditer(self.content, self.start, self.end):
            name = match[1].strip(_WHITE)
            if name or match[2]:
                yield Field(name.lower(), match.start(), match.end(2), match.end())

    def first(self, name: bytes) -> bytes | None:
        """Return the unfolded value of the first field called ``name`` (lower-case), None without one."""
        values = self._index().get(name)
        return unfolded(values[0]) if values else None

    def all(self, name: bytes) -> list[bytes]:
        """Return the unfolded values of all fields called ``name`` (lower-case), in order."""
        patterns = _patterns(frozenset((name,))) if self._values is None else None
        if patterns is None:
            return [unfolded(value) for value in self._index().get(name, ())]
        end = min(self.end, self.start + MOST_OCTETS)
        return [unfolded(value) for _, value in self._matches(patterns, end)[:MOST_FIELDS]]

    def selection(self, names: Collection[bytes], *, excluding: bool = False) -> bytes:
        """Return the fields called one of ``names`` (lower-case), or all others, byte for byte, with a blank line.

        This is HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 6.4.5). A last field without a line ending gets one.
        """
        content = self.content
        patterns = None if excluding else _patterns(frozenset(names))
        if patterns is None:
            chosen = [content[f.start : f.end] for f in self.fields() if (f.name in names) is not excluding]
        else:
            chosen = [field for field, _ in self._matches(patterns, self.end)]
        if chosen and not chosen[-1].endswith(b"\n"):
            chosen.append(b"\r\n")
        chosen.append(b"\r\n")
        return b"".join(chosen)

    def _matches(self, patterns: _Patterns, end: int) -> list[tuple[bytes, bytes]]:
        """Return the fields that match, each with its value."""
        first = patterns.first.match(self.content, self.start, end)
        others = patterns.others.findall(self.content, self.start, end)
        return others if first is None else [(first[1], first[2]), *others]

    def _index(self) -> dict[bytes, list[bytes]]:
        if self._values is None:
            self._values = {}
            end = min(self.end, self.start + MOST_OCTETS)
            short = end - self.start <= MOST_FIELDS * _SHORTEST_FIELD
            found = _FIELD.findall(self.content, self.start, end) if short else self._first_fields(end)
            for name, colon, value in found:
                if colon or name.strip(_WHITE):
                    self._values.setdefault(name.strip(_WHITE).lower(), []).append(value)
        return self._values

    def _first_fields(self, end: int) -> list[tuple[bytes, ...]]:
        """Return name, colon and value of as many fields as count."""
        fields = _FIELD.finditer(self.content, self.start, end)
        return [field.groups() for field in islice(fields, MOST_FIELDS)]


class _Patterns(NamedTuple):
    """What finds the fields of some names. Group 1 is the field, group 2 its value."""

    first: re.Pattern[bytes]
    """The first field of a header."""
    others: re.Pattern[bytes]
    """Any other; the match is only the line ending in front of it."""


@lru_cache(maxsize=64)
def _patterns(names: frozenset[bytes]) -> _Patterns | None:
    """Return what finds the fields called one of ``names``; None for names that only :meth:`Header.fields` can find.

    Where few fields are wanted, looking for line endings with their names behind them is ten times as fast as reading
    every field.
    """
    if not 0 < len(names) <= _MOST_NAMES or not all(map(_USUAL_NAME.fullmatch, names)):
        return None
    name = b"|".join(map(re.escape, sorted(names)))
    field = rb"(?:%b)[ \t\r]*+(?:(?=\n)|\Z|:)([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?" % name
    # White space in front of a name continues the line before, unless it begins with CR or there is no line before.
    return _Patterns(
        first=re.compile(rb"([ \t\r]*+%b)" % field, re.IGNORECASE),
        others=re.compile(rb"\n(?=((?:\r[ \t\r]*+)?+%b))" % field, re.IGNORECASE),
    )


def header_end(content: bytes, *, within: int = sys.maxsize) -> int:
    """Return where the body of a whole message begins: behind the first blank line, at the end without one.

    ``within``: look at so many octets only, which are the end without a blank line in them.
    """
    if content.startswith(b"\n"):
        return 1
    if content.startswith(b"\r\n"):
        return 2
    blank = _BLANK_LINE.search(content, 0, within)
    return blank.end() if blank else min(len(content), within)


def read_header_end(content: bytes, effort: Effort) -> Work[int]:
    """Return what :func:`header_end` does, in turns."""
    found = header_end(content, within=WINDOW)
    if found < WINDOW or found == len(content):
        return found
    for start in range(0, len(content), WINDOW):
        blank = _BLANK_LINE.search(content, start, start + WINDOW + _BLANK_BORDER)
        if blank:
            return blank.end()
        if effort.spend(WINDOW):
            yield GIVE_WAY
    return len(content)


def unfolded(value: bytes) -> bytes:
    """Return a field's value on one line: each fold with its first blank becomes one space, the ends are trimmed."""
    value = value.strip(_WHITE)
    return _FOLD.sub(b" ", value) if b"\n" in value else value
