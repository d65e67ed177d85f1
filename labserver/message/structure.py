"""BODY and BODYSTRUCTURE (RFC 3501 7.4.2): the MIME tree in IMAP's syntax.

What is missing or broken is told by its default, so that the answer always has the shape the grammar promises: a
multipart without parts gets an empty text part (RFC 3501 9: ``1*body``), text gets a charset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.message.content_fields import parameterized, tokens
from labserver.message.envelope import envelope
from labserver.message.strings import nstring, string
from labserver.message.transfer import is_known

if TYPE_CHECKING:
    from labserver.message.part import Part

__all__ = ["body_structure"]

_CHARSET = b'"charset" "us-ascii"'
_NO_PART = b'("text" "plain" (%b) NIL NIL "7bit" 0 0' % _CHARSET
_NO_EXTENSION = b" NIL NIL NIL NIL"


def body_structure(part: Part, *, extended: bool) -> bytes:
    """Return the part's BODYSTRUCTURE, or with ``extended`` false its BODY, with parentheses."""
    kind = part.content_type
    if part.is_multipart:
        inner = b"".join([body_structure(child, extended=extended) for child in part.children])
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
        text += b" %b %b %d" % (envelope(message), body_structure(message, extended=extended), part.lines)
    elif _is_text(part):
        text += b" %d" % part.lines
    if extended:
        text += b" %b%b" % (nstring(_value(part, b"content-md5")), _disposition_language_location(part))
    return text + b")"


def _is_text(part: Part) -> bool:
    return part.content_type.type.lower() == b"text"


def _single(part: Part) -> bytes:
    """Return the seven fields every part that is no multipart has (``body-type-basic``)."""
    kind = part.content_type
    parameters = kind.parameters
    listed = _parameters(parameters)
    if _is_text(part) and kind.parameter(b"charset") is None:
        listed = b"(%b%b)" % (listed[1:-1] + b" " if parameters else b"", _CHARSET)
    encoding = part.encoding_field
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
        part.size,
    )


def _value(part: Part, name: bytes) -> bytes | None:
    return part.header.first(name) if part.is_mime else None


def _parameters(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in parameters])


def _disposition_language_location(part: Part) -> bytes:
    """Return the three fields that end every extended structure, each with its space in front."""
    disposition = language = b"NIL"
    value = _value(part, b"content-disposition")
    read = parameterized(value) if value else None
    if read is not None:
        disposition = b"(%b %b)" % (string(read.value), _parameters(read.parameters))
    value = _value(part, b"content-language")
    languages = tokens(value) if value else []
    if languages:
        language = b"(%b)" % b" ".join(map(string, languages))
    return b" %b %b %b" % (disposition, language, nstring(_value(part, b"content-location")))
