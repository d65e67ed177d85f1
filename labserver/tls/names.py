"""Names of groups for key exchange and of signature schemes, as each library has them."""

from __future__ import annotations

import re

__all__ = ["group_name", "signature_number"]

_ALIASES = {
    "p-192": "secp192r1",
    "prime192v1": "secp192r1",
    "p-224": "secp224r1",
    "p-256": "secp256r1",
    "prime256v1": "secp256r1",
    "p-384": "secp384r1",
    "p-521": "secp521r1",
    "brainpoolp256r1": "brainpoolP256r1",
    "brainpoolp384r1": "brainpoolP384r1",
    "brainpoolp512r1": "brainpoolP512r1",
}
_OPENSSL_PAIR = re.compile(r"(RSA|DSA|ECDSA)\+(MD5|SHA1|SHA224|SHA256|SHA384|SHA512)", re.IGNORECASE)
_HASHES = {"MD5": 1, "SHA1": 2, "SHA224": 3, "SHA256": 4, "SHA384": 5, "SHA512": 6}
_KEYS = {"RSA": 1, "DSA": 2, "ECDSA": 3}
"""RFC 5246 7.4.1.4.1."""
_SCHEMES = {
    "rsa_pkcs1_md5": 0x0101,
    "rsa_pkcs1_sha1": 0x0201,
    "rsa_pkcs1_sha256": 0x0401,
    "rsa_pkcs1_sha384": 0x0501,
    "rsa_pkcs1_sha512": 0x0601,
    "ecdsa_sha1": 0x0203,
    "ecdsa_secp256r1_sha256": 0x0403,
    "ecdsa_secp384r1_sha384": 0x0503,
    "ecdsa_secp521r1_sha512": 0x0603,
    "rsa_pss_rsae_sha256": 0x0804,
    "rsa_pss_rsae_sha384": 0x0805,
    "rsa_pss_rsae_sha512": 0x0806,
    "ed25519": 0x0807,
    "ed448": 0x0808,
}
"""RFC 8446 4.2.3; the first has no name there, since TLS 1.3 has no MD5."""


def group_name(name: str) -> str:
    """Return IANA's name of a group, whichever of OpenSSL's names it is given; ``P-256`` is ``secp256r1``."""
    return _ALIASES.get(name.lower(), name.lower())


def signature_number(name: str) -> int | None:
    """Return IANA's number of a signature scheme; by its own name, or as OpenSSL writes older ones (``RSA+SHA1``)."""
    if pair := _OPENSSL_PAIR.fullmatch(name):
        return _HASHES[pair[2].upper()] << 8 | _KEYS[pair[1].upper()]
    return _SCHEMES.get(name.lower())
