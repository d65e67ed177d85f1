"""What signs certificates: every algorithm that a recipe can ask for, those included that nobody should use.

All but :data:`RANDOMISED` give equal octets for an equal key and message.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils

from labserver.pki import der
from labserver.pki.old_digests import md2, md4
from labserver.pki.public_keys import P256_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.keys import MldsaKey, PrivateKey

__all__ = ["RANDOMISED", "SIGNATURES", "Signature", "usual"]


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
        case dsa.DSAPrivateKey():
            return "dsa-sha256"
        case ec.EllipticCurvePrivateKey():
            return {384: "ecdsa-sha384", 521: "ecdsa-sha512"}.get(key.curve.key_size, "ecdsa-sha256")
        case _:
            return type(key).__name__.removesuffix("PrivateKey").lower()  # mldsa65


def _identifier(oid: str, *parameters: bytes) -> bytes:
    return der.sequence(der.object_identifier(oid), *parameters)


def _ecdsa(oid: str, algorithm: hashes.HashAlgorithm) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("ECDSA wants an elliptic-curve key")
        return key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))

    return Signature(identifier=_identifier(oid), sign=sign)


def _own_generator(key: PrivateKey, message: bytes) -> bytes:
    """Sign with ECDSA (SEC 1 4.1.3) in the group whose generator is the public point, so that the private key is 1.

    Nothing is needed of ``key`` but its public half: that is the forgery.
    """
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("this forgery wants a P-256 key")
    order = P256_ORDER
    once = int.from_bytes(hashlib.sha512(b"labserver nonce" + message).digest()) % (order - 1) + 1
    x = ec.derive_private_key(once, key.curve).exchange(ec.ECDH(), key.public_key())
    r = int.from_bytes(x) % order
    digest = int.from_bytes(hashlib.sha256(message).digest())
    return utils.encode_dss_signature(r, pow(once, -1, order) * (digest + r) % order)


def _rsa(oid: str, algorithm: hashes.HashAlgorithm, *parameters: bytes) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        return _rsa_key(key).sign(message, padding.PKCS1v15(), algorithm)

    return Signature(identifier=_identifier(oid, *parameters), sign=sign)


def _rsa_with_digest(oid: str, digest_oid: str, digest: Callable[[bytes], bytes]) -> Signature:
    """Return PKCS #1 v1.5 with a digest that the library does not know (RFC 8017 9.2)."""

    def sign(key: PrivateKey, message: bytes) -> bytes:
        info = der.sequence(_identifier(digest_oid, der.NULL), der.octet_string(digest(message)))
        size = (_rsa_key(key).key_size + 7) // 8
        return _rsa_power(_rsa_key(key), b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info)

    return Signature(identifier=_identifier(oid, der.NULL), sign=sign)


_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_USUAL_SALT = 20
_DIGESTS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}


def _pss(digest: str, declared: int | None = None) -> Signature:
    """Return RSASSA-PSS with a salt as long as the digest; ``declared`` is the length that the parameters say instead.

    The parameters' defaults (SHA-1, 20 octets) are left out, as DER wants it (RFC 4055 3.1).
    """
    algorithm = _identifier(_DIGESTS[digest], der.NULL)
    length = declared or hashlib.new(digest, usedforsecurity=False).digest_size
    hashing = (der.explicit(0, algorithm), der.explicit(1, _identifier(_MGF1, algorithm))) if digest != "sha1" else ()
    salting = (der.explicit(2, der.integer(length)),) if length != _USUAL_SALT else ()

    def sign(key: PrivateKey, message: bytes) -> bytes:
        own = _rsa_key(key)
        return _rsa_power(own, _pss_encoded(message, own.key_size - 1, digest))

    return Signature(identifier=_identifier(_PSS, der.sequence(*hashing, *salting)), sign=sign)


