"""The TLS handshake: which versions, and whether there is one at all."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Handshake", "HonestHandshake", "OldVersionOnly", "Stalled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestHandshake:
    """TLS 1.2 and 1.3 as the engine does them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldVersionOnly:
    """Nothing but one old version (RFC 8996 forbids TLS 1.0 and 1.1)."""

    version: str
    """``TLSv1`` or ``TLSv1.1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """The ClientHello is never answered."""


Handshake = HonestHandshake | OldVersionOnly | Stalled
