r"""SMTP smuggling (CVE-2023-51764 and its kin): lines that another server might take for the end of the data.

Only CRLF.CRLF ends mail data (RFC 5321 4.1.1.4). Servers that also take a dot between bare line feeds, bare carriage
returns or a mixture for the end turn the rest of a message into commands. The framer is not one of them; but a message
that carries such a line is an attempt, or will become one at the next hop, and is refused.
"""

from __future__ import annotations

__all__ = ["has_lookalike"]

# The real end never stands inside the data, so a dot with any line end on either side is a lookalike. Plain searches:
# they run over a message at memory speed.
_LOOKALIKES = (b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r")
_LOOKALIKE_STARTS = (b".\n", b".\r")


def has_lookalike(stuffed: bytes) -> bool:
    r"""Tell whether dot-stuffed mail data, CRLF.CRLF taken off, holds a line that could pass for its end.

    ``stuffed`` ends with the CRLF of its last line. NUL is looked through, because some receivers drop it.
    """
    if b"\0" in stuffed:
        stuffed = stuffed.replace(b"\0", b"")
    return stuffed.startswith(_LOOKALIKE_STARTS) or any(lookalike in stuffed for lookalike in _LOOKALIKES)
