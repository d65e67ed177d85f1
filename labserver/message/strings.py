"""Octets as IMAP strings: quoted where they may be, literals where they must (RFC 3501 9, ``nstring``)."""

from __future__ import annotations

import re

__all__ = ["nstring", "string"]

_NOT_PLAIN = re.compile(rb"[\"\\\r\n\0\x80-\xff]")
_SPECIAL = re.compile(rb"([\"\\])")
_NOT_QUOTABLE = re.compile(rb"[\r\n\0\x80-\xff]")


def string(value: bytes) -> bytes:
    """Return ``value`` as a quoted string or a literal.

    NUL cannot be sent in either (RFC 3501 9, ``CHAR8``) and becomes U+FFFD.
    """
    if not _NOT_PLAIN.search(value):
        return b'"%b"' % value
    if not _NOT_QUOTABLE.search(value):
        return b'"%b"' % _SPECIAL.sub(rb"\\\1", value)
    value = value.replace(b"\0", b"\xef\xbf\xbd")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """Return ``value`` as a string, or NIL for None."""
    return b"NIL" if value is None else string(value)
