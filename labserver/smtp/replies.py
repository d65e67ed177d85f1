"""What a reply may look like, whatever text goes into it."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Refusal", "one_line"]

_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_LONGEST = 512 - len("\r\n")


def one_line(reply: str) -> str:
    """Return ``reply`` as one line without its end, of at most 512 octets with it (RFC 5321 4.5.3.1.5)."""
    return _CONTROL.sub("?", reply).encode()[:_LONGEST].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not accepted: a reply in three parts."""

    code: int
    status: str
    """The enhanced status code (RFC 3463)."""
    text: str

    def __str__(self) -> str:
        return one_line(f"{self.code} {self.status} {self.text}")
