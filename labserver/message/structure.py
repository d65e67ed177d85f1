"""BODY and BODYSTRUCTURE (RFC 3501 7.4.2): the MIME tree in IMAP's syntax.

What is missing or broken is told by its default, so that the answer always has the shape the grammar promises: a
multipart without parts gets an empty text part (RFC 3501 9: ``1*body``), text gets a charset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY
from labserver.message.as_base64 import LINE, base64_size, goes_as_base64
from labserver.message.content_fields import parameterized, tokens
from labserver.message.envelope import envelope
from labserver.message.header import MOST_OCTETS, WINDOW
from labserver.message.strings import nstring, string
from labserver.message.transfer import is_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labserver.effort import Effort, Work
    from labserver.message.part import Part

__all__ = ["body_structure", "describe"]

_PART = 4_096
"""Units of work (:mod:`labserver.effort`) to describe a part, besides those for its header's octets."""
_COUNTED = 8
"""Octets in which line endings are counted in the time of one unit."""
_LOOKED_FOR = 32
"""Octets of a binary part in which NUL is looked for in the time of one unit."""

_CHARSET = b'"charset" "us-ascii"'
_NO_PART = b'("text" "plain" (%b) NIL NIL "7bit" 0 0' % _CHARSET
_NO_EXTENSION = b" NIL NIL NIL NIL"


def body_structure(part: Part, *, extended: bool) -> bytes:
    """Return the part's BODYSTRUCTURE, or with ``extended`` false its BODY, with parentheses."""
    described: dict[Part, bytes] = {}
    for inner in reversed(list(part.walk())):
        described[inner] = _described(inner, described, inner.content.count, extended=extended)
    return described[part]


def describe(part: Part, effort: Effort, *, extended: bool) -> Work[bytes]:
    """Return what :func:`body_structure` does, in turns."""
    newlines = _Newlines(part.content)
    yield from newlines.read(effort)
    described: dict[Part, bytes] = {}
    for inner in reversed(list(part.walk())):
        described[inner] = _described(inner, described, newlines.count, extended=extended)
        looked_for = inner.size // _LOOKED_FOR if inner.encoding == b"binary" else 0
        read = min(inner.body - inner.start, MOST_OCTETS)
        if effort.spend(_PART + read + len(described[inner]) // _COUNTED + looked_for):
            yield GIVE_WAY
    return described[part]


def _described(
    part: Part, known: Mapping[Part, bytes], count: Callable[[bytes, int, int], int], *, extended: bool
) -> bytes:
    """Describe a part when those in it are ``known``; ``count`` counts in the content."""
    kind = part.content_type
    if part.is_multipart:
        inner = b"".join([known[child] for child in part.children])
        text = b"(%b %b" % (
            inner or _NO_PART + (_NO_EXTENSION if extended else b"") + b")",
            string(kind.subtype or b"x-unknown"),
        )
        if extended:
            text += b" %b%b" % (_parameters(kind.parameters), _disposition_language_location(part))
        return text + b")"
    text = b"(" + _single(part)
    if part.is_message and part.children:
        message = part.children[0]
        text += b" %b %b %d" % (envelope(message), known[message], count(b"\n", part.body, part.end))
    elif _is_text(part):
        encoded = goes_as_base64(part)
        text += b" %d" % (base64_size(part.size) // LINE if encoded else count(b"\n", part.body, part.end))
    if extended:
        text += b" %b%b" % (nstring(_value(part, b"content-md5")), _disposition_language_location(part))
    return text + b")"


class _Newlines:
    """How many line endings there are between two places, without looking at long stretches more than once."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._before: list[int] = []
        """How many there are before each window, as far as they were counted."""

    def read(self, effort: Effort) -> Work[None]:
        """Count all, in turns."""
        total = 0
        for start in range(0, len(self._content) + 1, WINDOW):
            self._before.append(total)
            total += self._content.count(b"\n", start, start + WINDOW)
            if effort.spend(WINDOW // _COUNTED):
                yield GIVE_WAY

    def count(self, newline: bytes, start: int, end: int) -> int:
        """Count as the content itself does."""
        first, last = -(-start // WINDOW), end // WINDOW
        count = self._content.count
        if first >= last or last >= len(self._before):
            return count(newline, start, end)
        whole = self._before[last] - self._before[first]
        return whole + count(newline, start, first * WINDOW) + count(newline, last * WINDOW, end)


def _is_text(part: Part) -> bool:
    return part.content_type.type.lower() == b"text"


def _single(part: Part) -> bytes:
    """Return the seven fields every part that is no multipart has (``body-type-basic``)."""
    kind = part.content_type
    parameters = kind.parameters
    listed = _parameters(parameters)
    if _is_text(part) and kind.parameter(b"charset") is None:
        listed = b"(%b%b)" % (listed[1:-1] + b" " if parameters else b"", _CHARSET)
    encoding, size = part.encoding_field, part.size
    if goes_as_base64(part):
        encoding, size = b"base64", base64_size(size)
    media = b'"message" "rfc822"'
    if not part.is_message:
        media = b"%b %b" % (string(kind.type), string(kind.subtype or (b"plain" if _is_text(part) else b"unknown")))
    return b"%b %b %b %b %b %d" % (
        media,
        listed,
        nstring(_value(part, b"content-id")),
        nstring(_value(part, b"content-description")),
        # An encoding that nobody knows is none: clients would refuse to show the part (RFC 2045 6.4).
        string(encoding) if encoding is not None and is_known(encoding.lower()) else b'"7bit"',
        size,
    )


def _value(part: Part, name: bytes) -> bytes | None:
    return part.header.first(name) if part.is_mime else None


def _parameters(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in parameters])


def _disposition_language_location(part: Part) -> bytes:
    """Return the three fields that end every extended structure, each with its space in front."""
    if not part.is_mime:
        return b" NIL NIL NIL"
    first = part.header.first
    disposition = language = b"NIL"
    value = first(b"content-disposition")
    read = parameterized(value) if value else None
    if read is not None:
        disposition = b"(%b %b)" % (string(read.value), _parameters(read.parameters))
    value = first(b"content-language")
    languages = tokens(value) if value else []
    if languages:
        language = b"(%b)" % b" ".join(map(string, languages))
    return b" %b %b %b" % (disposition, language, nstring(first(b"content-location")))
