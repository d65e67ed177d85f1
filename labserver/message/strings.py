"""Octets as IMAP strings: quoted where they may be, literals where they must (RFC 3501 9, ``nstring``)."""

from __future__ import annotations

import re

__all__ = ["nstring", "string"]

_not_plain = re.compile(rb"[\"\\\r\n\0\x80-\xff]").search
_SPECIAL = re.compile(rb"([\"\\])")
_NOT_QUOTABLE = re.compile(rb"[\r\n\0\x80-\xff]")


def string(value: bytes) -> bytes:
    """Return ``value`` as a quoted string or a literal.

    NUL cannot be sent in either (RFC 3501 9, ``CHAR8``) and becomes U+FFFD.
    """
    if not _not_plain(value):
        return b'"%b"' % value
    if not _NOT_QUOTABLE.search(value):
        return b'"%b"' % _SPECIAL.sub(rb"\\\1", value)
    value = value.replace(b"\0", b"\xef\xbf\xbd")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """Return ``value`` as a string, or NIL for None."""
    if value is None:
        return b"NIL"
    return string(value) if _not_plain(value) else b'"%b"' % value  # most are plain, and an ENVELOPE has twenty of them
