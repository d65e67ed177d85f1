"""A header: where its fields are, and their values as octets.

Nothing is rejected. A line without a colon is a field without a value, a bare LF ends a line, a bare CR does not, and
only a blank line ends the header (RFC 5322 2.1, 2.2; the tolerance is Dovecot's).
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from labserver.effort import GIVE_WAY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from labserver.effort import Effort, Work

__all__ = [
    "MOST_FIELDS",
    "MOST_OCTETS",
    "WINDOW",
    "Field",
    "Header",
    "finding",
    "header_end",
    "read_header_end",
    "selecting",
    "unfolded",
]

MOST_OCTETS = 1 << 18
"""Octets of one header that are interpreted; those beyond are delivered, but answer no question."""

MOST_FIELDS = 4_000
"""Fields of one header that are interpreted; the same holds of those beyond."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([^:\n]*+)(:?)([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_FOLD = re.compile(rb"\r?\n[ \t]?")
_WHITE = b" \t\r\n"
_WHITE_OR_COLON = b" \t\r\n:"
_SHORT = MOST_FIELDS * 2
"""Octets of a header that has no more than ``MOST_FIELDS`` fields, whatever is in it."""
_MIME_NAMES = frozenset(
    {
        b"content-description",
        b"content-disposition",
        b"content-id",
        b"content-language",
        b"content-location",
        b"content-md5",
        b"content-transfer-encoding",
        b"content-type",
        b"mime-version",
    }
)
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

    __slots__ = ("_mime", "_values", "content", "end", "start")

    def __init__(self, content: bytes, start: int, end: int) -> None:
        self.content = content
        self.start = start
        self.end = end
        self._values: dict[bytes, list[bytes]] | None = None
        self._mime: dict[bytes, bytes] | None = None

    @property
    def raw(self) -> bytes:
        """The header's octets, blank line included."""
        return self.content[self.start : self.end]

    def fields(self, *, within: int = sys.maxsize) -> Iterator[Field]:
        """Yield every field in order; the delimiting blank line is not one.

        The last one ends at the place ``within`` at the latest, and nothing behind that is looked at.
        """
        for match in _FIELD.finditer(self.content, self.start, min(self.end, within + 1)):
            if match.end() > within:
                return
            name = match[1].strip(_WHITE)
            if name or match[2]:
                yield Field(name.lower(), match.start(), match.end(2), match.end())

    def first(self, name: bytes) -> bytes | None:
        """Return the unfolded value of the first field called ``name`` (lower-case), None without one."""
        mime = self._mime
        if mime is None and self._values is None and name in _MIME_NAMES and self.end - self.start <= _SHORT:
            mime = self._mime_fields()
        if mime is not None and name in _MIME_NAMES:
            value = mime.get(name)
            return None if value is None else unfolded(value)
        values = self._index().get(name)
        return unfolded(values[0]) if values else None

    def all(self, name: bytes) -> list[bytes]:
        """Return the unfolded values of all fields called ``name`` (lower-case), in order."""
        find = finding(name) if self._values is None else None
        found = self._index().get(name, ()) if find is None else find(self.content, self.start, self.end)
        return [unfolded(value) for value in found]

    def selection(self, names: Collection[bytes], *, excluding: bool = False) -> bytes:
        """Return the fields called one of ``names`` (lower-case), or all others, byte for byte, with a blank line.

        This is HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 6.4.5). A last field without a line ending gets one.
        """
        return selecting(frozenset(names), excluding=excluding)(self.content, self.start, self.end)

    def _index(self) -> dict[bytes, list[bytes]]:
        if self._values is None:
            self._values = {}
            end = min(self.end, self.start + MOST_OCTETS)
            short = end - self.start <= _SHORT
            found = _FIELD.findall(self.content, self.start, end) if short else self._first_fields(end)
            for name, colon, value in found:
                if colon or name.strip(_WHITE):
                    self._values.setdefault(name.strip(_WHITE).lower(), []).append(value)
        return self._values

    def _mime_fields(self) -> dict[bytes, bytes]:
        """Return the first value of each field that MIME defines, as it is; only of a short header.

        Each part of a message is asked for some of them, and for no other field.
        """
        assert _MIME is not None  # noqa: S101 -- their names are usual ones
        first, others = _MIME
        found = others.findall(self.content, self.start, self.end)
        begun = first.match(self.content, self.start, self.end)
        if begun is not None:
            found.insert(0, begun.groups())
        self._mime = {name.strip(_WHITE_OR_COLON).lower(): value for name, value in reversed(found)}
        return self._mime

    def _first_fields(self, end: int) -> list[tuple[bytes, ...]]:
        """Return name, colon and value of as many fields as count."""
        fields = _FIELD.finditer(self.content, self.start, end)
        return [field.groups() for field in islice(fields, MOST_FIELDS)]


