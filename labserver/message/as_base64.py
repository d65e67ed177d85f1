"""Parts that are given as base64: their transfer encoding is ``binary``, for which IMAP has no string (RFC 3501 4.3).

The octets stay as they are; whoever asks for such a part gets it in the encoding that its sender could have chosen
(RFC 2045 6.8). Lines have 76 characters, the last of them does not end, so that each character's place is known.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from labserver.message.transfer import windows

if TYPE_CHECKING:
    from labserver.message.part import Part

__all__ = ["LINE", "OF_LINE", "base64_lines", "base64_size", "encoding_value", "goes_as_base64"]

LINE = 78
"""Characters of a line, its end included."""
OF_LINE = 57
"""Octets that make a line."""
_NEVER_ENDS = 2


def goes_as_base64(part: Part) -> bool:
    """Return whether a part is given as base64."""
    return part.encoding == b"binary"


def base64_size(size: int) -> int:
    """Return how many characters ``size`` octets make."""
    whole, rest = divmod(size, OF_LINE)
    characters = whole * LINE + (-(-rest // 3) * 4 + _NEVER_ENDS if rest else 0)
    return max(0, characters - _NEVER_ENDS)


def base64_lines(octets: bytes) -> bytes:
    """Return octets as lines of base64, the last without its end."""
    return b"\r\n".join([binascii.b2a_base64(line, newline=False) for line in windows(octets, 0, len(octets), OF_LINE)])


def encoding_value(part: Part) -> tuple[int, int]:
    """Return where the value of a part's Content-Transfer-Encoding is, line end included."""
    field = next(field for field in part.header.fields() if field.name == b"content-transfer-encoding")
    return field.value, field.end
