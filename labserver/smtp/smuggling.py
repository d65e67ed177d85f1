r"""SMTP smuggling (CVE-2023-51764 and its kin): lines that another server might take for the end of the data.

Only CRLF.CRLF ends mail data (RFC 5321 4.1.1.4). Servers that also take a dot between bare line feeds, bare carriage
returns or a mixture for the end turn the rest of a message into commands. The framer is not one of them; but a message
that carries such a line is an attempt, or will become one at the next hop, and is refused.
"""

from __future__ import annotations

__all__ = ["LookalikeSearch"]

# The real end never stands inside the data, so a dot with any line end on either side is a lookalike. Plain searches:
# they run over a message at memory speed.
_LOOKALIKES = (b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r")


class LookalikeSearch:
    r"""Looks for a line that could pass for the end of mail data, in pieces as they come.

    NUL is looked through, because some receivers drop it. What is before the first octet is DATA's own line end.
    """

    __slots__ = ("_before", "_nul", "found")

    def __init__(self) -> None:
        self.found = False
        """There is such a line."""
        self._before = b"\n"
        self._nul = False

    def look(self, stuffed: bytes, *, bare: bool = True) -> None:
        """Look through the next octets, dot-stuffed as they were sent.

        ``bare``: some CR or LF in them, or a CR before them, may stand alone. Where none does, and no NUL ever came,
        there is nothing to be found but where they meet what was before: a dot between two CRLF is the end itself,
        which is not sent here, but the line end before that dot may stand alone.
        """
        if self.found:
            return
        self._nul = self._nul or b"\0" in stuffed
        if not (bare or self._nul):
            seam = self._before + stuffed[:2]
            self.found = b"." in seam and any(lookalike in seam for lookalike in _LOOKALIKES)
            self._before = (self._before + stuffed[-2:])[-2:]
            return
        text = self._before + (stuffed.replace(b"\0", b"") if b"\0" in stuffed else stuffed)
        if b"." in text and (b"\n." in text or b"\r." in text):
            self.found = any(lookalike in text for lookalike in _LOOKALIKES)
        self._before = text[-2:]
