"""Keys as tlslite-ng calls them: their signatures are those of ``cryptography``, or wrong in one bit."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from labserver.tls.signing_key import SigningKey, load_signing_key

DATA = b"what is signed"
DIGEST = hashlib.sha256(DATA).digest()
SHA256 = utils.Prehashed(hashes.SHA256())
EC = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def _loaded(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, spoils: bool) -> SigningKey:
    return load_signing_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), spoils=spoils)


def test_names() -> None:
    """A key tells its kind, its curve and its size in tlslite-ng's words."""
    keys = [SigningKey(key) for key in (EC, RSA, EDWARDS)]
    assert [(key.key_type, key.curve_name, key.bits) for key in keys] == [
        ("ecdsa", "NIST384p", 0),
        ("rsa", "", 2048),
        ("Ed25519", "", 0),
    ]


@pytest.mark.parametrize("spoils", [False, True])
def test_ecdsa(*, spoils: bool) -> None:
    """ECDSA signs a digest of any hash, whole; one bit is wrong if it is to be."""
    signature = bytes(_loaded(EC, spoils=spoils).sign(DIGEST))
    right = signature[:-1] + bytes([signature[-1] ^ spoils])
    EC.public_key().verify(right, DIGEST, ec.ECDSA(SHA256))
    if spoils:
        with pytest.raises(InvalidSignature):
            EC.public_key().verify(signature, DIGEST, ec.ECDSA(SHA256))


@pytest.mark.parametrize(
    ("name", "expected"), [("pss", padding.PSS(padding.MGF1(hashes.SHA256()), 32)), ("pkcs1", padding.PKCS1v15())]
)
def test_rsa(name: str, expected: padding.AsymmetricPadding) -> None:
    """RSA signs in both ways; the salt is as long as the digest (RFC 8446 4.2.3)."""
    signature = bytes(_loaded(RSA, spoils=False).sign(DIGEST, name, "sha256", 32))
    RSA.public_key().verify(signature, DIGEST, expected, SHA256)


def test_dsa() -> None:
    """DSA signs a digest, too."""
    key = dsa.generate_private_key(2048)
    key.public_key().verify(bytes(SigningKey(key).sign(DIGEST)), DIGEST, SHA256)


def test_edwards() -> None:
    """EdDSA signs what was not hashed before, and no digest; the others nothing else (RFC 8032)."""
    EDWARDS.public_key().verify(bytes(SigningKey(EDWARDS).hashAndSign(DATA, None, None, None)), DATA)
    with pytest.raises(ValueError, match="sign no digests"):
        SigningKey(EDWARDS).sign(DIGEST)
    with pytest.raises(ValueError, match="digests only"):
        SigningKey(EC).hashAndSign(DATA)


def test_decrypt() -> None:
    """RSA decrypts a client's secret; what is no secret, or no RSA key's, gives none that is of use."""
    secret = RSA.public_key().encrypt(b"a secret", padding.PKCS1v15())
    assert bytes(SigningKey(RSA).decrypt(secret) or b"") == b"a secret"
    assert SigningKey(RSA).decrypt(b"short") is None
    assert SigningKey(EC).decrypt(secret) is None


def test_verify() -> None:
    """Every signature is right: finding out is for the client."""
    assert SigningKey(EC).verify(b"nonsense", DIGEST)
    assert SigningKey(EDWARDS).hashAndVerify(b"nonsense", DATA)
