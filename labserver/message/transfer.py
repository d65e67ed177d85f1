"""Content transfer encodings undone (RFC 2045 6): tolerant, bounded, and never an exception."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decode"]

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_PADDED_END = re.compile(rb"=[= \t\r\n]*")
_TRAILING_WHITE = re.compile(rb"[ \t]++(?=\r?\n|\Z)")
_UNIT = 4


def decode(encoding: bytes, body: bytes) -> bytes | None:
    """Undo ``encoding``, a Content-Transfer-Encoding in lower case; None when it is unknown.

    What is wrong in the encoded data is passed over, so that as much as possible can be read.
    """
    decoder = _DECODERS.get(encoding)
    return None if decoder is None else decoder(body)


def _identity(body: bytes) -> bytes:
    return body


def _base64(body: bytes) -> bytes:
    """Decode every run up to its padding: concatenated encodings occur, and each is complete in itself."""
    return b"".join(map(_base64_run, _PADDED_END.split(body)))


def _base64_run(run: bytes) -> bytes:
    run = _NOT_BASE64.sub(b"", run)
    surplus = len(run) % _UNIT
    if surplus == 1:
        run, surplus = run[:-1], 0
    return binascii.a2b_base64(run + b"=" * (_UNIT - surplus if surplus else 0))


def _quoted_printable(body: bytes) -> bytes:
    """White space at a line's end is not data (RFC 2045 6.7 rule 3)."""
    return binascii.a2b_qp(_TRAILING_WHITE.sub(b"", body))


_DECODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"7bit": _identity,
    b"8bit": _identity,
    b"binary": _identity,
    b"base64": _base64,
    b"quoted-printable": _quoted_printable,
}