def _pss_encoded(message: bytes, bits: int, digest: str) -> bytes:
    """Return the encoded message (EMSA-PSS, RFC 8017 9.1.1), its salt derived from the message instead of random."""

    def hashed(data: bytes) -> bytes:
        return hashlib.new(digest, data, usedforsecurity=False).digest()

    content = hashed(message)
    salt = hashed(b"labserver salt" + message)
    seed = hashed(bytes(8) + content + salt)
    size = (bits + 7) // 8
    block = bytes(size - len(salt) - len(seed) - 2) + b"\x01" + salt
    mask = b"".join(hashed(seed + counter.to_bytes(4)) for counter in range(len(block) // len(seed) + 1))
    masked = int.from_bytes(block) ^ int.from_bytes(mask[: len(block)])
    masked &= (1 << bits - 8 * (size - len(block))) - 1
    return masked.to_bytes(len(block)) + seed + b"\xbc"


def _rsa_key(key: PrivateKey) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("RSA wants an RSA key")
    return key


def _rsa_power(key: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    """Return RSASP1 of an encoded message (RFC 8017 5.2.1), by the primes (2 b), which takes a quarter of the time."""
    numbers, message = key.private_numbers(), int.from_bytes(encoded)
    first, second = pow(message, numbers.dmp1, numbers.p), pow(message, numbers.dmq1, numbers.q)
    signature = second + numbers.q * ((first - second) * numbers.iqmp % numbers.p)
    return signature.to_bytes((numbers.public_numbers.n.bit_length() + 7) // 8)


def _edwards(oid: str) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            raise TypeError("EdDSA wants an Edwards-curve key")
        return key.sign(message)

    return Signature(identifier=_identifier(oid), sign=sign)


def _dsa(oid: str, algorithm: hashes.HashAlgorithm) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if not isinstance(key, dsa.DSAPrivateKey):
            raise TypeError("DSA wants a DSA key")
        return key.sign(message, algorithm)

    return Signature(identifier=_identifier(oid), sign=sign)


def _mldsa(name: str, oid: str) -> Signature:
    def sign(key: PrivateKey, message: bytes) -> bytes:
        if usual(key) != name:
            raise TypeError(f"{name} wants a key of its own")
        own: MldsaKey = key  # type: ignore[assignment]  # as just found out, without loading what older versions lack
        return own.sign(message)

    return Signature(identifier=_identifier(oid), sign=sign)


SIGNATURES: dict[str, Signature] = {
    "ecdsa-sha1": _ecdsa("1.2.840.10045.4.1", hashes.SHA1()),  # noqa: S303 -- that it is weak is the point
    "ecdsa-sha256": _ecdsa("1.2.840.10045.4.3.2", hashes.SHA256()),
    "ecdsa-sha384": _ecdsa("1.2.840.10045.4.3.3", hashes.SHA384()),
    "ecdsa-sha512": _ecdsa("1.2.840.10045.4.3.4", hashes.SHA512()),
    "ecdsa-sha3-256": _ecdsa("2.16.840.1.101.3.4.3.10", hashes.SHA3_256()),
    "ecdsa-own-generator": Signature(identifier=_identifier("1.2.840.10045.4.3.2"), sign=_own_generator),
    "rsa-md2": _rsa_with_digest("1.2.840.113549.1.1.2", "1.2.840.113549.2.2", md2),
    "rsa-md4": _rsa_with_digest("1.2.840.113549.1.1.3", "1.2.840.113549.2.4", md4),
    "rsa-md5": _rsa("1.2.840.113549.1.1.4", hashes.MD5(), der.NULL),  # noqa: S303 -- that it is weak is the point
    "rsa-sha1": _rsa("1.2.840.113549.1.1.5", hashes.SHA1(), der.NULL),  # noqa: S303 -- that it is weak is the point
    "rsa-sha224": _rsa("1.2.840.113549.1.1.14", hashes.SHA224(), der.NULL),
    "rsa-sha256": _rsa("1.2.840.113549.1.1.11", hashes.SHA256(), der.NULL),
    "rsa-sha256-without-null": _rsa("1.2.840.113549.1.1.11", hashes.SHA256()),
    "rsa-sha384": _rsa("1.2.840.113549.1.1.12", hashes.SHA384(), der.NULL),
    "rsa-sha512": _rsa("1.2.840.113549.1.1.13", hashes.SHA512(), der.NULL),
    "rsa-sha3-256": _rsa("2.16.840.1.101.3.4.3.14", hashes.SHA3_256(), der.NULL),
    "rsa-pss-sha1": _pss("sha1"),
    "rsa-pss-sha256": _pss("sha256"),
    "rsa-pss-sha256-salt-48": _pss("sha256", declared=48),
    "rsa-pss-sha384": _pss("sha384"),
    "rsa-pss-sha512": _pss("sha512"),
    "ed25519": _edwards("1.3.101.112"),
    "ed448": _edwards("1.3.101.113"),
    "dsa-sha256": _dsa("2.16.840.1.101.3.4.3.2", hashes.SHA256()),
    "mldsa44": _mldsa("mldsa44", "2.16.840.1.101.3.4.3.17"),
    "mldsa65": _mldsa("mldsa65", "2.16.840.1.101.3.4.3.18"),
    "mldsa87": _mldsa("mldsa87", "2.16.840.1.101.3.4.3.19"),
    "none": Signature(identifier=_identifier("1.3.6.1.5.5.7.6.36"), sign=lambda _key, _message: b""),
    "unknown": Signature(
        identifier=_identifier("1.3.6.1.4.1.55738.9"), sign=lambda _key, message: hashlib.sha256(message).digest()
    ),
}
"""Signature algorithms as recipes call them (RFC 3279, 4055, 5758, 8410, 8692, 9881, 9925)."""
RANDOMISED = frozenset(("dsa-sha256", "mldsa44", "mldsa65", "mldsa87"))
"""Those that sign with randomness of the library's own, so that a seed gives other octets each time."""
