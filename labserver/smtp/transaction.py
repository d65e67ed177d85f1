"""A mail transaction while it is being built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.mailstore.envelope import Recipient
    from labserver.smtp.grammar import Addressed

__all__ = ["Transaction"]


@dataclass(slots=True, kw_only=True)
class Transaction:
    """What MAIL, RCPT and BDAT brought together so far (RFC 5321 2.3.1)."""

    sender: Addressed
    recipients: list[Recipient] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    """BDAT's chunks in order, joined only once; one that is empty is a chunk too."""
    size: int = 0
    """Octets in the chunks."""

    @property
    def international(self) -> bool:
        """Addresses may go beyond ASCII (RFC 6531 3.4)."""
        return "SMTPUTF8" in self.sender.parameters

    @property
    def binary(self) -> bool:
        """The body was declared BINARYMIME, so that only BDAT can carry it (RFC 3030 3)."""
        return self.sender.parameters.get("BODY", "").upper() == "BINARYMIME"

    @property
    def declared_size(self) -> int:
        """The size MAIL declared, 0 if it did not (RFC 1870)."""
        return int(self.sender.parameters.get("SIZE", "0"))

    def add(self, chunk: bytes) -> None:
        """Append one chunk."""
        self.chunks.append(chunk)
        self.size += len(chunk)
