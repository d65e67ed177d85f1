"""Corruptions of a whole certificate, made after it was signed: how it is written, or its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AFTER_SIGNING"]

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n in SEC 2, 2.4.2."""


def _signature_bit_flipped(certificate: bytes) -> bytes:
    """Flip the lowest bit of the signature's last octet."""
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


def _signature_zero(certificate: bytes) -> bytes:
    """Replace an ECDSA signature by r = s = 0."""
    zero = der.sequence(der.integer(0), der.integer(0))
    return der.sequence(*der.elements(certificate)[:2], der.bit_string(zero))


def _signature_unused_bit(certificate: bytes) -> bytes:
    """Declare the last bit of an ECDSA signature with P-256 unused.

    It is zero, as DER wants it (X.690 11.2.1): for an odd s, n - s is as valid. Else half of the chains would have two
    faults, and verifiers would differ from one to the next.
    """
    signed, algorithm, signature = der.elements(certificate)
    r, s = der.elements(der.contents(signature)[1:])
    value = int.from_bytes(der.contents(s))
    even = der.integer(_P256_ORDER - value if value % 2 else value)
    return der.sequence(signed, algorithm, der.tlv(0x03, b"\x01", der.sequence(r, even)))


def _signature_nonminimal(certificate: bytes) -> bytes:
    """Write r of an ECDSA signature with a superfluous zero octet before it (X.690 8.3.2)."""
    signed, algorithm, signature = der.elements(certificate)
    r, s = der.elements(der.contents(signature)[1:])
    longer = der.sequence(der.tlv(0x02, b"\0", der.contents(r)), s)
    return der.sequence(signed, algorithm, der.bit_string(longer))


def _length_nonminimal(certificate: bytes) -> bytes:
    """Write the outermost length in four octets, where fewer do (X.690 10.1)."""
    content = der.contents(certificate)
    return b"\x30\x84" + len(content).to_bytes(4) + content


def _length_indefinite(certificate: bytes) -> bytes:
    """Leave the outermost length open and mark the end instead (X.690 8.1.3.6), which BER may and DER may not."""
    return b"\x30\x80" + der.contents(certificate) + b"\0\0"


def _trailing_data(certificate: bytes) -> bytes:
    """Add two octets behind the certificate's end."""
    return certificate + b"\0\0"


def _truncated(certificate: bytes) -> bytes:
    """Leave out the last ten octets."""
    return certificate[:-10]


def _garbage(certificate: bytes) -> bytes:
    """Invert every bit, which leaves no structure."""
    return bytes(octet ^ 0xFF for octet in certificate)


def _nothing(_: bytes) -> bytes:
    """Leave nothing."""
    return b""


AFTER_SIGNING: dict[str, Callable[[bytes], bytes]] = {
    "signature-bit-flipped": _signature_bit_flipped,
    "signature-zero": _signature_zero,
    "signature-unused-bit": _signature_unused_bit,
    "signature-nonminimal": _signature_nonminimal,
    "length-nonminimal": _length_nonminimal,
    "length-indefinite": _length_indefinite,
    "trailing-data": _trailing_data,
    "truncated": _truncated,
    "garbage": _garbage,
    "nothing": _nothing,
}
"""The corruptions of the whole by the names by which recipes ask for them."""