@lru_cache(maxsize=64)
def finding(name: bytes) -> Callable[[bytes, int, int], list[bytes]] | None:
    """Return what finds the values of all fields called ``name`` (lower-case) in a header, as they are.

    None for a name that only the header's index has.
    """
    patterns = _patterns(frozenset((name,)), b"%b(%b)")
    if patterns is None:
        return None
    first, others = patterns[0].match, patterns[1].findall
    beginnings = {name[:1].lower(), name[:1].upper(), b" ", b"\t", b"\r"}

    def find(content: bytes, start: int, end: int) -> list[bytes]:
        if end - start > MOST_OCTETS:
            end = start + MOST_OCTETS
        found = others(content, start, end)
        if content[start : start + 1] in beginnings:
            begun = first(content, start, end)
            if begun is not None:
                found.insert(0, begun[1])
        return found[:MOST_FIELDS] if len(found) > MOST_FIELDS else found

    return find


@lru_cache(maxsize=64)
def selecting(names: frozenset[bytes], *, excluding: bool = False) -> Callable[[bytes, int, int], bytes]:
    """Return what does for any header what :meth:`Header.selection` does for one."""
    patterns = None if excluding else _patterns(names, b"(%b%b\n?)")
    if patterns is None:
        return partial(_selected, names, excluding)
    first, others = patterns[0].match, patterns[1].findall

    def select(content: bytes, start: int, end: int) -> bytes:
        chosen = others(content, start, end)
        begun = first(content, start, end)
        if begun is not None:
            chosen.insert(0, begun[1])
        return _as_header(chosen)

    return select


def _patterns(names: frozenset[bytes], field: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]] | None:
    """Return what finds the first field of a header and any other, if it is called one of ``names``.

    ``field`` takes a name and a value, and says which of it is the group. None for names that only
    :meth:`Header.fields` can find. Where few fields are wanted, looking for line endings with their names behind them
    is ten times as fast as reading every field.
    """
    if not 0 < len(names) <= _MOST_NAMES or not all(map(_USUAL_NAME.fullmatch, names)):
        return None
    # White space in front of a name continues the line before, unless it begins with CR or there is no line before.
    name = rb"(?:%b)[ \t\r]*+(?:(?=\n)|\Z|:)" % b"|".join(map(re.escape, sorted(names)))
    value = rb"[^\n]*+(?:\n[ \t][^\n]*+)*+"
    first = field % (rb"[ \t\r]*+" + name, value)
    other = field % (rb"(?:\r[ \t\r]*+)?+" + name, value)
    # Most lines begin with another letter than any of the names: that is seen first.
    initials = re.escape(bytes(sorted({name[0] for name in names})))
    others = rb"\n(?=[\r%b])(?=%b)" % (initials, other)
    return re.compile(first, re.IGNORECASE), re.compile(others, re.IGNORECASE)


_MIME = _patterns(_MIME_NAMES, b"(%b)(%b)")


def _selected(names: frozenset[bytes], excluding: bool, content: bytes, start: int, end: int) -> bytes:  # noqa: FBT001 -- bound once, by partial
    fields = Header(content, start, end).fields()
    return _as_header([content[f.start : f.end] for f in fields if (f.name in names) is not excluding])


def _as_header(fields: list[bytes]) -> bytes:
    if fields and not fields[-1].endswith(b"\n"):
        fields.append(b"\r\n")
    fields.append(b"\r\n")
    return b"".join(fields)


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
