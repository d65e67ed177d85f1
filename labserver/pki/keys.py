"""Keys of every kind that a recipe can ask for, and what signs with them; derived from entropy, so that a seed repeats.

RSA keys cannot be derived from a seed by the libraries there are, so that those come from a pool of public test keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from labserver.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.clock import Entropy

__all__ = [
    "KEY_KINDS",
    "SIGNATURES",
    "PrivateKey",
    "Signature",
    "key_identifier",
    "make_key",
    "pkcs8",
    "public_key_info",
    "usual",
]

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey

_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
_RSA_SIZES = ("rsa1024", "rsa2048", "rsa3072", "rsa4096")
KEY_KINDS = frozenset((*_CURVES, *_RSA_SIZES, "ed25519", "ed448"))
"""The kinds of keys there are, as recipes call them."""


def make_key(kind: str, *, entropy: Entropy, role: str, pool: Path) -> PrivateKey:
    """Return a key; equal entropy gives an equal one, and there is one RSA key of each size, in the folder ``pool``."""
    token = entropy.token(66, f"pki key {role}")
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(token[:32])
        case "ed448":
            return ed448.Ed448PrivateKey.from_private_bytes(token[:57])
        case _ if kind in _RSA_SIZES:
            return _pooled(pool / f"{kind}.pem")
        case _:
            curve = _CURVES[kind]
            scalar = int.from_bytes(token) % (1 << curve.key_size - 1)  # below the order of every curve here
            return ec.derive_private_key(scalar + 1, curve)


def public_key_info(key: PrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_identifier(key: PrivateKey) -> bytes:
    """Return the key identifier by RFC 5280 4.2.1.2's method (1), as the lab's own CA does."""
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


def pkcs8(key: PrivateKey) -> bytes:
    """Return the private key as unencrypted PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature algorithm."""

    identifier: bytes
    """Its AlgorithmIdentifier."""
    sign: Callable[[PrivateKey, bytes], bytes]
    """Raises TypeError for a key that is not of its kind."""


def usual(key: PrivateKey) -> str:
    """Return the name of the algorithm that a sensible CA with such a key uses."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case ed448.Ed448PrivateKey():
            return "ed448"
        case rsa.RSAPrivateKey():
            return "rsa-sha256"
        case _:
            return {384: "ecdsa-sha384", 521: "ecdsa-sha512"}.get(key.curve.key_size, "ecdsa-sha256")


def _ecdsa(oid: str, algorithm: hashes.HashAlgorithm) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("ECDSA wants an elliptic-curve key")
        return key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))

    return Signature(identifier=der.sequence(der.object_identifier(oid)), sign=sign)


def _rsa(oid: str, algorithm: hashes.HashAlgorithm) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("RSA wants an RSA key")
        return key.sign(message, padding.PKCS1v15(), algorithm)

    return Signature(identifier=der.sequence(der.object_identifier(oid), der.NULL), sign=sign)


def _edwards(oid: str) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            raise TypeError("EdDSA wants an Edwards-curve key")
        return key.sign(message)

    return Signature(identifier=der.sequence(der.object_identifier(oid)), sign=sign)


SIGNATURES: dict[str, Signature] = {
    "ecdsa-sha1": _ecdsa("1.2.840.10045.4.1", hashes.SHA1()),  # noqa: S303 -- that it is weak is the point
    "ecdsa-sha256": _ecdsa("1.2.840.10045.4.3.2", hashes.SHA256()),
    "ecdsa-sha384": _ecdsa("1.2.840.10045.4.3.3", hashes.SHA384()),
    "ecdsa-sha512": _ecdsa("1.2.840.10045.4.3.4", hashes.SHA512()),
    "rsa-md5": _rsa("1.2.840.113549.1.1.4", hashes.MD5()),  # noqa: S303 -- that it is weak is the point
    "rsa-sha1": _rsa("1.2.840.113549.1.1.5", hashes.SHA1()),  # noqa: S303 -- that it is weak is the point
    "rsa-sha256": _rsa("1.2.840.113549.1.1.11", hashes.SHA256()),
    "rsa-sha384": _rsa("1.2.840.113549.1.1.12", hashes.SHA384()),
    "rsa-sha512": _rsa("1.2.840.113549.1.1.13", hashes.SHA512()),
    "ed25519": _edwards("1.3.101.112"),
    "ed448": _edwards("1.3.101.113"),
}
"""Signature algorithms as recipes call them (RFC 3279, 4055, 5758, 8410)."""


def _pooled(path: Path) -> rsa.RSAPrivateKey:
    """Load a key of the pool; checking it again would take longer than making it."""
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} is no RSA key")
    return key
