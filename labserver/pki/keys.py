"""Keys of every kind that a recipe can ask for; derived from entropy, so that a seed repeats.

RSA and DSA keys cannot be derived from a seed by the libraries there are, so that those come from a pool of public test
keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import mldsa

    from labserver.clock import Entropy

    MldsaKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
    EdwardsKey = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
    PrivateKey = (
        ec.EllipticCurvePrivateKey
        | rsa.RSAPrivateKey
        | dsa.DSAPrivateKey
        | x25519.X25519PrivateKey
        | EdwardsKey
        | MldsaKey
    )

__all__ = ["KEY_KINDS", "make_key"]

_CURVES: dict[str, ec.EllipticCurve] = {
    "p192": ec.SECP192R1(),
    "p224": ec.SECP224R1(),
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
    "brainpoolp256r1": ec.BrainpoolP256R1(),
}
_POOLED = frozenset(
    (
        *(f"rsa{bits}" for bits in (512, 768, 1024, 1536, 2047, 2048, 2052, 3072, 4096, 8192, 16384)),
        "rsa2048-close-primes",
        "rsa2048-e3",
        "rsa2048-rfc9500",
        "dsa2048",
    )
)
_MLDSA = ("mldsa44", "mldsa65", "mldsa87")
KEY_KINDS = frozenset((*_CURVES, *_POOLED, *_MLDSA, "ed25519", "ed448", "x25519"))
"""The kinds of keys there are, as recipes call them."""


def make_key(kind: str, *, entropy: Entropy, role: str, pool: Path) -> PrivateKey:
    """Return a key; equal entropy gives an equal one, and there is one RSA key of each kind, in the folder ``pool``.

    Raises ``cryptography``'s UnsupportedAlgorithm, or ImportError, for one that the installed version cannot make.
    """
    token = entropy.token(66, f"pki key {role}")
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(token[:32])
        case "ed448":
            return ed448.Ed448PrivateKey.from_private_bytes(token[:57])
        case "x25519":
            return x25519.X25519PrivateKey.from_private_bytes(token[:32])
        case _ if kind in _POOLED:
            return _pooled(pool / f"{kind}.pem")
        case _ if kind in _MLDSA:
            return _mldsa(kind, token[:32])
        case _:
            curve = _CURVES[kind]
            scalar = int.from_bytes(token) % (1 << curve.key_size - 1)  # below the order of every curve here
            return ec.derive_private_key(scalar + 1, curve)


def _mldsa(kind: str, seed: bytes) -> MldsaKey:
    from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 -- older versions have none

    match kind:
        case "mldsa44":
            return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        case "mldsa65":
            return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed)
        case _:
            return mldsa.MLDSA87PrivateKey.from_seed_bytes(seed)


def _pooled(path: Path) -> rsa.RSAPrivateKey | dsa.DSAPrivateKey:
    """Load a key of the pool; checking it again would take longer than making it."""
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | dsa.DSAPrivateKey):
        raise TypeError(f"{path} is neither an RSA nor a DSA key")
    return key
