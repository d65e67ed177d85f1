"""The text in a message, for SEARCH: its headers as people read them, and its text parts decoded."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from labserver.message.charsets import decode
from labserver.message.header import MOST_OCTETS, unfolded
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.message.header import Header
    from labserver.message.part import Part

__all__ = ["body_texts", "header_text", "header_texts"]

_TEXTUAL = frozenset({b"text", b"message"})


def header_text(header: Header) -> str:
    """Return a header as text, one unfolded field a line; only its first ``MOST_OCTETS`` count."""
    content, end = header.content, header.start + MOST_OCTETS
    lines = [
        f"{decode(content[field.start : field.value])} {readable(unfolded(content[field.value : field.end]))}"
        for field in takewhile(lambda field: field.end <= end, header.fields())
    ]
    return "\n".join(lines)


def header_texts(part: Part) -> Iterator[str]:
    """Yield the text of every header in a message: its own, its parts', those of messages in it."""
    for inner in part.walk():
        yield header_text(inner.header)


def body_texts(part: Part) -> Iterator[str]:
    """Yield the text of every part that is text; an attachment in a foreign format is none."""
    for inner in part.walk():
        if inner.children or inner.is_multipart or inner.content_type.type.lower() not in _TEXTUAL:
            continue
        octets = inner.decoded()
        charset = inner.content_type.parameter(b"charset")
        yield decode(
            inner.body_octets() if octets is None else octets,
            None if charset is None else charset.decode("latin-1"),
        )
