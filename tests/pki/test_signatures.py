"""Claims about signatures: each is right, by the word of a library or OpenSSL, and repeats but where it cannot."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from labserver.clock import SeededEntropy
from labserver.pki import der
from labserver.pki.chain import pem
from labserver.pki.keys import make_key
from labserver.pki.old_digests import md2, md4
from labserver.pki.public_keys import public_key_info
from labserver.pki.recipe_files import KEY_POOL
from labserver.pki.signatures import RANDOMISED, SIGNATURES, usual
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.keys import PrivateKey

MESSAGE = b"what is signed"
WEAKEST = {"none", "unknown"}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 -- that it is weak is the point
    "sha1": hashes.SHA1(),  # noqa: S303 -- the same
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3-256": hashes.SHA3_256(),
}
SALTS = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


def _key(name: str) -> PrivateKey:
    kind = {"rsa": "rsa2048", "ecdsa": "p256", "dsa": "dsa2048"}.get(name.partition("-")[0], name)
    return make_key(kind, entropy=SeededEntropy("x"), role="leaf", pool=KEY_POOL)


def _named(name: str) -> hashes.HashAlgorithm:
    """Return the hash in the name of a signature algorithm."""
    return next(HASHES[part] for part in sorted(HASHES, key=len, reverse=True) if part in name)


@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - WEAKEST - {"ecdsa-own-generator", "rsa-md2", "rsa-md4"}))
def test_right(name: str) -> None:
    """The library verifies it with the public key, and not over another message."""
    key = _key(name)
    signature = SIGNATURES[name].sign(key, MESSAGE)
    _verify(name, key, signature, MESSAGE)
    with pytest.raises(InvalidSignature):
        _verify(name, key, signature, MESSAGE + b".")


def _verify(name: str, key: PrivateKey, signature: bytes, message: bytes) -> None:
    match key.public_key():
        case rsa.RSAPublicKey() as public if "pss" in name:
            algorithm = _named(name)
            pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=SALTS[algorithm.name])
            public.verify(signature, message, pss, algorithm)
        case rsa.RSAPublicKey() as public:
            public.verify(signature, message, padding.PKCS1v15(), _named(name))
        case ec.EllipticCurvePublicKey() as public:
            public.verify(signature, message, ec.ECDSA(_named(name)))
        case dsa.DSAPublicKey() as public:
            public.verify(signature, message, _named(name))
        case (
            ed25519.Ed25519PublicKey()
            | ed448.Ed448PublicKey()
            | mldsa.MLDSA44PublicKey()
            | mldsa.MLDSA65PublicKey()
            | mldsa.MLDSA87PublicKey() as public
        ):
            public.verify(signature, message)
        case public:
            raise AssertionError(public)


@pytest.mark.parametrize(("name", "digest"), [("rsa-md2", md2), ("rsa-md4", md4)])
def test_old_digests(name: str, digest: object) -> None:
    """What was signed with MD2 and MD4 is their digest of the message, in a DigestInfo (RFC 8017 A.2.4)."""
    key = _key(name)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert callable(digest)
    encoded = key.public_key().recover_data_from_signature(
        SIGNATURES[name].sign(key, MESSAGE), padding.PKCS1v15(), None
    )
    oid = {"rsa-md2": "1.2.840.113549.2.2", "rsa-md4": "1.2.840.113549.2.4"}[name]
    algorithm = der.sequence(der.object_identifier(oid), der.NULL)
    assert encoded == der.sequence(algorithm, der.octet_string(digest(MESSAGE)))


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_repeats(name: str) -> None:
    """It is the same again, but for those whose library is random."""
    sign, key = SIGNATURES[name].sign, _key(name if name not in WEAKEST else "p256")
    assert (sign(key, MESSAGE) == sign(key, MESSAGE)) is (name not in RANDOMISED)


@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - WEAKEST))
def test_other_keys(name: str) -> None:
    """A key of another kind is refused."""
    with pytest.raises(TypeError):
        SIGNATURES[name].sign(_key("x25519"), MESSAGE)


def test_own_generator(tmp_path: Path) -> None:
    """OpenSSL finds the forgery right under the key that has the generator for it, and wrong under the true one."""
    key = _key("p256")
    (tmp_path / "signature").write_bytes(SIGNATURES["ecdsa-own-generator"].sign(key, MESSAGE))
    (tmp_path / "message").write_bytes(MESSAGE)
    said = {}
    for form in ("usual", "ec-explicit", "ec-own-generator"):
        (tmp_path / "key.pem").write_bytes(pem("PUBLIC KEY", public_key_info(key, form)))
        command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
        said[form] = done.returncode == 0
    assert said == {"usual": False, "ec-explicit": False, "ec-own-generator": True}


def test_pss_parameters() -> None:
    """What is DER's default is left out, and the wrong length of the salt is only said (RFC 4055 3.1)."""
    sha1, right, wrong = (SIGNATURES[f"rsa-pss-{name}"].identifier for name in ("sha1", "sha256", "sha256-salt-48"))
    assert der.elements(sha1)[1] == der.sequence()
    assert right.replace(der.integer(32), der.integer(48)) == wrong
    key = _key("rsa")
    assert SIGNATURES["rsa-pss-sha256"].sign(key, MESSAGE) == SIGNATURES["rsa-pss-sha256-salt-48"].sign(key, MESSAGE)


def test_no_signature() -> None:
    """Nothing is what an unsigned certificate has (RFC 9925 3.1); an unknown algorithm gives something at least."""
    key = _key("p256")
    assert SIGNATURES["none"].sign(key, MESSAGE) == b""
    assert SIGNATURES["unknown"].sign(key, MESSAGE) == hashlib.sha256(MESSAGE).digest()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("p256", "ecdsa-sha256"),
        ("p384", "ecdsa-sha384"),
        ("p521", "ecdsa-sha512"),
        ("rsa", "rsa-sha256"),
        ("dsa", "dsa-sha256"),
        ("ed25519", "ed25519"),
        ("ed448", "ed448"),
        ("mldsa44", "mldsa44"),
        ("mldsa65", "mldsa65"),
        ("mldsa87", "mldsa87"),
    ],
)
def test_usual(kind: str, name: str) -> None:
    """A CA signs with what its key is for."""
    assert usual(_key(kind)) == name
