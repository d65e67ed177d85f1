"""What data cannot say: named corruptions, each a small function from a certificate's DER to other octets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CORRUPTIONS"]


def _signature_bit_flipped(certificate: bytes) -> bytes:
    """Flip the lowest bit of the signature's last octet."""
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


def _signature_zero(certificate: bytes) -> bytes:
    """Replace an ECDSA signature by r = s = 0."""
    zero = der.sequence(der.integer(0), der.integer(0))
    return der.sequence(*der.elements(certificate)[:2], der.bit_string(zero))


def _signature_unused_bit(certificate: bytes) -> bytes:
    """Declare the last bit of the signature unused."""
    signed, algorithm, signature = der.elements(certificate)
    start = len(signature) - len(der.contents(signature))
    return der.sequence(signed, algorithm, signature[:start], b"\x01", signature[start + 1 :])


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "signature-bit-flipped": _signature_bit_flipped,
    "signature-zero": _signature_zero,
    "signature-unused-bit": _signature_unused_bit,
}
"""Every corruption by the name by which recipes ask for it."""
