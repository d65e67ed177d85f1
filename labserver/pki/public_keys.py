"""How a key is written in a certificate: as it should be (RFC 3279, 5480, 8410, 9881), or as a recipe asks for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from labserver.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.keys import PrivateKey

__all__ = ["P256_ORDER", "PUBLIC_KEYS", "key_identifier", "pkcs8", "public_key_info"]

_RSA = der.sequence(der.object_identifier("1.2.840.113549.1.1.1"), der.NULL)
_RSA_PSS = der.sequence(der.object_identifier("1.2.840.113549.1.1.10"))
"""Any parameters (RFC 4055 3.1)."""
_EC = der.object_identifier("1.2.840.10045.2.1")
_PRIME_FIELD = der.object_identifier("1.2.840.10045.1.1")
_NOBODYS = der.sequence(der.object_identifier("1.3.6.1.4.1.55738.9"))

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""P-256 (SEC 2 2.4.2)."""


def public_key_info(key: PrivateKey, form: str = "usual") -> bytes:
    """Return the SubjectPublicKeyInfo in a form of :data:`PUBLIC_KEYS`; raises TypeError if the key cannot have it."""
    return PUBLIC_KEYS[form](key)


def key_identifier(key: PrivateKey) -> bytes:
    """Return the key identifier by RFC 5280 4.2.1.2's method (1), as the lab's own CA does."""
    return hashlib.sha1(_bits(key), usedforsecurity=False).digest()


def pkcs8(key: PrivateKey, form: str = "usual") -> bytes:
    """Return the private key as unencrypted PKCS #8, as a server uses it with the certificate.

    Where the form changes the key, so that another one belongs to it, that is returned: 1 for the exponent 1. An X25519
    key signs nothing, so that the server gets a P-256 key instead: no client has a use for either.
    """
    match key, form:
        case x25519.X25519PrivateKey(), _:
            return pkcs8(ec.derive_private_key(int.from_bytes(key.private_bytes_raw()[:31]) + 1, ec.SECP256R1()))
        case rsa.RSAPrivateKey(), "rsa-pss":
            return der.sequence(der.integer(0), _RSA_PSS, der.octet_string(_pkcs1(key)))
        case rsa.RSAPrivateKey(), "rsa-exponent-1":
            return der.sequence(der.integer(0), _RSA, der.octet_string(_pkcs1(key, 1)))
        case _:
            return key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )


def _pkcs1(key: rsa.RSAPrivateKey, exponent: int | None = None) -> bytes:
    """Return the key as an RSAPrivateKey (RFC 8017 A.1.2); ``exponent`` is the inverse of its own, if that changes."""
    numbers = key.private_numbers()
    public, private = (numbers.public_numbers.e, numbers.d) if exponent is None else (exponent, exponent)
    values = (public, private, numbers.p, numbers.q, private % (numbers.p - 1), private % (numbers.q - 1), numbers.iqmp)
    return der.sequence(*map(der.integer, (0, numbers.public_numbers.n, *values)))


def _usual(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _bits(key: PrivateKey) -> bytes:
    """Return what is in the BIT STRING."""
    return der.contents(der.elements(_usual(key))[1])[1:]


def _relabelled(algorithm: bytes) -> Callable[[PrivateKey], bytes]:
    return lambda key: der.sequence(algorithm, der.bit_string(_bits(key)))


def _rsa(write: Callable[[int], bytes] = der.integer, exponent: int = 65537) -> Callable[[PrivateKey], bytes]:
    """Return how an RSA key is written with its modulus by ``write`` and another exponent than its own."""

    def written(key: PrivateKey) -> bytes:
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("only an RSA key has an exponent")
        modulus = write(key.public_key().public_numbers().n)
        return der.sequence(_RSA, der.bit_string(der.sequence(modulus, der.integer(exponent))))

    return written


def _without_sign(value: int) -> bytes:
    """Write an INTEGER without the octet that says that it is positive."""
    return der.tlv(0x02, value.to_bytes((value.bit_length() + 7) // 8))


def _explicit(generator: Callable[[ec.EllipticCurvePublicKey], bytes]) -> Callable[[PrivateKey], bytes]:
    """Return how a P-256 key is written with all parameters of its curve, ``generator`` among them (X9.62)."""

    def written(key: PrivateKey) -> bytes:
        public = key.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise TypeError("only a P-256 key is written with explicit parameters")
        curve = der.sequence(*(der.octet_string(value.to_bytes(32)) for value in (_P - 3, _B)))
        parameters = der.sequence(
            der.integer(1),
            der.sequence(_PRIME_FIELD, der.integer(_P)),
            curve,
            der.octet_string(generator(public)),
            der.integer(P256_ORDER),
            der.integer(1),
        )
        return der.sequence(der.sequence(_EC, parameters), der.bit_string(_point(public)))

    return written


def _point(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


PUBLIC_KEYS: dict[str, Callable[[PrivateKey], bytes]] = {
    "usual": _usual,
    "rsa-pss": _relabelled(_RSA_PSS),
    "rsa-exponent-1": _rsa(exponent=1),
    "rsa-exponent-even": _rsa(exponent=65536),
    "rsa-modulus-negative": _rsa(write=_without_sign),
    "ec-explicit": _explicit(lambda _: b"\x04" + b"".join(value.to_bytes(32) for value in _GENERATOR)),
    "ec-own-generator": _explicit(_point),
    "unknown": _relabelled(_NOBODYS),
}
"""Forms of a public key as recipes call them. ``ec-own-generator`` makes the public point itself the generator, so that
the private key that belongs to it is 1 (CVE-2020-0601)."""
