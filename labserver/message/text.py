"""The text in a message, for SEARCH: its headers as people read them, and its text parts decoded.

A long part is decoded and folded a piece at a time and never held as a whole: its text may be a hundred times as large
as its octets are.
"""

from __future__ import annotations

import codecs
from itertools import islice
from typing import TYPE_CHECKING

from labserver.message.charsets import Folding, codec, decode, fold, text_decoder
from labserver.message.header import MOST_FIELDS, MOST_OCTETS, unfolded
from labserver.message.transfer import decoder, windows
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.message.header import Header
    from labserver.message.part import Part

__all__ = ["body_pieces", "header_text", "header_texts", "is_text", "short_text"]

_TEXTUAL = frozenset({b"text", b"message"})
_SHORT = 1 << 14
"""Octets that are decoded at once."""


def header_text(header: Header) -> str:
    """Return a header as text, one unfolded field a line; only ``MOST_OCTETS`` and ``MOST_FIELDS`` of it count."""
    content, fields = header.content, header.fields(within=header.start + MOST_OCTETS)
    lines = [
        f"{decode(content[field.start : field.value])} {readable(unfolded(content[field.value : field.end]))}"
        for field in islice(fields, MOST_FIELDS)
    ]
    return "\n".join(lines)


def header_texts(part: Part) -> Iterator[str]:
    """Yield the text of every header in a message: its own, its parts', those of messages in it."""
    for inner in part.walk():
        yield header_text(inner.header)


def is_text(part: Part) -> bool:
    """Return whether a part is text; an attachment in a foreign format is none."""
    return not (part.children or part.is_multipart or part.content_type.type.lower() not in _TEXTUAL)


def body_pieces(part: Part) -> Iterator[str]:
    """Yield a part's text folded, in pieces; empty ones while octets were looked at of which nothing is known yet.

    Every step looks at a bounded number of octets. Text that is not in its charset is read as well as possible.
    """
    if part.size <= _SHORT:
        yield short_text(part)
        return
    charset = _charset(part)
    if charset is None or codec(charset) in {None, "ascii"}:
        charset = "utf-8"
        for valid in _all_utf8(_octets(part)):
            charset = charset if valid else None
            yield ""
    decoding, folding = text_decoder(charset), Folding()
    for octets in _octets(part):
        yield folding.feed(decoding.feed(octets))
    yield folding.feed(decoding.finish()) + folding.finish()


def short_text(part: Part) -> str:
    """Return a part's text folded, at once; for parts of short messages."""
    octets = part.decoded()
    return fold(decode(part.body_octets() if octets is None else octets, _charset(part)))


def _charset(part: Part) -> str | None:
    charset = part.content_type.parameter(b"charset")
    return None if charset is None else charset.decode("latin-1")


def _octets(part: Part) -> Iterator[bytes]:
    """Yield a body without its transfer encoding, or as it is when that is unknown."""
    undoing = decoder(part.encoding)
    for window in windows(part.content, part.body, part.end):
        yield window if undoing is None else undoing.feed(window)
    if undoing is not None:
        yield undoing.finish()


def _all_utf8(pieces: Iterator[bytes]) -> Iterator[bool]:
    """Yield after each piece whether all so far can be UTF-8; the last tells of the whole."""
    strict = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for piece in pieces:
            strict.decode(piece)
            yield True
        strict.decode(b"", final=True)
    except UnicodeDecodeError:
        yield False
