"""A private key of ``cryptography``, in the shape in which tlslite-ng wants one.

It signs what it is told to and verifies nothing: whether a signature is right is for the client to find out, since some
scenarios serve a wrong one. tlslite-ng's own keys are pure Python, slower by far, and fewer kinds.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    Supported = (
        rsa.RSAPrivateKey
        | ec.EllipticCurvePrivateKey
        | dsa.DSAPrivateKey
        | ed25519.Ed25519PrivateKey
        | ed448.Ed448PrivateKey
    )

__all__ = ["SigningKey", "load_signing_key"]

_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPrivateKey, "rsa"),
    (ec.EllipticCurvePrivateKey, "ecdsa"),
    (dsa.DSAPrivateKey, "dsa"),
    (ed25519.Ed25519PrivateKey, "Ed25519"),
    (ed448.Ed448PrivateKey, "Ed448"),
)
"""tlslite-ng's names of the kinds."""
_CURVES = {
    "secp192r1": "NIST192p",
    "secp224r1": "NIST224p",
    "secp256r1": "NIST256p",
    "secp384r1": "NIST384p",
    "secp521r1": "NIST521p",
    "secp256k1": "SECP256k1",
    "brainpoolP256r1": "BRAINPOOLP256r1",
    "brainpoolP384r1": "BRAINPOOLP384r1",
    "brainpoolP512r1": "BRAINPOOLP512r1",
}
"""tlslite-ng's names of the curves, which are python-ecdsa's."""
_HASHES: dict[int, hashes.HashAlgorithm] = {
    16: hashes.MD5(),  # noqa: S303 -- what no client takes any more (RFC 9155 4)
    20: hashes.SHA1(),  # noqa: S303 -- what TLS 1.2 has for a client that names no algorithms (RFC 5246 7.4.1.4.1)
    28: hashes.SHA224(),
    32: hashes.SHA256(),
    48: hashes.SHA384(),
    64: hashes.SHA512(),
}
"""By the size of what they give: a key is handed digests, and a digest's size tells which hash made it."""
_LONGEST = 64
_MD5_AND_SHA1 = 36
"""Octets of what RSA signs before TLS 1.2, without the name of a hash (RFC 4346 7.4.3)."""


class SigningKey:
    """One private key; the names are those that tlslite-ng calls."""

    def __init__(self, key: Supported, *, spoils: bool = False) -> None:
        """``spoils``: its signatures are wrong in one bit."""
        self._key = key
        self._spoils = spoils
        self.key_type = next(name for kind, name in _KINDS if isinstance(key, kind))
        curve = _CURVES.get(key.curve.name, key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else ""
        self.curve_name = curve
        self.private_key = SimpleNamespace(curve=SimpleNamespace(baselen=_LONGEST))
        """For a digest longer than the curve, which tlslite-ng would cut; OpenSSL does that itself."""

    @property
    def bits(self) -> int:
        """The size of the key where it has one of its own (RSA, DSA); 0 otherwise."""
        return self._key.key_size if isinstance(self._key, rsa.RSAPrivateKey | dsa.DSAPrivateKey) else 0

    @property
    def public(self) -> bytes:
        """The public key as a certificate has it: its SubjectPublicKeyInfo."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(
        self,
        digest: bytes | bytearray,
        padding: str | None = None,
        hashAlg: str | None = None,  # noqa: N803, ARG002 -- tlslite-ng's name; the digest's size says it, too
        saltLen: int | None = None,  # noqa: N803, ARG002 -- the same; it is the digest's size (RFC 8446 4.2.3)
    ) -> bytearray:
        """Return the signature of a digest: ``padding`` is ``pss`` or, by default for RSA, ``pkcs1``."""
        key, data = self._key, bytes(digest)
        if isinstance(key, rsa.RSAPrivateKey) and len(data) == _MD5_AND_SHA1:
            return self._given(key.sign(data, _padding("", hashes.SHA256()), NoDigestInfo()))
        prehashed = Prehashed(_HASHES[len(data)])
        match key:
            case rsa.RSAPrivateKey():
                return self._given(key.sign(data, _padding(padding, _HASHES[len(data)]), prehashed))
            case ec.EllipticCurvePrivateKey():
                return self._given(key.sign(data, ec.ECDSA(prehashed)))
            case dsa.DSAPrivateKey():
                return self._given(key.sign(data, prehashed))
            case _:
                raise ValueError(f"{self.key_type} keys sign no digests")

    def hashAndSign(  # noqa: N802 -- tlslite-ng's name
        self, data: bytes | bytearray, *_: object, **__: object
    ) -> bytearray:
        """Return the signature of a text, for keys that hash it themselves (RFC 8032)."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            return self._given(self._key.sign(bytes(data)))
        raise ValueError(f"{self.key_type} keys sign digests only")

    def verify(self, *_: object, **__: object) -> bool:
        """Return that the signature is right, without looking: the client does."""
        return True

    hashAndVerify = verify  # noqa: N815 -- tlslite-ng's name

    def decrypt(self, secret: bytes | bytearray) -> bytearray | None:
        """Return an RSA key exchange's secret (RFC 5246 7.4.7.1); None if that cannot be."""
        if not isinstance(self._key, rsa.RSAPrivateKey):
            return None
        try:
            return bytearray(self._key.decrypt(bytes(secret), padding.PKCS1v15()))
        except ValueError:
            return None

    def _given(self, signature: bytes) -> bytearray:
        """Return a signature as it is given away; its last bit is the one that may be wrong, whatever its form."""
        return bytearray(signature[:-1] + bytes([signature[-1] ^ self._spoils]))


def _padding(name: str | None, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if name == "pss":
        return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    return padding.PKCS1v15()


def load_signing_key(pem: bytes, *, spoils: bool = False) -> SigningKey:
    """Return the key, used as it is given, or one that spoils what it signs.

    Raises ConfigurationError for one that cannot sign in TLS.
    """
    key: PrivateKeyTypes = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, tuple(kind for kind, _ in _KINDS)):
        raise ConfigurationError(f"tlslite-ng signs with no key such as {type(key).__name__}")
    return SigningKey(key, spoils=spoils)  # type: ignore[arg-type]  # one of those kinds, as was just seen
