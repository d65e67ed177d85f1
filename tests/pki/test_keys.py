"""Claims about keys: every kind that a recipe can ask for is made, and by equal entropy made again."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from labserver.clock import SeededEntropy
from labserver.pki.keys import KEY_KINDS, make_key
from labserver.pki.public_keys import pkcs8
from labserver.pki.recipe_files import KEY_POOL

if TYPE_CHECKING:
    from labserver.pki.keys import PrivateKey

POOL = sorted(path.stem for path in KEY_POOL.glob("*.pem"))


def _key(kind: str, seed: str = "x", role: str = "leaf") -> PrivateKey:
    return make_key(kind, entropy=SeededEntropy(seed), role=role, pool=KEY_POOL)


def _rsa(kind: str) -> rsa.RSAPrivateKey:
    key = _key(kind)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize("kind", sorted(KEY_KINDS))
def test_repeats(kind: str) -> None:
    """Equal entropy gives an equal key; another seed or role gives another, unless the key is of the pool."""
    made = pkcs8(_key(kind))
    assert pkcs8(_key(kind)) == made
    assert (pkcs8(_key(kind, seed="y")) == made) is (kind in POOL)
    assert (pkcs8(_key(kind, role="root")) == made) is (kind in POOL)


def test_pool() -> None:
    """Every key of the pool is a kind, and every RSA and DSA key comes from there."""
    assert {kind for kind in KEY_KINDS if kind.startswith(("rsa", "dsa"))} == set(POOL)


@pytest.mark.parametrize("kind", [kind for kind in POOL if kind.startswith("rsa")])
def test_rsa(kind: str) -> None:
    """An RSA key of the pool has the size in its name, and its numbers belong together (RFC 8017 3.2)."""
    numbers = _rsa(kind).private_numbers()
    modulus, exponent = numbers.public_numbers.n, numbers.public_numbers.e
    assert modulus.bit_length() == int(kind.removeprefix("rsa").partition("-")[0])
    assert modulus == numbers.p * numbers.q
    for prime, inverse in ((numbers.p, numbers.dmp1), (numbers.q, numbers.dmq1)):
        assert pow(2, prime - 1, prime) == 1
        assert exponent * inverse % (prime - 1) == 1
        assert numbers.d % (prime - 1) == inverse
    assert numbers.q * numbers.iqmp % numbers.p == 1
    assert exponent == (3 if kind == "rsa2048-e3" else 65537)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa2048-close-primes"])
def test_close_primes(kind: str) -> None:
    """Fermat's method finds the factors in its first step if the primes are close, and not otherwise."""
    modulus = _rsa(kind).public_key().public_numbers().n
    middle = isqrt(modulus) + 1
    square = middle * middle - modulus
    found = isqrt(square) ** 2 == square
    assert found is (kind == "rsa2048-close-primes")
    if found:
        assert (middle + isqrt(square)) * (middle - isqrt(square)) == modulus


def test_rfc9500() -> None:
    """The published test keys are those of RFC 9500 2.1, as far as their moduli tell."""
    starts = {"rsa1024": 0xB0D18352A88F53D5516F46C20E7A367D, "rsa2048-rfc9500": 0xB0F9E81943A7AE9892AADE17CA7C40F8}
    for kind, start in starts.items():
        modulus = _rsa(kind).public_key().public_numbers().n
        assert modulus >> modulus.bit_length() - 128 == start


def test_curves() -> None:
    """Every curve's key is on that curve, and small enough for it."""
    sizes = {"p192": 192, "p224": 224, "p256": 256, "p384": 384, "p521": 521, "secp256k1": 256, "brainpoolp256r1": 256}
    for kind, size in sizes.items():
        key = _key(kind)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.key_size == size


def test_dsa() -> None:
    """The DSA key has 2048 bits and a subgroup of 256 (FIPS 186-4 4.2)."""
    key = _key("dsa2048")
    assert isinstance(key, dsa.DSAPrivateKey)
    assert (key.key_size, key.parameters().parameter_numbers().q.bit_length()) == (2048, 256)
