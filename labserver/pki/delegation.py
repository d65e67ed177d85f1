"""Delegated credentials (RFC 9345): what a server's key signs so that another key may speak for it, for a few days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki.public_keys import public_key_info
from labserver.pki.signatures import SIGNATURES

if TYPE_CHECKING:
    from labserver.pki.keys import PrivateKey

__all__ = ["delegated_credential"]

_SCHEME = b"\x04\x03"
"""ECDSA with P-256 and SHA-256 (RFC 8446 4.2.3), for both keys."""
_CONTEXT = b"\x20" * 64 + b"TLS, server delegated credentials\0"


def delegated_credential(certificate: bytes, owner: PrivateKey, key: PrivateKey, *, seconds: int) -> bytes:
    """Return the credential for ``key``, as the leaf's entry in the Certificate message has it (RFC 9345 4).

    It ends ``seconds`` after ``certificate`` began. Both keys are on P-256.
    """
    info = public_key_info(key)
    signed = seconds.to_bytes(4) + _SCHEME + len(info).to_bytes(3) + info + _SCHEME
    signature = SIGNATURES["ecdsa-sha256"].sign(owner, _CONTEXT + certificate + signed)
    return signed + len(signature).to_bytes(2) + signature
