"""How credentials are received: by whom they are checked, and what the server proves about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Authentication", "EveryoneRejected", "HonestAuthentication", "ProofSpoiled"]


class Authentication(Protocol):
    """The authentication of a session."""

    @property
    def rejects(self) -> bool:
        """Whether right credentials are refused like wrong ones."""

    @property
    def mechanisms(self) -> frozenset[str] | None:
        """The SASL mechanisms to offer, and no passwords besides; None for what is offered anyway."""

    def proof(self, honest: bytes) -> bytes:
        """Return the server's last message instead of the honest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestAuthentication:
    """Right credentials are accepted, wrong ones refused."""

    rejects: bool = False
    mechanisms: frozenset[str] | None = None

    def proof(self, honest: bytes) -> bytes:
        """Return the honest proof."""
        return honest


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryoneRejected:
    """Right credentials are refused: 535 5.7.8, NO [AUTHENTICATIONFAILED], -ERR [AUTH]."""

    rejects: bool = True
    mechanisms: frozenset[str] | None = None

    def proof(self, honest: bytes) -> bytes:
        """Return the honest proof; nobody gets that far."""
        return honest


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSpoiled:
    """SCRAM's server signature is wrong, and success is claimed all the same (RFC 5802 5: the client MUST close)."""

    rejects: bool = False
    mechanisms: frozenset[str] | None = frozenset({"SCRAM-SHA-256", "SCRAM-SHA-1"})

    def proof(self, honest: bytes) -> bytes:
        """Return the signature with its first character changed, still valid base64."""
        if not honest.startswith(b"v="):
            return honest
        return b"v=" + (b"B" if honest[2:3] == b"A" else b"A") + honest[3:]
