"""A header: where its fields are, and their values as octets.

Nothing is rejected. A line without a colon is a field without a value, a bare LF ends a line, a bare CR does not, and
only a blank line ends the header (RFC 5322 2.1, 2.2; the tolerance is Dovecot's).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["MOST_OCTETS", "Field", "Header", "header_end", "unfolded"]

MOST_OCTETS = 1 << 18
"""Octets of one header that are interpreted; those beyond are delivered, but answer no question."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([^:\n]*+)(:?)([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_FOLD = re.compile(rb"\r?\n[ \t]?")
_WHITE = b" \t\r\n"


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
        return [unfolded(value) for value in self._index().get(name, ())]

    def selection(self, names: Collection[bytes], *, excluding: bool = False) -> bytes:
        """Return the fields called one of ``names`` (lower-case), or all others, byte for byte, with a blank line.

        This is HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 6.4.5). A last field without a line ending gets one.
        """
        content = self.content
        chosen = [content[f.start : f.end] for f in self.fields() if (f.name in names) is not excluding]
        if chosen and not chosen[-1].endswith(b"\n"):
            chosen.append(b"\r\n")
        chosen.append(b"\r\n")
        return b"".join(chosen)

    def _index(self) -> dict[bytes, list[bytes]]:
        if self._values is None:
            self._values = {}
            end = min(self.end, self.start + MOST_OCTETS)
            for name, colon, value in _FIELD.findall(self.content, self.start, end):
                if colon or name.strip(_WHITE):
                    self._values.setdefault(name.strip(_WHITE).lower(), []).append(value)
        return self._values


def header_end(content: bytes) -> int:
    """Return where the body of a whole message begins: behind the first blank line, at the end without one."""
    if content.startswith(b"\n"):
        return 1
    if content.startswith(b"\r\n"):
        return 2
    blank = _BLANK_LINE.search(content)
    return blank.end() if blank else len(content)


def unfolded(value: bytes) -> bytes:
    """Return a field's value on one line: each fold with its first blank becomes one space, the ends are trimmed."""
    value = value.strip(_WHITE)
    return _FOLD.sub(b" ", value) if b"\n" in value else value
