"""Claims about the forms of public keys: OpenSSL reads them as what they are to be, or not at all."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from labserver.clock import SeededEntropy
from labserver.pki.chain import pem
from labserver.pki.keys import KEY_KINDS, make_key
from labserver.pki.public_keys import PUBLIC_KEYS, key_identifier, pkcs8, public_key_info
from labserver.pki.recipe_files import KEY_POOL
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from labserver.pki.keys import PrivateKey


def _key(kind: str) -> PrivateKey:
    return make_key(kind, entropy=SeededEntropy("x"), role="leaf", pool=KEY_POOL)


def _openssl(*arguments: str, given: bytes) -> str:
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("kind", sorted(KEY_KINDS))
def test_usual(kind: str) -> None:
    """The usual form is the library's, and the key identifier is what the library makes of it."""
    key = _key(kind)
    assert serialization.load_der_public_key(public_key_info(key)) == key.public_key()
    assert key_identifier(key) == x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


@pytest.mark.parametrize(
    ("kind", "form", "said"),
    [
        ("rsa2048", "rsa-pss", "No PSS parameter restrictions"),
        ("rsa2048", "rsa-exponent-1", "Exponent: 1 (0x1)"),
        ("rsa2048", "rsa-exponent-even", "Exponent: 65536 (0x10000)"),
        ("p256", "ec-explicit", "Field Type: prime-field"),
        ("p256", "ec-own-generator", "Field Type: prime-field"),
        ("p256", "unknown", "Could not read"),
    ],
)
def test_forms(kind: str, form: str, said: str) -> None:
    """OpenSSL says what is unusual about the key."""
    given = pem("PUBLIC KEY", public_key_info(_key(kind), form))
    printed = _openssl("pkey", "-pubin", "-noout", "-text_pub", given=given)
    assert said in printed


def test_negative_modulus() -> None:
    """The modulus is written as a negative number: the octet before it is missing."""
    key = _key("rsa2048")
    usual, odd = public_key_info(key), public_key_info(key, "rsa-modulus-negative")
    assert usual.count(b"\x02\x82\x01\x01\x00") == odd.count(b"\x02\x82\x01\x00") == 1
    assert usual.partition(b"\x02\x82\x01\x01\x00")[2] == odd.partition(b"\x02\x82\x01\x00")[2]


@pytest.mark.parametrize("form", sorted(PUBLIC_KEYS.keys() - {"usual", "unknown"}))
def test_no_such_form(form: str) -> None:
    """A key that cannot have a form is refused, except that any can be called one for PSS."""
    key = _key("ed25519")
    if form == "rsa-pss":
        assert public_key_info(key, form) != public_key_info(key)
    else:
        with pytest.raises(TypeError):
            public_key_info(key, form)


@pytest.mark.parametrize(("kind", "form"), [("rsa2048", "rsa-pss"), ("rsa2048", "rsa-exponent-1"), ("p256", "usual")])
def test_private_key(kind: str, form: str) -> None:
    """The private key that the server gets belongs to the public one, as OpenSSL sees it."""
    key = _key(kind)
    derived = _openssl("pkey", "-pubout", given=pem("PRIVATE KEY", pkcs8(key, form)))
    assert derived.encode() == pem("PUBLIC KEY", public_key_info(key, form))


def test_private_key_that_cannot_sign() -> None:
    """With an X25519 key, which signs nothing, the server gets one that does."""
    assert isinstance(serialization.load_der_private_key(pkcs8(_key("x25519")), None), ec.EllipticCurvePrivateKey)
